/**
 * The tables of a storage as plain maps and arrays, and what one operation makes of them. Operations were checked before:
 * applying the same ones to the same image gives the same image. Their bytes are the image's from then on.
 */
import { assert, present } from "../../lib/assert.ts";
import { keptBelow } from "../cut.ts";
import { checkRewrite, placed } from "../rewrite.ts";
import {
  type LogState,
  type Remainder,
  abortedPut,
  appended,
  begun,
  cleaned,
  emptyLog,
  packed,
  producersPut,
  trimmed,
  truncated,
} from "../log-state.ts";
import type {
  AbortedTransaction,
  Append,
  Entry,
  Pack,
  PartitionId,
  PartitionKey,
  PutProducers,
  Receipt,
  Rewrite,
  Row,
  StoredProducer,
} from "../storage.ts";

interface ImageRow extends Row {
  /** The running maximum of timestamps up to and including this row. */
  readonly maxTimestamp: number;
}

export interface ImagePartition {
  readonly key: PartitionKey;
  state: LogState;
  rows: ImageRow[];
  receipts: Map<string, Receipt>;
  producers: Map<bigint, StoredProducer>;
  /** Ascending by marker. */
  aborted: AbortedTransaction[];
}

export interface Image {
  nextId: PartitionId;
  readonly partitions: Map<PartitionId, ImagePartition>;
}

export type Operation =
  | { readonly type: "create"; readonly key: PartitionKey }
  | { readonly type: "drop"; readonly partition: PartitionId }
  | { readonly type: "change"; readonly partition: PartitionId; readonly entries: readonly Entry[] }
  | { readonly type: "forget"; readonly nowMs: number };

export function emptyImage(): Image {
  return { nextId: 1, partitions: new Map() };
}

/** A copy that shares rows, which never change. */
export function copyImage(image: Image): Image {
  const partitions = new Map<PartitionId, ImagePartition>();
  for (const [id, { key, state, rows, receipts, producers, aborted }] of image.partitions)
    partitions.set(id, {
      key,
      state,
      rows: [...rows],
      receipts: new Map(receipts),
      producers: new Map(producers),
      aborted: [...aborted],
    });
  return { nextId: image.nextId, partitions };
}

export function applyOperation(image: Image, operation: Operation): void {
  switch (operation.type) {
    case "create":
      image.partitions.set(image.nextId, {
        key: operation.key,
        state: emptyLog,
        rows: [],
        receipts: new Map(),
        producers: new Map(),
        aborted: [],
      });
      image.nextId += 1;
      break;
    case "drop":
      image.partitions.delete(operation.partition);
      break;
    case "change": {
      const partition = present(
        image.partitions.get(operation.partition),
        "the change was checked",
      );
      for (const entry of operation.entries) applyEntry(partition, entry);
      break;
    }
    case "forget":
      for (const { receipts } of image.partitions.values())
        for (const [key, { expiresMs }] of receipts)
          if (expiresMs < operation.nowMs) receipts.delete(key);
      break;
    default:
      operation satisfies never;
  }
}

function applyEntry(partition: ImagePartition, entry: Entry): void {
  switch (entry.type) {
    case "append":
      append(partition, entry);
      break;
    case "begin":
      partition.state = begun(partition.state, entry);
      break;
    case "trim":
      if (entry.logStart > partition.state.logStart) trim(partition, entry.logStart);
      break;
    case "truncate":
      truncate(partition, entry.end);
      break;
    case "receipt":
      partition.receipts.set(entry.receipt.key.toHex(), entry.receipt);
      break;
    case "rewrite":
      rewrite(partition, entry);
      break;
    case "pack":
      pack(partition, entry);
      break;
    case "cleaned":
      partition.state = cleaned(partition.state, entry.to);
      break;
    case "producers":
      putProducers(partition, entry);
      break;
    case "aborted":
      partition.state = abortedPut(partition.state, entry);
      partition.aborted.push(entry.transaction);
      break;
    case "unaborted":
      partition.aborted = partition.aborted.filter(({ last }) => last !== entry.last);
      break;
    default:
      entry satisfies never;
  }
}

function putProducers(partition: ImagePartition, entry: PutProducers): void {
  partition.state = producersPut(partition.state, entry);
  for (const producer of entry.changed) partition.producers.set(producer.id, producer);
  for (const id of entry.gone) partition.producers.delete(id);
}

function append(partition: ImagePartition, entry: Append): void {
  const before = partition.state;
  partition.state = appended(before, entry);
  partition.rows.push({
    base: entry.base,
    last: entry.last,
    epoch: entry.epoch,
    position: before.endPosition,
    maxTimestamp: partition.state.maxTimestamp,
    data: entry.data,
  });
}

function trim(partition: ImagePartition, logStart: number): void {
  partition.rows = partition.rows.filter(({ last }) => last >= logStart);
  partition.aborted = partition.aborted.filter(({ last }) => last >= logStart);
  const start = partition.rows[0]?.position ?? partition.state.endPosition;
  partition.state = trimmed(partition.state, logStart, start);
}

function rewrite(partition: ImagePartition, { from, to, replaced, rows }: Rewrite): void {
  const before = partition.rows.filter(({ last }) => last < from);
  const old = partition.rows.filter(({ last }) => last >= from && last <= to);
  const after = partition.rows.filter(({ last }) => last > to);
  checkRewrite({ from, to, replaced, rows }, old, after.length > 0);
  partition.rows = [...before, ...placed(rows, old), ...after];
}

function pack(partition: ImagePartition, { from, to }: Pack): void {
  const at = partition.rows.findIndex(({ last }) => last > to);
  let end = partition.rows[at]?.position ?? partition.state.endPosition;
  const moved = partition.rows.map((row) => row);
  for (let index = (at < 0 ? moved.length : at) - 1; index >= 0; index -= 1) {
    const row = moved[index];
    if (!row || row.last < from) break;
    end = Math.max(0, end - row.data.byteLength);
    moved[index] = { ...row, position: end };
  }
  partition.rows = moved;
  partition.state = packed(partition.state, moved[0]?.position ?? partition.state.endPosition);
}

function truncate(partition: ImagePartition, end: number): void {
  if (end >= partition.state.end) return;
  const whole = partition.rows.filter(({ last }) => last < end);
  const straddling = partition.rows[whole.length];
  const before = whole.at(-1);
  let remainder: Remainder = {
    end,
    endPosition: endOf(before) ?? straddling?.position ?? partition.state.endPosition,
    maxTimestamp: before?.maxTimestamp ?? -1,
  };
  if (straddling) {
    const kept = keptBelow(end, straddling.data);
    if (kept.bytes > 0) {
      const maxTimestamp = Math.max(remainder.maxTimestamp, kept.maxTimestamp);
      const data = straddling.data.slice(0, kept.bytes);
      whole.push({ ...straddling, last: kept.last, data, maxTimestamp });
      remainder = { end, endPosition: straddling.position + kept.bytes, maxTimestamp };
    }
  }
  partition.rows = whole;
  if (end < partition.state.producersEnd) partition.producers.clear();
  partition.aborted = partition.aborted.filter(({ last }) => last < end);
  partition.state = truncated(partition.state, remainder);
  for (const [key, { last }] of partition.receipts) if (last >= end) partition.receipts.delete(key);
  assert(partition.state.end === end, "the end is where truncation was asked to put it");
}

/** The log position behind a row. */
function endOf(row: ImageRow | undefined): number | undefined {
  return row && row.position + row.data.byteLength;
}
