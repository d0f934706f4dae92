/**
 * Writes the entries of one partition into the open transaction, in order, and tells what they make of its log.
 *
 * - Small appends that follow each other join in one row: those under 64 KiB, until the row has 256 KiB, within one
 *   leader epoch. A larger one is a row of its own, since copying it costs more than a row does.
 */
import type Database from "libsql";
import { keptBelow } from "../cut.ts";
import {
  type LogState,
  type Remainder,
  abortedPut,
  appended,
  begun,
  cleaned,
  packed,
  producersPut,
  trimmed,
  truncated,
} from "../log-state.ts";
import { blob, integer, prepareAll } from "../sql/prepared.ts";
import { checkRewrite, placed } from "../rewrite.ts";
import { checked, checkEntry } from "./index-entry.ts";
import { logStatements } from "../sql/statements.ts";
import type {
  AbortedTransaction,
  Append,
  Entry,
  Pack,
  PartitionId,
  PutProducers,
  Receipt,
  Rewrite,
} from "../storage.ts";

/** Appends below this size join. */
const JOINED_BYTES_MAX = 64 * 1024;
/** A row that has this much takes no more. */
const ROW_BYTES_FULL = 256 * 1024;

/** The statements of `log.db`, prepared on the writer's connection. */
export type LogSql = ReturnType<typeof prepareLog>;

export function prepareLog(database: Database.Database) {
  return prepareAll(database, logStatements);
}

interface OpenRow {
  readonly base: number;
  readonly epoch: number;
  readonly position: number;
  readonly parts: Uint8Array[];
  readonly joins: boolean;
  last: number;
  count: number;
  bytes: number;
}

/** Applies the entries to the tables; gives the log's state after them. */
export function writeEntries(
  sql: LogSql,
  partition: PartitionId,
  before: LogState,
  entries: readonly Entry[],
): LogState {
  const writer = new RowWriter(sql, partition, before);
  for (const entry of entries) writer.write(entry);
  return writer.finish(before);
}

class RowWriter {
  readonly #sql: LogSql;
  readonly #partition: PartitionId;
  #state: LogState;
  #open: OpenRow | null = null;

  constructor(sql: LogSql, partition: PartitionId, state: LogState) {
    this.#sql = sql;
    this.#partition = partition;
    this.#state = state;
  }

  write(entry: Entry): void {
    switch (entry.type) {
      case "append":
        this.#append(entry);
        break;
      case "begin":
        this.#flush();
        this.#state = begun(this.#state, entry);
        break;
      case "trim":
        this.#flush();
        if (entry.logStart > this.#state.logStart) this.#trim(entry.logStart);
        break;
      case "truncate":
        this.#flush();
        if (entry.end < this.#state.end) this.#truncate(entry.end);
        break;
      case "receipt":
        this.#putReceipt(entry.receipt);
        break;
      case "rewrite":
        this.#flush();
        this.#rewrite(entry);
        break;
      case "pack":
        this.#flush();
        this.#pack(entry);
        break;
      case "cleaned":
        this.#state = cleaned(this.#state, entry.to);
        break;
      case "producers":
        this.#putProducers(entry);
        break;
      case "aborted":
        // Its marker may be in the open row.
        this.#state = abortedPut(this.#state, entry);
        this.#putAborted(entry.transaction);
        break;
      case "unaborted":
        this.#sql.deleteAborted.run({ partition: this.#partition, last: entry.last });
        break;
      default:
        entry satisfies never;
    }
  }

  finish(before: LogState): LogState {
    this.#flush();
    const { epochs } = this.#state;
    if (epochs !== before.epochs) {
      this.#sql.deleteEpochs.run({ partition: this.#partition });
      for (const { epoch, start } of epochs)
        this.#sql.insertEpoch.run({ partition: this.#partition, epoch, start });
    }
    return this.#state;
  }

  #append(entry: Append): void {
    const { base, last, epoch, count, data } = entry;
    const small = data.byteLength < JOINED_BYTES_MAX;
    const open = this.#open;
    if (open?.joins && small && open.epoch === epoch && open.bytes < ROW_BYTES_FULL) {
      this.#state = appended(this.#state, entry);
      open.parts.push(data);
      open.last = last;
      open.count += count;
      open.bytes += data.byteLength;
      return;
    }
    this.#flush();
    const position = this.#state.endPosition;
    this.#state = appended(this.#state, entry);
    const bytes = data.byteLength;
    this.#open = { base, last, epoch, count, position, bytes, parts: [data], joins: small };
  }

  #flush(): void {
    const row = this.#open;
    if (!row) return;
    this.#open = null;
    this.#sql.insertRow.run({
      partition: this.#partition,
      base: row.base,
      last: row.last,
      epoch: row.epoch,
      count: row.count,
      position: row.position,
      maxTimestamp: this.#state.maxTimestamp,
      data: joined(row.parts, row.bytes),
    });
  }

  #trim(logStart: number): void {
    const first = this.#headFrom(logStart);
    const start = first ? integer(first.position) : this.#state.endPosition;
    this.#state = trimmed(this.#state, logStart, start);
  }

  #truncate(end: number): void {
    const partition = this.#partition;
    const straddlingHead = this.#headFrom(end);
    const straddling =
      straddlingHead && this.#sql.rowById.first({ id: integer(straddlingHead.id) });
    const before = checked(this.#sql.headBefore.first({ partition, before: end }), partition);
    const base: Remainder = {
      end,
      endPosition: before
        ? integer(before.position) + integer(before.bytes)
        : straddling
          ? integer(straddling.position)
          : this.#state.endPosition,
      maxTimestamp: before ? integer(before.maxTimestamp) : -1,
    };
    this.#sql.deleteRowsFrom.run({ partition, from: end });
    this.#sql.deleteReceiptsFrom.run({ partition, from: end });
    this.#sql.deleteAbortedFrom.run({ partition, from: end });
    if (end < this.#state.producersEnd) this.#sql.deleteProducers.run({ partition });
    const data = straddling ? blob(straddling.data) : new Uint8Array();
    const kept = keptBelow(end, data);
    const maxTimestamp = Math.max(base.maxTimestamp, kept.maxTimestamp);
    const position = straddling ? integer(straddling.position) : base.endPosition;
    const endPosition = kept.bytes > 0 ? position + kept.bytes : base.endPosition;
    if (straddling && kept.bytes > 0) {
      this.#sql.insertRow.run({
        partition,
        base: integer(straddling.base),
        last: kept.last,
        epoch: integer(straddling.epoch),
        count: kept.count,
        position,
        maxTimestamp,
        data: data.subarray(0, kept.bytes),
      });
    }
    this.#state = truncated(this.#state, { end, endPosition, maxTimestamp });
  }

  #rewrite(entry: Rewrite): void {
    const partition = this.#partition;
    const { from, to } = entry;
    const old = this.#headsBetween(from, to).map((head) => ({
      id: integer(head.id),
      base: integer(head.base),
      last: integer(head.last),
      position: integer(head.position),
      bytes: integer(head.bytes),
      maxTimestamp: integer(head.maxTimestamp),
    }));
    const next = this.#headFrom(to + 1);
    checkRewrite(entry, old, next !== null);
    this.#sql.deleteRowsBetween.run({ partition, from, to });
    // Under the numbers of those that gave way: the newest numbers stay the newest appends', which a start proves.
    for (const [at, row] of placed(entry.rows, old).entries())
      this.#sql.insertRowAs.run({ ...row, partition, id: old[at]?.id ?? null });
  }

  #pack({ from, to }: Pack): void {
    const next = this.#headFrom(to + 1);
    let end = next ? integer(next.position) : this.#state.endPosition;
    for (const head of this.#headsBetween(from, to).reverse()) {
      end = Math.max(0, end - integer(head.bytes));
      if (integer(head.position) !== end)
        this.#sql.moveRow.run({ id: integer(head.id), position: end });
    }
    const first = this.#headFrom(this.#state.logStart);
    this.#state = packed(this.#state, first ? integer(first.position) : this.#state.endPosition);
  }

  #headFrom(from: number) {
    const partition = this.#partition;
    return checked(this.#sql.headFrom.first({ partition, from }), partition);
  }

  #headsBetween(from: number, to: number) {
    const partition = this.#partition;
    const heads = this.#sql.headsBetween.all({ partition, from, to });
    for (const head of heads) checkEntry(head, partition);
    return heads;
  }

  #putProducers(entry: PutProducers): void {
    this.#state = producersPut(this.#state, entry);
    const partition = this.#partition;
    for (const { id, batches, ...numbers } of entry.changed)
      this.#sql.putProducer.run({ partition, producerId: String(id), ...numbers, batches });
    for (const id of entry.gone)
      this.#sql.deleteProducer.run({ partition, producerId: String(id) });
  }

  #putAborted({ producerId, ...offsets }: AbortedTransaction): void {
    const partition = this.#partition;
    this.#sql.insertAborted.run({ partition, producerId: String(producerId), ...offsets });
  }

  #putReceipt({ key, last, expiresMs, value }: Receipt): void {
    this.#sql.putReceipt.run({ partition: this.#partition, key, last, expiresMs, value });
  }
}

/** The parts as one run of bytes; a view, without a copy, where they already lie side by side. */
function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const [first] = parts;
  if (first && parts.length === 1) return first;
  if (first && sideBySide(parts)) return new Uint8Array(first.buffer, first.byteOffset, bytes);
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

function sideBySide(parts: readonly Uint8Array[]): boolean {
  return parts.every((part, at) => {
    const before = parts[at - 1];
    if (!before) return true;
    return (
      part.buffer === before.buffer && part.byteOffset === before.byteOffset + before.byteLength
    );
  });
}
