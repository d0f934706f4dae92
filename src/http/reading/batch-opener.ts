/**
 * Opening batches for readers, so that one which holds much does not hold up the others: what exceeds 1 MiB is opened beside the
 * event loop, so many at a time and no more, and its records are gone through with pauses. What the disk damaged is told, not shown.
 */
import { damageOf, type DamagedPlace } from "../../broker/damage.ts";
import type { Clock } from "../../lib/clock.ts";
import { Lanes, type Pause, turnBetween } from "../../lib/async.ts";
import { recordsIn } from "../../records/batch-read.ts";
import { openRecords } from "../../records/batch-visit.ts";
import { BATCH_HEADER_BYTES, type BatchHeader, crcHolds } from "../../records/batch.ts";
import { decompressAtOnce } from "../../records/compression.ts";
import type { LogRecord } from "../../records/record.ts";
import { wrongCrc } from "../../records/refusals.ts";

/** Batches that are open beside the event loop at a time. */
const LANES = 2;

/** A batch in a run of log, and of which log. */
export interface PlacedBatch extends StoredBatch {
  readonly topic: string;
  readonly partition: number;
}

export interface StoredBatch {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly header: BatchHeader;
}

/** Takes one record and tells what that cost, in about nanoseconds; null to be given no more. */
export type TakeRecord = (record: LogRecord) => number | null;

export class BatchOpener {
  readonly #clock: Clock;
  readonly #lanes = new Lanes(LANES);
  readonly #decompressedBytesMax: number;

  constructor(clock: Clock, decompressedBytesMax: number) {
    this.#clock = clock;
    this.#decompressedBytesMax = decompressedBytesMax;
  }

  /** What is to be called between two pieces of one reader's work. */
  pause(): Pause {
    return turnBetween(this.#clock);
  }

  /** The decompressed records, or null where they are too much to open at once. Throws Refusal log_damaged. */
  now(batch: PlacedBatch): Uint8Array | null {
    const { bytes, at, header } = batch;
    if (!crcHolds(bytes, at, header.sizeBytes)) throw damageOf(wrongCrc(), placeOf(batch));
    const stored = bytes.subarray(at + BATCH_HEADER_BYTES, at + header.sizeBytes);
    if (stored.length === 0) return stored;
    return decompressAtOnce(header.codec, stored, this.#decompressedBytesMax);
  }

  /**
   * Gives `take` the records in order; false when it wanted no more. The records are views that hold as long as `take` runs.
   * @throws Refusal log_damaged, and message_too_large past the bound.
   */
  async each(batch: PlacedBatch, take: TakeRecord, pause: Pause): Promise<boolean> {
    const plain = this.now(batch);
    if (plain) return goThrough(plain, batch.header, take, pause);
    const { bytes, at, header } = batch;
    const options = { decompressedBytesMax: this.#decompressedBytesMax, pause };
    return this.#lanes.run(async () =>
      goThrough(await openRecords(bytes, at, header, options), header, take, pause),
    );
  }
}

function placeOf({ topic, partition, header }: PlacedBatch): DamagedPlace {
  const { baseOffset, lastOffsetDelta } = header;
  return { topic, partition, from: baseOffset, next: baseOffset + lastOffsetDelta + 1 };
}

async function goThrough(
  plain: Uint8Array,
  header: BatchHeader,
  take: TakeRecord,
  pause: Pause,
): Promise<boolean> {
  for (const record of recordsIn(plain, header)) {
    const cost = take(record);
    if (cost === null) return false;
    const waiting = pause(cost);
    if (waiting) await waiting;
  }
  return true;
}
