/**
 * One partition's answer to a fetch: which of the read batches' records are shown, and where to go on.
 *
 * - At least one record whatever the limits say, so that no reader stalls on a large one.
 * - Records are counted by their decoded size: a small batch that decompresses into a large one ends the page early. So
 *   does text that gets a quarter longer than that, by characters that have to be escaped or by many tiny records.
 * - Control batches and aborted transactions are passed over; they leave holes, as compaction does.
 */
import type { Isolation, LogEnds, ReadAnswer } from "../broker/verbs.ts";
import { hiddenBy } from "../broker/visibility.ts";
import { readRecords } from "../records/batch-read.ts";
import { type BatchHeader, walkBatches } from "../records/batch.ts";
import type { LogRecord } from "../records/record.ts";
import { placeText, recordText, type RecordForm } from "./record-out.ts";

export interface PageTerms {
  readonly recordsMax: number;
  readonly bytesMax: number;
  readonly isolation: Isolation;
  readonly form: RecordForm;
  readonly decompressedBytesMax: number;
}

export interface Page {
  /** Each record as JSON text. */
  readonly records: readonly string[];
  /** What of `bytesMax` it used up. */
  readonly bytes: number;
  /** The offset to ask for next. */
  readonly next: number;
  readonly upToDate: boolean;
}

/** Room for what JSON says around records of 1 KiB, so that a page of them ends where its batches end. */
const TEXT_PER_BYTE = 1.25;

/** The records of `answer` at or past `from` and below `to`. */
export function pageOf(answer: ReadAnswer, from: number, to: number, terms: PageTerms): Page {
  const records: string[] = [];
  const isHidden = hiddenBy(answer.aborted);
  const prefix = placeText(answer.topic, answer.partition);
  const textLengthMax = terms.bytesMax * TEXT_PER_BYTE;
  let textLength = 0;
  let bytes = 0;
  let next = Math.max(from, Math.min(answer.from, to));
  const done = () => ({
    records,
    bytes: Math.max(bytes, Math.ceil(textLength / TEXT_PER_BYTE)),
    next,
    upToDate: upToDate(answer, next, terms.isolation),
  });
  for (const run of answer.batches)
    for (const { at, header } of walkBatches(run)) {
      if (header.baseOffset >= to) return done();
      if (!isHidden(header))
        for (const record of readRecords(run, at, terms)) {
          if (record.offset < from) continue;
          if (record.offset >= to) return done();
          const size = recordBytes(record);
          const full = records.length >= terms.recordsMax || bytes + size > terms.bytesMax;
          if (full && records.length > 0) return done();
          const text = recordText(prefix, record, header.timestampType, terms.form);
          if (textLength + text.length > textLengthMax && records.length > 0) return done();
          records.push(text);
          textLength += text.length;
          bytes += size;
          next = record.offset + 1;
        }
      next = Math.max(next, Math.min(nextOffset(header), to));
    }
  return done();
}

/** About how many bytes of memory and wire a record costs its reader. */
function recordBytes(record: LogRecord): number {
  let bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers) bytes += header.name.length + (header.value?.length ?? 0);
  return bytes;
}

/** The offset after the batch's last, also where compaction removed that record. */
export function nextOffset(header: BatchHeader): number {
  return header.baseOffset + header.lastOffsetDelta + 1;
}

/** Whether a reader at `next` has seen all that it may see. */
export function upToDate(ends: LogEnds, next: number, isolation: Isolation): boolean {
  return next >= (isolation === "read_committed" ? ends.lastStable : ends.highWatermark);
}

/** The ends of the log as members of a JSON object. */
export function endsText(ends: LogEnds): string {
  return `"log_start":${ends.logStart},"high_watermark":${ends.highWatermark},"last_stable":${ends.lastStable},"epoch":${ends.epoch}`;
}

/** The ends of the log as headers, for answers whose body is records alone. */
export function endsHeaders(
  ends: LogEnds,
  next: number,
  isUpToDate: boolean,
): Record<string, string> {
  return {
    "kafka-next": String(next),
    "kafka-up-to-date": String(isUpToDate),
    "kafka-log-start": String(ends.logStart),
    "kafka-high-watermark": String(ends.highWatermark),
    "kafka-last-stable": String(ends.lastStable),
    "kafka-epoch": String(ends.epoch),
  };
}
