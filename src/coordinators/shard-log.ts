/**
 * A shard's partition as its coordinator uses it: records appended as one unit, and all of them read back at a load.
 *
 * - What an append's failure means is told apart: without effect, or not known, after which memory may no longer agree with the
 *   log and the shard is loaded anew.
 * - A load reads whole batches up to the high watermark in bounded pieces; records that this program cannot read are skipped
 *   with a line in the log, as Kafka does.
 */
import { mapSlices } from "../lib/async.ts";
import type { Clock } from "../lib/clock.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Logger } from "../lib/logger.ts";
import type { Partition } from "../log/partition.ts";
import { readBatches } from "../log/reading/reader.ts";
import { readRecords } from "../records/batch-read.ts";
import { walkBatches } from "../records/batch.ts";
import { readMarker } from "../records/control.ts";
import type { NewRecord } from "../records/record.ts";
import { StorageFault } from "../storage/storage.ts";
import type { CoordinatorRecord, ReplayedRecord, Transaction } from "./step.ts";

/** The most that a compressed batch of a coordinator may hold when it is opened. */
const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Appends records, all or none; resolves once they are synced. Of very many the bytes are made in slices before; those of a
 * transaction at once, so that its marker cannot come between.
 */
export async function appendRecords(
  log: Partition,
  records: readonly CoordinatorRecord[],
  transaction: Transaction | null,
  clock: Clock,
): Promise<void> {
  const made = transaction ? newRecords(records) : mapSlices(clock, records, newRecords);
  const news = made instanceof Promise ? await made : made;
  if (!transaction) {
    await log.appendAsLeader(log.epoch, { acks: -1, payload: { type: "records", records: news } });
    return;
  }
  const { guard = null, ...owner } = transaction;
  const payload = { type: "records", records: news, transaction: owner } as const;
  await log.appendAsLeader(log.epoch, { acks: -1, payload, guard });
}

function newRecords(records: readonly CoordinatorRecord[]): readonly NewRecord[] {
  return records.map(({ key, value }) => ({ key, value, headers: [], timestampMs: null }));
}

/** True when nobody can say whether the records were appended. */
export function isOutcomeUnknown(error: unknown): boolean {
  return error instanceof StorageFault && error.outcome === "unknown";
}

/** True for what a caller or a disk may cause; anything else is a bug. */
export function isAppendFailure(error: unknown): boolean {
  return error instanceof StorageFault || error instanceof Refusal;
}

/** True for what the disk does not give back as it was written: asking again soon would be for nothing. */
export function isDamage(error: unknown): boolean {
  if (error instanceof Refusal) return error.code === "corrupt_message";
  return error instanceof StorageFault && error.kind === "damaged";
}

/** What a load meets, in order. */
export type Replayed =
  | { readonly type: "record"; readonly record: ReplayedRecord }
  | { readonly type: "marker"; readonly transaction: Transaction; readonly committed: boolean };

/** Everything that the log holds now, a piece at a time, each with the offset that follows it. */
export async function* replayLog(
  log: Partition,
  bytesMax: number,
  logger: Logger,
): AsyncGenerator<Iterable<Replayed>, void, undefined> {
  await log.begun;
  // Of a commit whose outcome was unknown storage is asked before the log's end is believed; nothing is trimmed.
  if (log.mustRecover) await log.trim(0);
  const end = log.highWatermark;
  let from = log.logStart;
  while (from < end) {
    const { runs, from: next } = await readBatches(
      log,
      from,
      { bytesMax, firstBytesMax: Infinity },
      "read_uncommitted",
    );
    if (runs.length === 0) {
      if (next <= from) return;
      from = next;
      continue;
    }
    for (const run of runs) {
      yield replayedOf(run, from, logger);
      for (const { header } of walkBatches(run)) {
        from = header.baseOffset + header.lastOffsetDelta + 1;
      }
    }
  }
}

function* replayedOf(run: Uint8Array, from: number, logger: Logger): Iterable<Replayed> {
  for (const { at, header } of walkBatches(run)) {
    const transaction = header.transactional
      ? { producerId: header.producerId, producerEpoch: header.producerEpoch }
      : null;
    if (header.control) {
      const marker = header.baseOffset < from ? null : readMarker(run, at);
      if (transaction && marker) yield { type: "marker", transaction, committed: marker.commit };
      continue;
    }
    for (const { offset, timestampMs, key, value } of readRecords(run, at, {
      decompressedBytesMax: DECOMPRESSED_BYTES_MAX,
    })) {
      if (offset < from) continue;
      if (key === null) {
        logger.warn("a coordinator's record without a key is skipped", { offset });
      } else {
        yield { type: "record", record: { key, value, offset, timestampMs, transaction } };
      }
    }
  }
}
