/**
 * The tables of `log.db`, declared once: drizzle-kit makes `migrations/log` from them, `queries.ts` the statements.
 *
 * - A row holds whole record batches of one partition; `(partition, last)` finds mid-row offsets, gaps and deletes in one
 *   search. `max_timestamp` is a running maximum, so that it rises with `last` and can be searched by halving.
 * - `partitions.guard` is never read: an update that finds another epoch or end than its writer believes would set it to
 *   0, which its CHECK refuses, so that the statement fails.
 */
import { sql } from "drizzle-orm";
import {
  blob,
  check,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core";

/** Facts of the file: `running` holds the boot id of the machine while a process has it open. */
export const meta = sqliteTable("meta", {
  key: text("key").primaryKey(),
  value: text("value").notNull(),
});

export const partitions = sqliteTable(
  "partitions",
  {
    /** AUTOINCREMENT: a number is never given twice. */
    id: integer("id").primaryKey({ autoIncrement: true }),
    topicId: text("topic_id").notNull(),
    index: integer("index").notNull(),
    epoch: integer("epoch").notNull(),
    logStart: integer("log_start").notNull(),
    end: integer("end").notNull(),
    reservedEnd: integer("reserved_end").notNull(),
    startPosition: integer("start_position").notNull(),
    endPosition: integer("end_position").notNull(),
    maxTimestamp: integer("max_timestamp").notNull(),
    /** Compaction has gone through everything below this offset. */
    cleanedTo: integer("cleaned_to").notNull().default(0),
    /** -1 in a partition from before there were producers: as of its end. */
    producersEnd: integer("producers_end").notNull().default(-1),
    abortedEnd: integer("aborted_end").notNull().default(0),
    /** Rows below this offset have been deleted; those from here to the log start are still to go. */
    sweptTo: integer("swept_to").notNull(),
    /** 1 once dropped: its rows are going, then this row too. */
    dropped: integer("dropped").notNull(),
    guard: integer("guard").notNull(),
  },
  (table) => [
    uniqueIndex("partitions_topic")
      .on(table.topicId, table.index)
      .where(sql`"dropped" = 0`),
    check("partitions_guard", sql`"guard" = 1`),
  ],
);

export const rows = sqliteTable(
  "rows",
  {
    id: integer("id").primaryKey(),
    partition: integer("partition").notNull(),
    base: integer("base").notNull(),
    last: integer("last").notNull(),
    epoch: integer("epoch").notNull(),
    /** Number of batches. */
    count: integer("count").notNull(),
    position: integer("position").notNull(),
    maxTimestamp: integer("max_timestamp").notNull(),
    data: blob("data", { mode: "buffer" }).notNull(),
  },
  (table) => [uniqueIndex("rows_last").on(table.partition, table.last)],
);

export const epochs = sqliteTable(
  "epochs",
  {
    partition: integer("partition").notNull(),
    epoch: integer("epoch").notNull(),
    start: integer("start").notNull(),
  },
  (table) => [primaryKey({ columns: [table.partition, table.epoch] })],
);

/** Idempotent HTTP requests that were answered. */
export const receipts = sqliteTable(
  "receipts",
  {
    partition: integer("partition").notNull(),
    key: blob("key", { mode: "buffer" }).notNull(),
    last: integer("last").notNull(),
    expiresMs: integer("expires_ms").notNull(),
    value: blob("value", { mode: "buffer" }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.partition, table.key] }),
    index("receipts_expires").on(table.expiresMs),
  ],
);

/** Producers in each partition, as of `partitions.producers_end`. Ids are any int64, kept as text: a number is exact to 2^53. */
export const producers = sqliteTable(
  "producers",
  {
    partition: integer("partition").notNull(),
    producerId: text("producer_id").notNull(),
    epoch: integer("epoch").notNull(),
    coordinatorEpoch: integer("coordinator_epoch").notNull(),
    lastTimestamp: integer("last_timestamp").notNull(),
    /** The first offset of its open transaction, -1 without one. */
    transactionStart: integer("transaction_start").notNull(),
    /** The last five batches. */
    batches: blob("batches", { mode: "buffer" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.partition, table.producerId] })],
);

/** Aborted transactions, by the offset of their marker. */
export const aborted = sqliteTable(
  "aborted",
  {
    partition: integer("partition").notNull(),
    last: integer("last").notNull(),
    producerId: text("producer_id").notNull(),
    first: integer("first").notNull(),
    lastStable: integer("last_stable").notNull(),
  },
  (table) => [primaryKey({ columns: [table.partition, table.last] })],
);
