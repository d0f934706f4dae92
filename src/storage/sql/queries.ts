/**
 * Every statement of both databases, written in Drizzle over the declared tables. `bun run statements` compiles them into
 * `statements.ts`, which is what runs: so the node starts without loading Drizzle (12 ms a thread), and the SQL that runs
 * can be read. A test holds the two together.
 */
import { and, asc, desc, eq, gte, lt, lte, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/libsql";
import { alias } from "drizzle-orm/sqlite-core";
import { asBytes, number, set, value } from "./columns.ts";
import { raftQueries } from "./queries-raft.ts";
import { aborted, epochs, meta, partitions, producers, receipts, rows } from "./tables-log.ts";
import { ABORTED_READ_MAX } from "../storage.ts";

const db = drizzle.mock();
const bounds = {
  epoch: number(partitions.epoch),
  logStart: number(partitions.logStart),
  end: number(partitions.end),
  reservedEnd: number(partitions.reservedEnd),
  startPosition: number(partitions.startPosition),
  endPosition: number(partitions.endPosition),
  maxTimestamp: number(partitions.maxTimestamp),
  cleanedTo: number(partitions.cleanedTo),
  producersEnd: number(partitions.producersEnd),
  abortedEnd: number(partitions.abortedEnd),
};

const rowHead = {
  base: number(rows.base),
  last: number(rows.last),
  epoch: number(rows.epoch),
  position: number(rows.position),
};
const rowData = asBytes(rows.data);
const ofPartition = eq(rows.partition, value("partition"));
const fromOffset = and(ofPartition, gte(rows.last, value("from")));
const bytes = sql<number>`length(${rows.data})`;

/**
 * The row that an entry of the index leads to. Asked for a row by its index SQLite takes what columns it can from there, whatever
 * the row itself has; as a second table it is read itself, at no greater cost.
 */
const entry = alias(rows, "entry");
const leadsTo = eq(rows.id, entry.id);
const entryOf = {
  partition: number(rows.partition),
  ...rowHead,
  indexed: number(entry.last),
};
const headColumns = { ...rowHead, maxTimestamp: number(rows.maxTimestamp), bytes };
const entryHead = { id: entry.id, ...entryOf, ...headColumns };
const entryOfPartition = eq(entry.partition, value("partition"));
const entryFrom = and(entryOfPartition, gte(entry.last, value("from")));

const metaQueries = {
  getMeta: db
    .select({ value: asBytes(meta.value) })
    .from(meta)
    .where(eq(meta.key, value("key"))),
  setMeta: db
    .insert(meta)
    .values({ key: set("key"), value: set("value") })
    .onConflictDoUpdate({ target: meta.key, set: { value: set("value") } }),
  deleteMeta: db.delete(meta).where(eq(meta.key, value("key"))),
};

const partitionQueries = {
  listPartitions: db
    .select({
      id: partitions.id,
      topicId: asBytes(partitions.topicId),
      index: number(partitions.index),
      ...bounds,
      sweptTo: number(partitions.sweptTo),
      dropped: number(partitions.dropped),
    })
    .from(partitions)
    .orderBy(asc(partitions.id)),
  /** What logs are of, by the index alone. */
  listKeys: db
    .select({
      id: partitions.id,
      topicId: asBytes(partitions.topicId),
      index: number(partitions.index),
    })
    .from(partitions)
    .where(eq(partitions.dropped, 0))
    .orderBy(asc(partitions.topicId), asc(partitions.index)),
  getPartition: db
    .select(bounds)
    .from(partitions)
    .where(and(eq(partitions.id, value("id")), eq(partitions.dropped, 0))),
  getLogStart: db
    .select({ logStart: number(partitions.logStart) })
    .from(partitions)
    .where(and(eq(partitions.id, value("id")), eq(partitions.dropped, 0))),
  insertPartition: db.insert(partitions).values({
    topicId: set("topicId"),
    index: set("index"),
    epoch: 0,
    logStart: 0,
    end: 0,
    reservedEnd: set("reservedEnd"),
    startPosition: 0,
    endPosition: 0,
    maxTimestamp: -1,
    cleanedTo: 0,
    producersEnd: 0,
    abortedEnd: 0,
    sweptTo: 0,
    dropped: 0,
    guard: 1,
  }),
  /** Moves a partition that is as its writer believes; on any other the statement fails. */
  movePartition: db
    .update(partitions)
    .set({
      guard: sql`(${partitions.epoch} = ${value("guardEpoch")} and ${partitions.end} = ${value("guardEnd")})`,
      epoch: set("epoch"),
      logStart: set("logStart"),
      end: set("end"),
      reservedEnd: set("reservedEnd"),
      startPosition: set("startPosition"),
      endPosition: set("endPosition"),
      maxTimestamp: set("maxTimestamp"),
      cleanedTo: set("cleanedTo"),
      producersEnd: set("producersEnd"),
      abortedEnd: set("abortedEnd"),
    })
    .where(and(eq(partitions.id, value("id")), eq(partitions.dropped, 0))),
  reserveMore: db
    .update(partitions)
    .set({ reservedEnd: sql`${partitions.reservedEnd} + ${value("offsets")}` }),
  dropPartition: db
    .update(partitions)
    .set({ dropped: 1 })
    .where(eq(partitions.id, value("id"))),
  sweptPartition: db
    .update(partitions)
    .set({ sweptTo: set("sweptTo") })
    .where(eq(partitions.id, value("id"))),
  deletePartition: db.delete(partitions).where(eq(partitions.id, value("id"))),
  listEpochs: db
    .select({
      partition: number(epochs.partition),
      epoch: number(epochs.epoch),
      start: number(epochs.start),
    })
    .from(epochs)
    .orderBy(asc(epochs.partition), asc(epochs.epoch)),
  insertEpoch: db
    .insert(epochs)
    .values({ partition: set("partition"), epoch: set("epoch"), start: set("start") }),
  deleteEpochs: db.delete(epochs).where(eq(epochs.partition, value("partition"))),
};

const rowQueries = {
  insertRow: db.insert(rows).values({
    partition: set("partition"),
    base: set("base"),
    last: set("last"),
    epoch: set("epoch"),
    count: set("count"),
    position: set("position"),
    maxTimestamp: set("maxTimestamp"),
    data: set("data"),
  }),
  /** Heads of the next rows: how many a read may take. */
  headsFrom: db
    .select({
      partition: number(rows.partition),
      last: number(rows.last),
      indexed: number(entry.last),
      bytes,
    })
    .from(entry)
    .leftJoin(rows, leadsTo)
    .where(entryFrom)
    .orderBy(asc(entry.last))
    .limit(100),
  /** Where the next rows are, of the index alone. */
  placesFrom: db
    .select({ id: rows.id, last: number(rows.last) })
    .from(rows)
    .where(fromOffset)
    .orderBy(asc(rows.last))
    .limit(value("limit")),
  /** The same by going through all entries of the partition: finds those that a damaged one hides from a search. */
  entriesFrom: db
    .select({ id: rows.id, last: number(rows.last) })
    .from(rows)
    .where(and(ofPartition, sql`+${rows.last} >= ${value("from")}`))
    .orderBy(asc(rows.last))
    .limit(256),
  entriesBefore: db
    .select({ id: rows.id, last: number(rows.last) })
    .from(rows)
    .where(and(ofPartition, sql`+${rows.last} < ${value("before")}`))
    .orderBy(desc(rows.last))
    .limit(16),
  rowsBetween: db
    .select({ ...entryOf, data: rowData })
    .from(entry)
    .leftJoin(rows, leadsTo)
    .where(and(entryFrom, lte(entry.last, value("to"))))
    .orderBy(asc(entry.last)),
  /** The first row that holds an offset at or past `from`. */
  headFrom: db
    .select(entryHead)
    .from(entry)
    .leftJoin(rows, leadsTo)
    .where(entryFrom)
    .orderBy(asc(entry.last))
    .limit(1),
  headBefore: db
    .select(entryHead)
    .from(entry)
    .leftJoin(rows, leadsTo)
    .where(and(entryOfPartition, lt(entry.last, value("before"))))
    .orderBy(desc(entry.last))
    .limit(1),
  headById: db
    .select({ id: rows.id, partition: entryOf.partition, ...headColumns })
    .from(rows)
    .where(eq(rows.id, value("id"))),
  /** The newest rows of the file, whosever they are. */
  newestRows: db
    .select({ id: rows.id, partition: number(rows.partition), last: number(rows.last), bytes })
    .from(rows)
    .where(lt(rows.id, value("before")))
    .orderBy(desc(rows.id))
    .limit(64),
  rowById: db
    .select({ ...rowHead, data: rowData })
    .from(rows)
    .where(eq(rows.id, value("id"))),
  /** Rows that lie wholly below an offset, oldest first: what a sweep may take. */
  rowsBelow: db
    .select({ ...entryOf, bytes })
    .from(entry)
    .leftJoin(rows, leadsTo)
    .where(and(entryOfPartition, lt(entry.last, value("below"))))
    .orderBy(asc(entry.last))
    .limit(value("limit")),
  deleteRowsTo: db.delete(rows).where(and(ofPartition, lte(rows.last, value("last")))),
  deleteRowsFrom: db.delete(rows).where(fromOffset),
  /** Heads of the rows of a range, for compaction. */
  headsBetween: db
    .select(entryHead)
    .from(entry)
    .leftJoin(rows, leadsTo)
    .where(and(entryFrom, lte(entry.last, value("to"))))
    .orderBy(asc(entry.last)),
  deleteRowsBetween: db.delete(rows).where(and(fromOffset, lte(rows.last, value("to")))),
  insertRowAs: db.insert(rows).values({
    id: set("id"),
    partition: set("partition"),
    base: set("base"),
    last: set("last"),
    epoch: set("epoch"),
    count: set("count"),
    position: set("position"),
    maxTimestamp: set("maxTimestamp"),
    data: set("data"),
  }),
  moveRow: db
    .update(rows)
    .set({ position: set("position") })
    .where(eq(rows.id, value("id"))),
};

const receiptQueries = {
  putReceipt: db
    .insert(receipts)
    .values({
      partition: set("partition"),
      key: set("key"),
      last: set("last"),
      expiresMs: set("expiresMs"),
      value: set("value"),
    })
    .onConflictDoUpdate({
      target: [receipts.partition, receipts.key],
      set: {
        last: sql`excluded.last`,
        expiresMs: sql`excluded.expires_ms`,
        value: sql`excluded.value`,
      },
    }),
  getReceipt: db
    .select({
      last: number(receipts.last),
      expiresMs: number(receipts.expiresMs),
      value: asBytes(receipts.value),
    })
    .from(receipts)
    .where(and(eq(receipts.partition, value("partition")), eq(receipts.key, value("key")))),
  deleteReceiptsFrom: db
    .delete(receipts)
    .where(and(eq(receipts.partition, value("partition")), gte(receipts.last, value("from")))),
  deleteReceipts: db.delete(receipts).where(eq(receipts.partition, value("partition"))),
  /** A bounded step of forgetting. */
  forgetReceipts: db.delete(receipts).where(
    sql`rowid in ${db
      .select({ rowid: sql`rowid` })
      .from(receipts)
      .where(lt(receipts.expiresMs, value("nowMs")))
      .limit(sql.placeholder("limit"))}`,
  ),
};

const producerQueries = {
  putProducer: db
    .insert(producers)
    .values({
      partition: set("partition"),
      producerId: set("producerId"),
      epoch: set("epoch"),
      coordinatorEpoch: set("coordinatorEpoch"),
      lastTimestamp: set("lastTimestamp"),
      transactionStart: set("transactionStart"),
      batches: set("batches"),
    })
    .onConflictDoUpdate({
      target: [producers.partition, producers.producerId],
      set: {
        epoch: sql`excluded.epoch`,
        coordinatorEpoch: sql`excluded.coordinator_epoch`,
        lastTimestamp: sql`excluded.last_timestamp`,
        transactionStart: sql`excluded.transaction_start`,
        batches: sql`excluded.batches`,
      },
    }),
  listProducers: db
    .select({
      partition: number(producers.partition),
      producerId: asBytes(producers.producerId),
      epoch: number(producers.epoch),
      coordinatorEpoch: number(producers.coordinatorEpoch),
      lastTimestamp: number(producers.lastTimestamp),
      transactionStart: number(producers.transactionStart),
      batches: asBytes(producers.batches),
    })
    .from(producers),
  deleteProducer: db
    .delete(producers)
    .where(
      and(
        eq(producers.partition, value("partition")),
        eq(producers.producerId, value("producerId")),
      ),
    ),
  deleteProducers: db.delete(producers).where(eq(producers.partition, value("partition"))),
  insertAborted: db.insert(aborted).values({
    partition: set("partition"),
    last: set("last"),
    producerId: set("producerId"),
    first: set("first"),
    lastStable: set("lastStable"),
  }),
  listAborted: db
    .select({
      last: number(aborted.last),
      producerId: asBytes(aborted.producerId),
      first: number(aborted.first),
      lastStable: number(aborted.lastStable),
    })
    .from(aborted)
    .where(and(eq(aborted.partition, value("partition")), gte(aborted.last, value("from"))))
    .orderBy(asc(aborted.last))
    .limit(ABORTED_READ_MAX),
  deleteAborted: db
    .delete(aborted)
    .where(and(eq(aborted.partition, value("partition")), eq(aborted.last, value("last")))),
  deleteAbortedFrom: db
    .delete(aborted)
    .where(and(eq(aborted.partition, value("partition")), gte(aborted.last, value("from")))),
  /** A bounded step of deleting those below an offset. */
  deleteAbortedBelow: db.delete(aborted).where(
    sql`rowid in ${db
      .select({ rowid: sql`rowid` })
      .from(aborted)
      .where(and(eq(aborted.partition, value("partition")), lt(aborted.last, value("below"))))
      .limit(sql.placeholder("limit"))}`,
  ),
};

export const queries = {
  log: {
    ...metaQueries,
    ...partitionQueries,
    ...rowQueries,
    ...receiptQueries,
    ...producerQueries,
  },
  raft: raftQueries,
};
