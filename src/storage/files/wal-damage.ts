/**
 * Tells a write-ahead log that was damaged from one that merely ends. SQLite replays frames up to the first whose checksum is
 * not what it should be, and begins to write there: of what was committed behind it nothing is told.
 *
 * - A kill leaves the frames that were written so far, whole but for the last. So does a transaction that was taken back; none
 *   of its frames says that it was committed, or the one that does is not whole.
 * - So where a frame behind the first bad one has the log's salts, says that it ends a commit, and has a right checksum (which
 *   takes only itself and what the frame before says of its own), a frame that was once committed is damaged.
 * - Left out: damage within the last commit, and a log cut short: both look as a kill would leave them.
 *
 * Source: https://www.sqlite.org/fileformat2.html#walformat
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";
import { errorCode } from "../../lib/error-code.ts";

export interface WalDamage {
  /** Where the first frame begins that is not as it was written. */
  readonly atByte: number;
  /** Whole commits behind it. */
  readonly commits: number;
  readonly walBytes: number;
}

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** Its last bit tells the order of bytes in the words that are summed up. */
const MAGIC = 0x377f0682;
const SUMMED_HEADER_BYTES = 24;
const SUMMED_FRAME_HEADER_BYTES = 8;
const SALTS_AT = 16;
const FRAME_SALTS_AT = 8;
const FRAME_SUM_AT = 16;
/** Pages of the database after the commit that the frame ends; 0 in all others. */
const COMMIT_AT = 4;

/** The damage of a write-ahead log that nobody writes to; null where there is none that can be told, or no log. */
export function findWalDamage(path: string, pageBytes: number): WalDamage | null {
  const file = openIfThere(path);
  if (file === null) return null;
  try {
    const walBytes = fstatSync(file).size;
    if (walBytes < HEADER_BYTES) return null;
    const frames = new Frames(file, walBytes, pageBytes);
    const damaged = frames.firstBad();
    const commits = frames.countCommits(damaged);
    return commits === 0 ? null : { atByte: frames.placeOf(damaged), commits, walBytes };
  } finally {
    // SQLite holds no lock by this file: closing it drops none.
    closeSync(file);
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** Frames by number, from 0; the log's header counts as the one before, -1. */
class Frames {
  readonly #file: number;
  readonly #pageBytes: number;
  readonly #count: number;
  readonly #isLittle: boolean;
  readonly #isHeaderSound: boolean;
  readonly #salts: bigint;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #sum: Sum = { first: 0, second: 0 };

  constructor(file: number, walBytes: number, pageBytes: number) {
    this.#file = file;
    this.#pageBytes = pageBytes;
    this.#count = Math.floor((walBytes - HEADER_BYTES) / (FRAME_HEADER_BYTES + pageBytes));
    this.#bytes = new Uint8Array(FRAME_HEADER_BYTES + pageBytes);
    this.#view = new DataView(this.#bytes.buffer);
    const header = this.#view;
    readSync(file, this.#bytes, 0, HEADER_BYTES, 0);
    const magic = header.getUint32(0);
    const isKnown = magic >>> 1 === MAGIC >>> 1;
    this.#isLittle = isKnown ? magic === MAGIC : endianness() === "LE";
    const salts = header.getBigUint64(SALTS_AT);
    const [first, second] = [
      header.getUint32(SUMMED_HEADER_BYTES),
      header.getUint32(SUMMED_HEADER_BYTES + 4),
    ];
    this.#add(0, SUMMED_HEADER_BYTES);
    this.#isHeaderSound = isKnown && this.#isSum(first, second);
    this.#salts = this.#isHeaderSound ? salts : this.#saltsOfFirst();
  }

  placeOf(frame: number): number {
    return frame < 0 ? 0 : HEADER_BYTES + frame * (FRAME_HEADER_BYTES + this.#pageBytes);
  }

  /** The first frame that SQLite does not take: the header, a frame, or the one after all. */
  firstBad(): number {
    if (!this.#isHeaderSound) return -1;
    let frame = 0;
    while (frame < this.#count && this.#follows(frame)) frame += 1;
    return frame;
  }

  /** How many frames behind this one end a commit of this log, and are whole. */
  countCommits(damaged: number): number {
    let commits = 0;
    for (let frame = damaged + 1; frame < this.#count; frame += 1)
      if (this.#endsCommit(frame) && this.#isSound(frame)) commits += 1;
    return commits;
  }

  #saltsOfFirst(): bigint {
    this.#read(0, FRAME_HEADER_BYTES);
    return this.#view.getBigUint64(FRAME_SALTS_AT);
  }

  #endsCommit(frame: number): boolean {
    this.#read(frame, FRAME_HEADER_BYTES);
    return this.#isOfThisLog() && this.#view.getUint32(COMMIT_AT) > 0;
  }

  #isSound(frame: number): boolean {
    const before = this.#view;
    if (frame === 0) readSync(this.#file, before, SUMMED_HEADER_BYTES, 8, SUMMED_HEADER_BYTES);
    else this.#read(frame - 1, FRAME_HEADER_BYTES);
    const at = frame === 0 ? SUMMED_HEADER_BYTES : FRAME_SUM_AT;
    this.#sum.first = before.getInt32(at);
    this.#sum.second = before.getInt32(at + 4);
    return this.#follows(frame);
  }

  /** Whether a frame's checksum goes on from the sum as it stands. */
  #follows(frame: number): boolean {
    this.#read(frame, this.#bytes.length);
    if (!this.#isOfThisLog() || this.#view.getUint32(0) === 0) return false;
    const [first, second] = [
      this.#view.getUint32(FRAME_SUM_AT),
      this.#view.getUint32(FRAME_SUM_AT + 4),
    ];
    this.#add(0, SUMMED_FRAME_HEADER_BYTES);
    this.#add(FRAME_HEADER_BYTES, this.#pageBytes);
    return this.#isSum(first, second);
  }

  #isOfThisLog(): boolean {
    return this.#view.getBigUint64(FRAME_SALTS_AT) === this.#salts;
  }

  #read(frame: number, bytes: number): void {
    readSync(this.#file, this.#bytes, 0, bytes, this.placeOf(frame));
  }

  #isSum(first: number, second: number): boolean {
    return this.#sum.first >>> 0 === first && this.#sum.second >>> 0 === second;
  }

  #add(from: number, bytes: number): void {
    addWords(this.#sum, new DataView(this.#bytes.buffer, from, bytes), this.#isLittle);
  }
}

interface Sum {
  first: number;
  second: number;
}

/** Signed, as the sums are: unsigned words would be doubles, and take half as long again. */
function addWords(sum: Sum, words: DataView, isLittle: boolean): void {
  let { first, second } = sum;
  for (let at = 0; at < words.byteLength; at += 8) {
    first = (first + words.getInt32(at, isLittle) + second) | 0;
    second = (second + words.getInt32(at + 4, isLittle) + first) | 0;
  }
  sum.first = first;
  sum.second = second;
}
