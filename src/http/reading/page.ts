/**
 * One partition's answer to a fetch: which of the read batches' records are shown, and where to go on.
 *
 * - At least one record whatever the limits say, so that no reader stalls on a large one.
 * - Records are counted by their decoded size: a small batch that decompresses into a large one ends the page early. So
 *   does text that gets a quarter longer than that, by characters that have to be escaped or by many tiny records.
 * - Control batches and aborted transactions are passed over; they leave holes, as compaction does.
 */
import type { Isolation, LogEnds, ReadAnswer } from "../../broker/verbs.ts";
import { damageOf } from "../../broker/damage.ts";
import { hiddenBy } from "../../broker/visibility.ts";
import { Refusal } from "../../lib/refusal.ts";
import { type BatchHeader, walkBatches } from "../../records/batch.ts";
import type { LogRecord } from "../../records/record.ts";
import type { BatchOpener } from "./batch-opener.ts";
import { placeText, type RecordForm } from "./record-out.ts";
import type { RecordsText } from "./records-text.ts";

export interface PageTerms {
  readonly recordsMax: number;
  readonly bytesMax: number;
  readonly isolation: Isolation;
  readonly form: RecordForm;
  readonly opener: BatchOpener;
}

export interface Page {
  /** How many records it has. */
  readonly records: number;
  /** What of `bytesMax` it used up. */
  readonly bytes: number;
  /** The offset to ask for next. */
  readonly next: number;
  readonly upToDate: boolean;
}

/** Room for what JSON says around records of 1 KiB, so that a page of them ends where its batches end. */
const TEXT_PER_BYTE = 1.25;
/** What it costs to step over a record, as `Pause` takes it. */
const SKIPPED_COST = 100;

/**
 * Adds the records of `answer` at or past `from` and below `to` to `records`. Nobody uses what was read afterwards.
 * @throws Refusal log_damaged where the first cannot be read.
 */
export async function pageOf(
  answer: ReadAnswer,
  from: number,
  to: number,
  terms: PageTerms,
  records: RecordsText,
): Promise<Page> {
  const page = new PageBuilder(answer, from, to, terms, records);
  try {
    await fill(page, answer, to, terms.opener);
  } catch (error) {
    // What stands before the damage is given first; who goes on there meets it.
    if (!(error instanceof Refusal) || page.isEmpty)
      throw damageOf(error, { ...answer, from: page.next, next: null });
  }
  answer.done?.();
  return page.finish();
}

async function fill(
  page: PageBuilder,
  { topic, partition, batches, aborted }: ReadAnswer,
  to: number,
  opener: BatchOpener,
): Promise<void> {
  const isHidden = hiddenBy(aborted);
  const pause = opener.pause();
  for (const bytes of batches)
    for (const { at, header } of walkBatches(bytes)) {
      if (header.baseOffset >= to) return;
      if (!isHidden(header)) {
        const take = (record: LogRecord) => page.take(record, header.timestampType);
        if (!(await opener.each({ topic, partition, bytes, at, header }, take, pause))) return;
      }
      page.pass(header);
    }
}

class PageBuilder {
  readonly #answer: ReadAnswer;
  readonly #from: number;
  readonly #to: number;
  readonly #terms: PageTerms;
  readonly #prefix: string;
  readonly #textLengthMax: number;
  readonly #records: RecordsText;
  #count = 0;
  #textLength = 0;
  #bytes = 0;
  #next: number;

  constructor(
    answer: ReadAnswer,
    from: number,
    to: number,
    terms: PageTerms,
    records: RecordsText,
  ) {
    this.#records = records;
    this.#answer = answer;
    this.#from = from;
    this.#to = to;
    this.#terms = terms;
    this.#prefix = placeText(answer.topic, answer.partition);
    this.#textLengthMax = terms.bytesMax * TEXT_PER_BYTE;
    this.#next = Math.max(from, Math.min(answer.from, to));
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get next(): number {
    return this.#next;
  }

  /** Null when the page ends before this record, else what it cost. */
  take(record: LogRecord, timestampType: "create" | "append"): number | null {
    const { recordsMax, bytesMax, form } = this.#terms;
    if (record.offset < this.#from) return SKIPPED_COST;
    if (record.offset >= this.#to) return null;
    const size = recordBytes(record);
    const full = this.#count >= recordsMax || this.#bytes + size > bytesMax;
    if (full && !this.isEmpty) return null;
    const lengthMax = this.isEmpty ? Infinity : this.#textLengthMax - this.#textLength;
    const length = this.#records.add(this.#prefix, record, timestampType, form, lengthMax);
    if (length === null) return null;
    this.#count += 1;
    this.#textLength += length;
    this.#bytes += size;
    this.#next = record.offset + 1;
    return textCost({ length });
  }

  /** All that the batch holds was taken, or is not to be shown. */
  pass(header: BatchHeader): void {
    this.#next = Math.max(this.#next, Math.min(nextOffset(header), this.#to));
  }

  finish(): Page {
    return {
      records: this.#count,
      bytes: Math.max(this.#bytes, Math.ceil(this.#textLength / TEXT_PER_BYTE)),
      next: this.#next,
      upToDate: upToDate(this.#answer, this.#next, this.#terms.isolation),
    };
  }
}

/** What it costs to make a record's text, as `Pause` takes it. */
export function textCost({ length }: { readonly length: number }): number {
  return 300 + 4 * length;
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
