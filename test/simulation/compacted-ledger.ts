/**
 * The ledger of a compacted partition. Beside what holds for every log, but for the records that compaction may take:
 *
 * 1. Of each key the newest record that was acknowledged is there, or a newer one; a tombstone for `delete.retention.ms` at
 *    least, and once it is gone nothing of its key that is older.
 * 2. What a reader found removed comes back with a power cut alone, and what is there keeps its offset, its key and its place in the order.
 * 3. Nothing is there that was never sent.
 */
import { hiddenBy } from "../../src/broker/visibility.ts";
import type { ReadAnswer } from "../../src/broker/verbs.ts";
import { readRecords } from "../../src/records/batch-read.ts";
import { walkBatches } from "../../src/records/batch.ts";
import { contentOf, isTombstone, keyOf, keyTextOf } from "./keyed.ts";
import { Ledger, type Sent, type Standing } from "./ledger.ts";

export const DELETE_RETENTION_MS = 2500;

/** A key's newest record of which it is certain that it is in the log. */
export interface Newest {
  readonly offset: number;
  readonly content: string;
  readonly sentMs: number;
}

export class CompactedLedger extends Ledger {
  readonly #nowMs: () => number;
  /** Offsets that readers found removed, and since when that is known. */
  readonly #gone = new Map<number, number>();
  /** Contents that were sent, of the first `#known` requests. */
  readonly #contents = new Set<string>();
  #known = 0;
  /** Records that were removed, as readers found out. */
  get removed(): number {
    return this.#gone.size;
  }

  constructor(name: string, nowMs: () => number) {
    super(name, false);
    this.#nowMs = nowMs;
  }

  /** What could be read may have been removed since. */
  override hasReadable(): boolean {
    return false;
  }

  /** Compaction is merely written: what the power takes of it is done again. */
  override powerCut(): void {
    super.powerCut();
    this.#gone.clear();
  }

  override read(
    from: Standing,
    answer: Pick<ReadAnswer, "batches" | "aborted">,
    begunMs: number,
  ): Standing {
    const isHidden = hiddenBy(answer.aborted);
    let { next, epoch } = from;
    let last = -1;
    const shown = new Set<number>();
    for (const run of answer.batches) {
      for (const { at, header } of walkBatches(run)) {
        if (header.leaderEpoch < epoch) this.broken(`epoch ${header.leaderEpoch} after ${epoch}`);
        epoch = header.leaderEpoch;
        if (header.baseOffset <= last) this.broken(`offset ${header.baseOffset} after ${last}`);
        last = header.baseOffset + header.lastOffsetDelta;
        next = Math.max(next, last + 1);
        if (isHidden(header)) continue;
        for (const record of readRecords(run, at, { decompressedBytesMax: 1e7 })) {
          const content = contentOf(record);
          this.#isSent(content, keyTextOf(record));
          this.isShown(content);
          this.is(record.offset, content);
          if ((this.#gone.get(record.offset) ?? Infinity) < begunMs)
            this.broken(`${content} was removed from ${record.offset}, and is there again`);
          shown.add(record.offset);
        }
      }
    }
    for (const offset of this.seen.keys())
      if (offset >= from.next && offset < next && !shown.has(offset) && !this.#gone.has(offset))
        this.#gone.set(offset, this.#nowMs());
    return { next, epoch };
  }

  /** By key, the newest that a reader of committed data up to `end` must find. */
  certain(end: number): ReadonlyMap<string, Newest> {
    const newest = new Map<string, Newest>();
    for (const sent of this.sent) {
      if (sent.state !== "acknowledged" || sent.base === null) continue;
      if (sent.transaction && sent.transaction.state !== "committed") continue;
      for (const [at, content] of sent.contents.entries()) {
        const offset = sent.base + at;
        const key = keyOf(content);
        if (offset < end && offset > (newest.get(key)?.offset ?? -1))
          newest.set(key, { offset, content, sentMs: sent.sentMs });
      }
    }
    return newest;
  }

  /** Holds the whole log against what was certain before it was read. */
  look(log: ReadonlyMap<number, string>, certain: ReadonlyMap<string, Newest>): void {
    const shown = new Map<string, number>();
    for (const [offset, content] of log) {
      const key = keyOf(content);
      shown.set(key, Math.max(offset, shown.get(key) ?? -1));
    }
    for (const [key, { offset, content, sentMs }] of certain) {
      const at = shown.get(key) ?? -1;
      if (at >= offset || offset < this.logStart) continue;
      const expired = isTombstone(content) && this.#isOver(sentMs);
      if (at >= 0 || !(expired || this.#mayBeDeleted(key)))
        this.broken(`${content}, the newest of ${key}, is lost from ${offset}; ${at} is shown`);
    }
  }

  /** By a tombstone of which nobody knows whether it was appended, and that may have come and gone. */
  #mayBeDeleted(key: string): boolean {
    return this.sent.some(
      ({ state, sentMs, contents }) =>
        (state === "unknown" || state === "pending") &&
        this.#isOver(sentMs) &&
        contents.some((content) => isTombstone(content) && keyOf(content) === key),
    );
  }

  /** Whether a tombstone of that time may be gone. */
  #isOver(sentMs: number): boolean {
    return this.#nowMs() >= sentMs + DELETE_RETENTION_MS;
  }

  override settle(log: ReadonlyMap<number, string>): void {
    super.settle(log);
    this.look(log, this.certain(Infinity));
  }

  /** Compaction may have taken it: `look` tells. */
  protected override isAway(): void {}

  #isSent(content: string, key: string): void {
    for (; this.#known < this.sent.length; this.#known += 1)
      for (const each of this.#sentAt(this.#known).contents) this.#contents.add(each);
    if (!this.#contents.has(content)) this.broken(`${content} was never sent`);
    if (keyOf(content) !== key) this.broken(`${content} was sent under another key than ${key}`);
  }

  #sentAt(index: number): Sent {
    const sent = this.sent[index];
    if (!sent) throw new Error("the ledger only grows");
    return sent;
  }
}
