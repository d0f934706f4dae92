/**
 * The statements of `raft.db`, as `queries.ts` has those of `log.db`.
 */
import { asc, desc, gt, lte, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/libsql";
import { asBytes, number, set, value } from "./columns.ts";
import { entries, identity, snapshots } from "./tables-raft.ts";

const db = drizzle.mock();

/** In place of the column, which format 1 has not. */
const noChecksum = sql<number>`-1`;

export const raftQueries = {
  getIdentity: db
    .select({
      clusterId: asBytes(identity.clusterId),
      nodeId: number(identity.nodeId),
      directoryId: asBytes(identity.directoryId),
    })
    .from(identity),
  insertIdentity: db.insert(identity).values({
    directoryId: set("directoryId"),
    clusterId: set("clusterId"),
    nodeId: set("nodeId"),
  }),
  getSnapshot: db
    .select({
      index: snapshots.index,
      epoch: number(snapshots.epoch),
      image: asBytes(snapshots.image),
      checksum: number(snapshots.checksum),
    })
    .from(snapshots)
    .orderBy(desc(snapshots.index))
    .limit(1),
  getSnapshotOfFormat1: db
    .select({
      index: snapshots.index,
      epoch: number(snapshots.epoch),
      image: asBytes(snapshots.image),
      checksum: noChecksum,
    })
    .from(snapshots)
    .orderBy(desc(snapshots.index))
    .limit(1),
  insertSnapshot: db.insert(snapshots).values({
    index: set("index"),
    epoch: set("epoch"),
    image: set("image"),
    checksum: set("checksum"),
  }),
  deleteSnapshots: db.delete(snapshots),
  listEntries: db
    .select({
      index: entries.index,
      epoch: number(entries.epoch),
      command: asBytes(entries.command),
      checksum: number(entries.checksum),
    })
    .from(entries)
    .where(gt(entries.index, value("after")))
    .orderBy(asc(entries.index))
    .limit(1000),
  listEntriesOfFormat1: db
    .select({
      index: entries.index,
      epoch: number(entries.epoch),
      command: asBytes(entries.command),
      checksum: noChecksum,
    })
    .from(entries)
    .where(gt(entries.index, value("after")))
    .orderBy(asc(entries.index))
    .limit(1000),
  lastEntry: db
    .select({ index: entries.index })
    .from(entries)
    .orderBy(desc(entries.index))
    .limit(1),
  insertEntry: db.insert(entries).values({
    index: set("index"),
    epoch: set("epoch"),
    command: set("command"),
    checksum: set("checksum"),
  }),
  deleteEntriesTo: db.delete(entries).where(lte(entries.index, value("index"))),
};
