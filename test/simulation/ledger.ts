/**
 * What the world outside remembers of one partition: what it sent, what it was told, what it saw; and the invariants that
 * must hold between them, whatever the disk does.
 *
 * 1. Nothing acknowledged is lost (a relaxed topic may lose it with the power alone).
 * 2. An offset never shows two contents, in this life or any later one.
 * 3. A request that can be repeated safely is appended once, and every answer to it names the same offsets.
 * 4. A request that failed without effect has none.
 * 5. The high watermark never falls, nor does the log start.
 * 6. Offsets have no holes, but where a new epoch began.
 * 7. Who reads committed sees nothing of a transaction before it was decided to commit, and nothing of an aborted one ever.
 */
import { hiddenBy } from "../../src/broker/visibility.ts";
import type { ReadAnswer } from "../../src/broker/verbs.ts";
import { readRecords } from "../../src/records/batch-read.ts";
import { walkBatches } from "../../src/records/batch.ts";
import { contentOf } from "./keyed.ts";

/** Something that must not be, and what it was about. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** Shared by all that was sent in it. */
export interface SentTransaction {
  state: "open" | "committed" | "aborted";
}

export interface Sent {
  /** One content a record, like no other in the whole run. */
  readonly contents: readonly string[];
  /** May be sent again under the same key or sequence. */
  readonly repeatable: boolean;
  /** `pending` while a node works at it; `unknown` once that node is gone or could not tell. */
  state: "pending" | "acknowledged" | "refused" | "unknown";
  base: number | null;
  transaction?: SentTransaction;
  /** When it was sent first. */
  readonly sentMs: number;
}

/** A reader's next offset, and the epoch of the last batch that it saw (-1 before any). */
export interface Standing {
  readonly next: number;
  readonly epoch: number;
}

export class Ledger {
  readonly name: string;
  readonly relaxed: boolean;
  readonly sent: Sent[] = [];
  highWatermark = 0;
  logStart = 0;
  /** The last offsets of what was acknowledged, and certainly can be read. */
  #readable: number[] = [];
  /** Contents by offset, as seen by any reader ever. */
  protected readonly seen = new Map<number, string>();
  /** Offsets by content; forgotten where it may have been lost. */
  readonly #offsets = new Map<string, number>();
  readonly #transactions = new Map<string, SentTransaction>();

  constructor(name: string, relaxed: boolean) {
    this.name = name;
    this.relaxed = relaxed;
  }

  /** Whether a reader at `next` certainly can be given something that lies below `end`. */
  hasReadable(next: number, end: number): boolean {
    return this.#readable.some((last) => last >= next && last < end);
  }

  /** These contents are part of a transaction. */
  inTransaction({ contents, transaction }: Sent): void {
    if (!transaction) return;
    for (const content of contents) this.#transactions.set(content, transaction);
  }

  acknowledged(sent: Sent, base: number, duplicate: boolean): void {
    if (sent.base !== null && sent.base !== base) {
      this.broken(`${sent.contents[0]} was answered with offset ${sent.base}, then ${base}`);
    }
    if (duplicate && !sent.repeatable) this.broken(`${sent.contents[0]} is no duplicate`);
    sent.state = "acknowledged";
    sent.base = base;
    this.#readable.push(base + sent.contents.length - 1);
    for (const [at, content] of sent.contents.entries()) this.is(base + at, content);
  }

  ends(highWatermark: number, logStart: number): void {
    if (highWatermark < this.highWatermark) {
      this.broken(`the high watermark fell from ${this.highWatermark} to ${highWatermark}`);
    }
    if (logStart < this.logStart) {
      this.broken(`the log start fell from ${this.logStart} to ${logStart}`);
    }
    this.highWatermark = highWatermark;
    this.logStart = logStart;
  }

  /** A reader of committed data that stands here was given this, having asked at `_begunMs`; gives where it stands then. */
  read(
    from: Standing,
    { batches, aborted }: Pick<ReadAnswer, "batches" | "aborted">,
    _begunMs: number,
  ): Standing {
    const isHidden = hiddenBy(aborted);
    let { next, epoch } = from;
    for (const run of batches) {
      for (const { at, header } of walkBatches(run)) {
        if (header.leaderEpoch < epoch) this.broken(`epoch ${header.leaderEpoch} after ${epoch}`);
        const begins = header.leaderEpoch > epoch;
        epoch = header.leaderEpoch;
        if (header.baseOffset > next && !begins) {
          this.broken(`offsets ${next} to ${header.baseOffset - 1} are missing`);
        }
        const shown = isHidden(header) ? [] : readRecords(run, at, { decompressedBytesMax: 1e7 });
        for (const record of shown) {
          this.isShown(contentOf(record));
          this.is(record.offset, contentOf(record));
        }
        next = Math.max(next, header.baseOffset + header.lastOffsetDelta + 1);
      }
    }
    return { next, epoch };
  }

  /** The power went: what a relaxed topic had is as good as never sent. */
  powerCut(): void {
    if (!this.relaxed) return;
    this.#offsets.clear();
    this.#readable = [];
    for (const sent of this.sent) {
      if (sent.state === "acknowledged") sent.state = "unknown";
      sent.base = null;
    }
  }

  /** The whole log as a last reader finds it, by offset. */
  settle(log: ReadonlyMap<number, string>): void {
    const places = new Map<string, number[]>();
    for (const [offset, content] of log) {
      places.set(content, [...(places.get(content) ?? []), offset]);
    }
    for (const sent of this.sent) {
      for (const [at, content] of sent.contents.entries()) {
        this.#settleOne(sent, at, content, places.get(content) ?? []);
      }
    }
  }

  #settleOne(sent: Sent, at: number, content: string, places: readonly number[]): void {
    const { transaction } = sent;
    if (transaction && transaction.state !== "committed") {
      if (places.length > 0) this.broken(`${content} is shown, and was ${transaction.state}`);
      return;
    }
    const mayRepeat = this.relaxed && sent.repeatable;
    if (places.length > 1 && !mayRepeat) this.broken(`${content} is at ${places.join(" and ")}`);
    if (sent.state === "refused" && places.length > 0) {
      this.broken(`${content} was refused without effect, and is at ${places[0]}`);
    }
    if (sent.state !== "acknowledged" || sent.base === null) return;
    const offset = sent.base + at;
    if (offset >= this.logStart && !places.includes(offset)) this.isAway(offset, content);
  }

  /** It was acknowledged, and the whole log does not have it. */
  protected isAway(offset: number, content: string): void {
    this.broken(`${content} was acknowledged at ${offset}, and is lost`);
  }

  protected isShown(content: string): void {
    const transaction = this.#transactions.get(content);
    if (transaction && transaction.state !== "committed") {
      this.broken(`${content} is shown while its transaction is ${transaction.state}`);
    }
  }

  protected is(offset: number, content: string): void {
    const before = this.seen.get(offset);
    if (before !== undefined && before !== content) {
      this.broken(`offset ${offset} held ${before}, and now ${content}`);
    }
    const elsewhere = this.#offsets.get(content);
    if (elsewhere !== undefined && elsewhere !== offset && !this.relaxed) {
      this.broken(`${content} is at ${elsewhere} and at ${offset}`);
    }
    this.seen.set(offset, content);
    this.#offsets.set(content, offset);
  }

  protected broken(what: string): never {
    throw new Violation(`${this.name}: ${what}`);
  }
}
