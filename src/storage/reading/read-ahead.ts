/**
 * Large reads, kept for a moment: several readers that catch up on one log share them, and who reads on finds the next one
 * under way.
 *
 * - The same read asked twice at once goes to the file once. A log whose pages have had a second reader in the last
 *   `KEPT_MS` has them kept for so long after their last use, within `bytesMax` over all partitions; a lone reader's page is
 *   let go when it has it (keeping it cost 1.16x the CPU: the next page then goes to fresh memory).
 * - Kept are whole pages alone: an answer that reached the end of its log may be out of date at once.
 * - A read that begins where an earlier one ended is part of a catch-up: the one after it is asked for, behind all that
 *   readers wait for, while pages that nobody has taken yet hold less than half of `bytesMax`.
 * - Readers of one log are kept together, or each would read for itself: the first of them is given its page in turn, as the
 *   others are, and of their log nothing is asked for ahead while a page of it is under way.
 * - Whoever changes what a log holds (truncate, trim, rewrite, drop) must `forget` it.
 * - Readers that share an answer get it one a turn: what each of them makes of it may take long.
 * - What is given is shared: nobody may write to it or transfer it. When all who were given a page have said that they are
 *   done with it, and it is not kept, its memory is used anew.
 */
import { Sequence } from "../../lib/async.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Entry, PartitionId, ReadRows } from "../storage.ts";

const KEPT_MS = 1_000;
/** Smaller reads go to the file: they cost little, and keeping track of them as much. */
const PAGE_BYTES_MIN = 256 * 1024;
/** A page is whole when it has this share of what was asked for. */
const WHOLE_SHARE = 3 / 4;
/** Ends of earlier reads that are remembered. */
const ENDS_MAX = 256;

interface ReadPage {
  readonly type: "read";
  readonly partition: PartitionId;
  readonly from: number;
  readonly bytesMax: number;
  readonly firstBytesMax?: number;
}

interface Kept {
  readonly page: ReadPage;
  readonly rows: Promise<ReadRows>;
  /** What it holds; while it is under way, what it may hold. */
  bytes: number;
  /** Whether a reader has asked for it; not while it is only read ahead. */
  taken: boolean;
  settled: boolean;
  usedMs: number;
  /** How many readers have it and have not said that they are done. */
  holders: number;
  dropped: boolean;
}

interface ReadAheadOptions {
  readonly clock: Clock;
  readonly bytesMax: number;
  /** With `isAhead` nobody waits for it yet. */
  readonly read: (page: ReadPage, isAhead: boolean) => Promise<ReadRows>;
  /** A reader waits now for this page, which was read ahead. */
  readonly hurry: (page: ReadPage) => void;
}

export class ReadAhead {
  readonly #options: ReadAheadOptions;
  /** By partition, place and size; the least recently used first. */
  readonly #kept = new Map<string, Kept>();
  /** When each partition's last page was taken by a second reader. */
  readonly #sharedMs = new Map<PartitionId, number>();
  /** Where reads ended, by partition and offset, oldest first. */
  readonly #ends = new Set<string>();
  readonly #handOut = new Sequence();
  #bytes = 0;
  #ticking = false;

  constructor(options: ReadAheadOptions) {
    this.#options = options;
  }

  /** Bytes kept, and those of pages that are under way. */
  get bytes(): number {
    return this.#bytes;
  }

  async read(page: ReadPage): Promise<ReadRows> {
    const { read, bytesMax } = this.#options;
    if (page.bytesMax < PAGE_BYTES_MIN || page.bytesMax * 2 > bytesMax) return read(page, false);
    const readsOn = this.#ends.has(endName(page.partition, page.from));
    const taken = this.#get(page, true);
    const rows = { ...(await taken.rows), done: once(() => this.#leave(taken.kept)) };
    const last = rows.rows.at(-1)?.last;
    if (last === undefined) return rows;
    this.#remember(endName(page.partition, last + 1));
    const next = { ...page, from: last + 1 };
    if (readsOn && isWhole(page, rows) && this.#mayReadAhead(page))
      this.#get(next, false).rows.catch(() => {}); // Asked again by its reader.
    return rows;
  }

  /** The log is not what it was. */
  forget(partition: PartitionId): void {
    for (const [name, { page }] of this.#kept) if (page.partition === partition) this.#drop(name);
  }

  #get(page: ReadPage, taken: boolean): { kept: Kept; rows: Promise<ReadRows> } {
    const name = `${page.partition}/${page.from}/${page.bytesMax}/${page.firstBytesMax}`;
    const { clock, read, hurry } = this.#options;
    const before = this.#kept.get(name);
    if (before) {
      before.usedMs = clock.monotonicMs();
      const isShared = before.taken;
      if (taken && isShared) this.#sharedMs.set(page.partition, before.usedMs);
      if (taken && !isShared && !before.settled) hurry(before.page);
      before.taken ||= taken;
      if (taken) before.holders += 1;
      this.#kept.delete(name);
      this.#kept.set(name, before);
      if (before.settled && this.#isDone(before)) this.#drop(name);
      const isLone = !isShared && !this.#sharedMs.has(page.partition);
      if (isLone) return { kept: before, rows: before.rows };
      const rows = this.#handOut.run(async () => {
        await clock.turn();
        return before.rows;
      });
      return { kept: before, rows };
    }
    const rows = read(page, !taken);
    const usedMs = clock.monotonicMs();
    const kept: Kept = {
      page,
      rows,
      bytes: page.bytesMax,
      usedMs,
      taken,
      settled: false,
      holders: taken ? 1 : 0,
      dropped: false,
    };
    this.#kept.set(name, kept);
    this.#bytes += kept.bytes;
    this.#shrink();
    rows.then(
      (answer) => this.#settle(name, kept, isWhole(page, answer) ? bytesOf(answer) : -1),
      () => this.#settle(name, kept, -1),
    );
    if (!this.#ticking) clock.after(KEPT_MS, this.#tick);
    this.#ticking = true;
    return { kept, rows };
  }

  /** What came is kept as large as it is, or, where that is -1, no longer. */
  #settle(name: string, kept: Kept, bytes: number): void {
    kept.settled = true;
    if (this.#kept.get(name) !== kept) return giveBack(kept);
    if (bytes < 0 || this.#isDone(kept)) return this.#drop(name);
    this.#bytes += bytes - kept.bytes;
    kept.bytes = bytes;
    this.#shrink();
  }

  /** Whether its one reader has it, and no other follows: its memory is better used anew. */
  #isDone({ taken, page }: Kept): boolean {
    const sharedMs = this.#sharedMs.get(page.partition) ?? -Infinity;
    return taken && sharedMs + KEPT_MS < this.#options.clock.monotonicMs();
  }

  /** Pages that were read go before those that were read ahead. */
  #shrink(): void {
    for (const untakenToo of [false, true])
      for (const [name, { taken }] of this.#kept) {
        if (this.#bytes <= this.#options.bytesMax) return;
        if (taken || untakenToo) this.#drop(name);
      }
  }

  #mayReadAhead({ partition, bytesMax }: ReadPage): boolean {
    if (this.#untaken() + bytesMax > this.#options.bytesMax / 2) return false;
    if (!this.#sharedMs.has(partition)) return true;
    for (const { page, settled } of this.#kept.values())
      if (page.partition === partition && !settled) return false;
    return true;
  }

  /** Bytes that were read ahead, or are being, and wait for their reader. */
  #untaken(): number {
    let bytes = 0;
    for (const kept of this.#kept.values()) if (!kept.taken) bytes += kept.bytes;
    return bytes;
  }

  #drop(name: string): void {
    const kept = this.#kept.get(name);
    if (!kept) return;
    this.#bytes -= kept.bytes;
    this.#kept.delete(name);
    kept.dropped = true;
    giveBack(kept);
  }

  #leave(kept: Kept): void {
    kept.holders -= 1;
    giveBack(kept);
  }

  #remember(end: string): void {
    this.#ends.delete(end);
    this.#ends.add(end);
    const [oldest] = this.#ends;
    if (this.#ends.size > ENDS_MAX && oldest !== undefined) this.#ends.delete(oldest);
  }

  readonly #tick = (): void => {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const [name, { usedMs }] of this.#kept) if (usedMs + KEPT_MS <= nowMs) this.#drop(name);
    for (const [partition, sharedMs] of this.#sharedMs)
      if (sharedMs + KEPT_MS <= nowMs) this.#sharedMs.delete(partition);
    this.#ticking = this.#kept.size + this.#sharedMs.size > 0;
    if (this.#ticking) clock.after(KEPT_MS / 2, this.#tick);
  };
}

/** Where nobody has the page or can still be given it, its memory goes back. */
function giveBack({ rows, settled, holders, dropped }: Kept): void {
  if (!settled || holders > 0 || !dropped) return;
  rows.then(
    (read) => read.done?.(),
    () => {}, // There was nothing to give back.
  );
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

function endName(partition: PartitionId, offset: number): string {
  return `${partition}/${offset}`;
}

function bytesOf({ rows }: ReadRows): number {
  return rows.reduce((sum, { data }) => sum + data.byteLength, 0);
}

function isWhole({ bytesMax }: ReadPage, answer: ReadRows): boolean {
  return bytesOf(answer) >= bytesMax * WHOLE_SHARE;
}

/** Whether rows that could be read before are other rows, or none, after it: what was read ahead is to be forgotten. */
export function changesRows({ type }: Entry): boolean {
  return type !== "append" && type !== "begin" && type !== "receipt";
}
