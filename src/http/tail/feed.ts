/**
 * A tail's events, whatever carries them: records (or batches of them) as JSON text, gaps, the end, each with the cursor
 * that resumes after it.
 */
import { readBatchHeader } from "../../records/batch.ts";
import type { RecordForm } from "../reading/record-out.ts";
import type { EncodedBatches, EncodedRecord } from "./encoded.ts";
import { Follower, type FollowOptions, type Found, type Run } from "./follower.ts";
import type { Gap } from "./followed.ts";
import type { Holder } from "../../lib/room.ts";
import { costOf, type TailShare } from "./share.ts";

export interface TailEvent {
  readonly type: "record" | "batch" | "gap" | "end";
  readonly cursor: string;
  readonly json: string;
  /** How many records it holds. */
  readonly records: number;
}

/** What is new, and what is to be awaited on the way. */
export type TailEvents = Generator<TailEvent | Promise<void>, undefined, undefined>;

export interface FeedOptions extends FollowOptions {
  readonly encoded: EncodedBatches;
  /** Whether other tails are open that may want the same texts. */
  readonly isShared: () => boolean;
  readonly form: RecordForm;
  /** One event for each batch instead of each record. */
  readonly batches: boolean;
  /** Told of each run of log that is given out. */
  readonly onTaken: (topic: string, bytes: number) => void;
  /** Records of this key alone; null: all. */
  readonly key: Uint8Array | null;
  /** What it may hold of the memory that all tails share. */
  readonly share: TailShare;
}

/** Texts that are not much longer than the log they are made of need no more room than that has. */
const TEXT_PER_BYTE = 2;
const TEXT_LENGTH_FREE = 64 * 1024;

export class Feed {
  readonly #options: FeedOptions;
  readonly #follower: Follower;
  /** Of the read whose events are given: log, and what its texts were found to need. */
  #logBytes = 0;
  #bytesWanted = 0;

  /** Throws as `openTopics` does. */
  static async open(options: FeedOptions): Promise<Feed> {
    return new Feed(options, await Follower.open(options));
  }

  private constructor(options: FeedOptions, follower: Follower) {
    this.#options = options;
    this.#follower = follower;
  }

  /** Where a reader stands that took all events so far; also past records that the filter left out. */
  cursor(): string {
    return this.#follower.cursor();
  }

  /**
   * What is new, to be taken whole before the next call, by which the reader says that it did; empty when nothing came within
   * `waitMs`, or no room for it. The texts are made as they are taken; a promise among them is to be awaited before the next
   * is taken, and may reject. An `end` is the last event there is.
   */
  async read(waitMs: number, bytesMax: number, signal: AbortSignal): Promise<TailEvents> {
    const { share } = this.#options;
    share.free();
    if (share.isWaiting && !(await share.waitOn(waitMs, signal))) return this.#events([]);
    const wanted = this.#bytesWanted;
    this.#bytesWanted = 0;
    if (wanted > 0 && !(await share.wait(wanted, waitMs, signal))) return this.#events([]);
    for (;;) {
      const found = await this.#follower.next(waitMs, bytesMax, signal);
      let bytes = 0;
      for (const item of found) if (item.type === "run") bytes += item.bytes.length;
      this.#logBytes = bytes;
      if (bytes === 0) share.free();
      if (bytes === 0 || share.hold(costOf(bytes))) return this.#events(found);
      this.#follower.giveBack();
      letGo(found);
      if (!(await share.wait(costOf(bytes), waitMs, signal))) return this.#events([]);
    }
  }

  /** Who is cut off, or gives back what was not taken, where others wait for the room it holds. */
  heldBy(reader: Holder): void {
    this.#options.share.heldBy(reader);
  }

  /** All events were taken, and nothing of them waits for the client. */
  free(): void {
    this.#options.share.free();
  }

  /** What was read and not taken comes again with the next read. */
  giveBack(): void {
    this.#follower.giveBack();
    this.#options.share.free();
  }

  /** Nothing is read any more. */
  close(): void {
    this.#options.share.close();
  }

  *#events(found: readonly Found[]): TailEvents {
    for (const item of found) {
      if (item.type === "run") {
        if (!(yield* this.#runEvents(item))) break;
      } else if (item.type === "gap") yield this.#gapEvent(item);
      else yield endEvent(this.cursor(), "deleted");
    }
    letGo(found);
  }

  /** False where there is no room for the texts: they are made anew when there is. */
  *#runEvents(run: Run): Generator<TailEvent | Promise<void>, boolean, undefined> {
    const { encoded, form, isShared, onTaken } = this.#options;
    onTaken(run.topic.name, run.bytes.length);
    const place = { topic: run.topic.name, topicId: run.topic.id, partition: run.slot.partition };
    for (let at = 0; at < run.bytes.length;) {
      const header = readBatchHeader(run.bytes, at);
      const end = header.baseOffset + header.lastOffsetDelta + 1;
      if (end > run.from && !run.isHidden(header)) {
        const batch = { bytes: run.bytes, at, header };
        const encoding = encoded.records(place, batch, form, isShared());
        let records: readonly EncodedRecord[] = [];
        if (encoding instanceof Promise) yield encoding.then((made) => void (records = made));
        else records = encoding;
        if (!this.#holds(records)) return false;
        yield* this.#batchEvents(run, records, end);
      }
      this.#follower.moveTo(run.slot, end);
      at += header.sizeBytes;
    }
    return true;
  }

  /** A batch that was compressed may have texts of many times its size. */
  #holds(records: readonly EncodedRecord[]): boolean {
    const textLength = records.reduce((sum, { json }) => sum + json.length, 0);
    if (textLength <= TEXT_PER_BYTE * this.#logBytes + TEXT_LENGTH_FREE) return true;
    const bytes = costOf(this.#logBytes, textLength);
    if (this.#options.share.hold(bytes)) return true;
    this.#bytesWanted = bytes;
    this.#follower.giveBack();
    return false;
  }

  *#batchEvents(
    run: Run,
    records: readonly EncodedRecord[],
    end: number,
  ): Generator<TailEvent, void, undefined> {
    const wanted = records.filter((record) => this.#wants(record, run.from));
    if (wanted.length === 0) return;
    if (this.#options.batches) {
      const cursor = this.#follower.moveTo(run.slot, end);
      const texts = wanted.map(({ json }) => json).join(",");
      const topic = JSON.stringify(run.topic.name);
      const json = `{"topic":${topic},"partition":${run.slot.partition},"records":[${texts}]}`;
      yield { type: "batch", cursor, json, records: wanted.length };
      return;
    }
    for (const { offset, json } of wanted) {
      const cursor = this.#follower.moveTo(run.slot, offset + 1);
      yield { type: "record", cursor, json, records: 1 };
    }
  }

  #wants({ offset, key }: EncodedRecord, from: number): boolean {
    if (offset < from) return false;
    const wanted = this.#options.key;
    return wanted === null || (key !== null && sameBytes(key, wanted));
  }

  #gapEvent(gap: Gap): TailEvent {
    const { topic, topicId, slot, partition, from, to, reason } = gap;
    if (to !== null && reason !== "recreated") this.#follower.moveTo(slot, to);
    const json = JSON.stringify({ topic, topic_id: topicId, partition, from, to, reason });
    return { type: "gap", cursor: this.cursor(), json, records: 0 };
  }
}

/** The last event; `error` is a problem document, when something went wrong. */
export function endEvent(cursor: string, reason: string, error?: unknown): TailEvent {
  const json = JSON.stringify({ reason, cursor, ...(error === undefined ? {} : { error }) });
  return { type: "end", cursor, json, records: 0 };
}

/** Nobody reads the runs any more. */
function letGo(found: readonly Found[]): void {
  for (const item of found) if (item.type === "run") item.done?.();
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
