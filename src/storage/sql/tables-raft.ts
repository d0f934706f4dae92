/**
 * The tables of `raft.db`: the metadata log, one snapshot below it, and who this folder belongs to. drizzle-kit makes
 * `migrations/raft` from them, `queries.ts` the statements. Votes and Raft's epoch come here with the Raft core.
 *
 * A checksum covers its row's index and epoch too; what was stored before there were any (format 1) has -1. Left out: one for
 * the identity.
 */
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** One row: the folder's identity. */
export const identity = sqliteTable("identity", {
  directoryId: text("directory_id").primaryKey(),
  clusterId: text("cluster_id").notNull(),
  nodeId: integer("node_id").notNull(),
});

export const entries = sqliteTable("entries", {
  index: integer("index").primaryKey(),
  epoch: integer("epoch").notNull(),
  command: text("command").notNull(),
  checksum: integer("checksum").notNull().default(-1),
});

/** The newest snapshot alone. */
export const snapshots = sqliteTable("snapshots", {
  index: integer("index").primaryKey(),
  epoch: integer("epoch").notNull(),
  image: text("image").notNull(),
  checksum: integer("checksum").notNull().default(-1),
});
