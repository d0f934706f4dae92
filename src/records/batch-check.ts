/**
 * The full check of a batch from an untrusted client, as strict as Kafka's LogValidator and ProduceRequest together.
 *
 * - Order: size, magic, CRC, header, then every record (decompressed, bounded). An uncompressed batch is walked where it
 *   lies.
 * - Deltas must be 0, 1, 2 …: offsets inside a batch are the broker's to promise.
 * - A batch that holds much can be checked in two halves, the records with pauses in between.
 * - As in Kafka, a maximum timestamp that is not the records' own is put right in place, with a new CRC. So is the bit of append
 *   times, which is the topic's to say, and a producer id below -1, which is none (Kafka keeps that one as it is).
 * - As in Kafka, where append times replace the client's, those may be any: below 0, or beyond 2^53, up to which we count. Only
 *   records of one batch that are 2^52 ms apart are refused, which Kafka takes.
 * - As in Kafka, a delete horizon is kept as it was sent, though nobody but a broker has one to set.
 */
import { Refusal } from "../lib/refusal.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  attribute,
  batchBytes,
  crcHolds,
  field,
  readBatchHeader,
  stampCrc,
  viewOf,
  writeLong,
  writeShort,
} from "./batch.ts";
import { openRecords, RECORDS_A_PAUSE, RECORDS_COST, type VisitOptions } from "./batch-visit.ts";
import { codecNames, decompress, decompressAtOnce } from "./compression.ts";
import { corrupt, wrongCrc } from "./refusals.ts";
import { type RecordWalk, startWalk, stepRecord } from "./record-walk.ts";
import { BeyondExact } from "./varint.ts";

/** Stands for times that append times replace: what the records differ from it by, either way, is a time as well. */
const ANY_TIME_MS = 2 ** 52;

export interface BatchLimits {
  /** Largest batch as sent (`max.message.bytes`). */
  readonly bytesMax: number;
  /** Largest that its records may be once decompressed. */
  readonly decompressedBytesMax: number;
}

/** What a batch's records are together, for rules that ask it of each of them. */
export interface BatchContents {
  /** Decompressed. */
  readonly bytes: number;
  readonly minTimestamp: number;
  readonly maxTimestamp: number;
  /** A record has no key. */
  readonly keyless: boolean;
}

/**
 * Checks that `bytes` are exactly one good batch and gives its header. Refuses with corrupt_message, invalid_record,
 * invalid_timestamp or message_too_large.
 */
export function checkBatch(bytes: Uint8Array, limits: BatchLimits): BatchHeader {
  const header = checkEnvelope(bytes, limits.bytesMax, "create");
  const records = decompress(header.codec, recordsOf(bytes), limits.decompressedBytesMax);
  return corrected(bytes, header, checkRecords(records, header));
}

/**
 * The first half of `checkBatch`: all but the records, and the largest timestamp as it is claimed. Times of a client that append
 * times are to replace may be any.
 */
export function checkEnvelope(
  bytes: Uint8Array,
  bytesMax: number,
  timestampType: BatchHeader["timestampType"],
): BatchHeader {
  if (bytes.length > bytesMax)
    throw new Refusal(
      "message_too_large",
      `The batch has ${bytes.length} bytes; ${bytesMax} are allowed.`,
      { bytes_max: bytesMax },
    );
  const view = viewOf(bytes);
  const sizeBytes = batchBytes(view, 0);
  if (sizeBytes !== bytes.length)
    throw new Refusal("invalid_record", "Exactly one batch is taken at a time; bytes follow it.");
  if (!crcHolds(bytes, 0, sizeBytes)) throw wrongCrc();
  if (timestampType === "create") checkTimes(view);
  checkCodec(view);
  putRight(bytes, view, timestampType === "append" && isNoTime(view));
  const header = readBatchHeader(bytes);
  checkHeader(header);
  return header;
}

/** The second half: every record; null, after a bounded effort, where there is more than can be done at once. */
export function checkContents(
  bytes: Uint8Array,
  header: BatchHeader,
  decompressedBytesMax: number,
): BatchContents | null {
  const records = decompressAtOnce(header.codec, recordsOf(bytes), decompressedBytesMax);
  return records && checkRecords(records, header);
}

/** The same for any batch, with pauses. */
export async function checkContentsBeside(
  bytes: Uint8Array,
  header: BatchHeader,
  options: VisitOptions,
): Promise<BatchContents> {
  const records = await openRecords(bytes, 0, header, options);
  const check = new RecordsCheck(records, header);
  for (let to = RECORDS_A_PAUSE; to < header.count; to += RECORDS_A_PAUSE) {
    check.goOn(to);
    await options.pause(RECORDS_COST);
  }
  check.goOn(header.count);
  return check.finish();
}

/** The header, with the records' own largest timestamp: as in Kafka it is put right in the batch where it is another. */
export function corrected(
  bytes: Uint8Array,
  header: BatchHeader,
  { maxTimestamp }: BatchContents,
): BatchHeader {
  if (maxTimestamp === header.maxTimestamp) return header;
  writeLong(bytes, field.maxTimestamp, maxTimestamp);
  stampCrc(bytes, 0, bytes.length);
  return { ...header, maxTimestamp };
}

function recordsOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(BATCH_HEADER_BYTES);
}

/** Who counts in nanoseconds is told of the time, as in Kafka, and not of damage, for which clients send again and again. */
function checkTimes(view: DataView): void {
  for (const at of [field.baseTimestamp, field.maxTimestamp])
    if (isBeyondTime(view, at)) throw beyondTime();
}

function isBeyondTime(view: DataView, at: number): boolean {
  return Math.abs(view.getInt32(at)) >= 2 ** 21;
}

/** Times that readers of the log could not count with, or below none. */
function isNoTime(view: DataView): boolean {
  const { baseTimestamp, maxTimestamp } = field;
  return (
    view.getInt32(baseTimestamp) < 0 ||
    isBeyondTime(view, baseTimestamp) ||
    isBeyondTime(view, maxTimestamp)
  );
}

/** Kafka looks for the codec where it has no name for an error. */
function checkCodec(view: DataView): void {
  const codec = view.getInt16(field.attributes) & attribute.codecMask;
  if (codecNames[codec]) return;
  throw new Refusal("unknown_server_error", `The batch names compression ${codec}; there is none.`);
}

/** What a client says and has no say in. */
function putRight(bytes: Uint8Array, view: DataView, noTime: boolean): void {
  const attributes = view.getInt16(field.attributes);
  const appendTime = (attributes & attribute.appendTime) !== 0;
  const noProducer = isBelowNone(view);
  if (!appendTime && !noProducer && !noTime) return;
  writeShort(bytes, field.attributes, attributes & ~attribute.appendTime);
  if (noProducer) writeLong(bytes, field.producerId, -1);
  if (noTime) {
    writeLong(bytes, field.baseTimestamp, ANY_TIME_MS);
    writeLong(bytes, field.maxTimestamp, ANY_TIME_MS);
  }
  stampCrc(bytes, 0, bytes.length);
}

/** A producer id below -1; no big integer is made of those that most batches have. */
function isBelowNone(view: DataView): boolean {
  const high = view.getInt32(field.producerId);
  return high < 0 && !(high === -1 && view.getInt32(field.producerId + 4) === -1);
}

function beyondTime(): Refusal {
  return new Refusal("invalid_timestamp", "A timestamp is beyond 2^53; they are in milliseconds.");
}

function checkHeader(header: BatchHeader): void {
  if (header.count === 0 || header.lastOffsetDelta !== header.count - 1)
    throw invalid(`The batch has ${header.count} records but ends at +${header.lastOffsetDelta}.`);
  if (header.control) throw invalid("Control batches are written by the broker alone.");
  if (header.producerId === -1n) {
    if (header.transactional) throw invalid("A transactional batch needs a producer id.");
  } else if (header.producerEpoch < 0 || header.baseSequence < 0)
    throw invalid("A producer id needs an epoch and a sequence number of 0 or more.");
}

function checkRecords(records: Uint8Array, header: BatchHeader): BatchContents {
  const check = new RecordsCheck(records, header);
  check.goOn(header.count);
  return check.finish();
}

/** A walk over a batch's records that can be interrupted. */
class RecordsCheck {
  readonly #walk: RecordWalk;
  readonly #baseTimestamp: number;
  #index = 0;
  #minTimestamp = Number.MAX_SAFE_INTEGER;
  #maxTimestamp = -1;
  #keyless = false;

  constructor(records: Uint8Array, { baseTimestamp }: BatchHeader) {
    this.#walk = startWalk(records, 0);
    this.#baseTimestamp = baseTimestamp;
  }

  /** Checks the records up to number `to`. */
  goOn(to: number): void {
    try {
      this.#walkTo(to);
    } catch (error) {
      throw error instanceof BeyondExact ? beyondTime() : error;
    }
  }

  #walkTo(to: number): void {
    const walk = this.#walk;
    const baseTimestamp = this.#baseTimestamp;
    let minTimestamp = this.#minTimestamp;
    let maxTimestamp = this.#maxTimestamp;
    for (let index = this.#index; index < to; index++) {
      stepRecord(walk);
      if (walk.offsetDelta !== index)
        throw invalid(`Record ${index} has offset delta ${walk.offsetDelta}.`);
      const timestamp = baseTimestamp + walk.timestampDelta;
      if (timestamp < -1 || timestamp > Number.MAX_SAFE_INTEGER)
        throw new Refusal("invalid_timestamp", `Record ${index} has timestamp ${timestamp}.`);
      if (timestamp > maxTimestamp) maxTimestamp = timestamp;
      if (timestamp < minTimestamp) minTimestamp = timestamp;
      if (walk.keyBytes < 0) this.#keyless = true;
    }
    this.#index = to;
    this.#minTimestamp = minTimestamp;
    this.#maxTimestamp = maxTimestamp;
  }

  finish(): BatchContents {
    const { bytes, at } = this.#walk;
    if (at !== bytes.length) throw corrupt("Bytes follow the batch's last record.");
    return {
      bytes: bytes.length,
      minTimestamp: this.#minTimestamp,
      maxTimestamp: this.#maxTimestamp,
      keyless: this.#keyless,
    };
  }
}

function invalid(detail: string): Refusal {
  return new Refusal("invalid_record", detail);
}
