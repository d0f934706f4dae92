/**
 * Which pages of a database its write-ahead log holds: what the database file has of any other page is true.
 *
 * - To be looked at within a read transaction. What its snapshot sees of the log is known then, and stays; pages that are in no
 *   committed frame of it are as the snapshot sees them, since a checkpoint copies nothing back that came later.
 * - How many frames are committed is told by the log's index, as it tells SQLite: a frame that was written and rolled back, by
 *   a full disk in the middle of a commit too, looks like any other in the log itself.
 * - Everything counts as held where the log or its index is not of the kind that is known here.
 */
import { readSync } from "node:fs";
import { endianness } from "node:os";
import type { LogDescriptors } from "../files/log-descriptors.ts";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** Whose last bit tells the order of bytes in checksums. */
const MAGIC = 0x377f0682;
const VERSION = 3_007_000;
const VERSION_AT = 4;
const PAGE_BYTES_AT = 8;
const SALTS_AT = 16;
const FRAME_SALTS_AT = 8;

/** The head of the index stands there twice; while the two differ it is being written. */
const INDEX_HEAD_BYTES = 48;
const INDEX_FRAMES_AT = 16;
const INDEX_SALTS_AT = 32;
const INDEX_LOOKS_MAX = 100;
/** Numbers of the index are of the machine's order; the salts are bytes as they stand in the log. */
const isLittle = endianness() === "LE";

export class WalPages {
  readonly #files: LogDescriptors;
  readonly #pageBytes: number;
  readonly #header = new DataView(new ArrayBuffer(HEADER_BYTES));
  readonly #frame = new DataView(new ArrayBuffer(FRAME_HEADER_BYTES));
  readonly #index = new DataView(new ArrayBuffer(2 * INDEX_HEAD_BYTES));
  readonly #pages = new Set<number>();
  /** What the frames of this round of the log carry. */
  #salts = -1n;
  /** Frames of this round that were looked at. */
  #known = 0;
  #isKnown = false;

  constructor(files: LogDescriptors, pageBytes: number) {
    this.#files = files;
    this.#pageBytes = pageBytes;
  }

  /** True where the database file's page may not be what the snapshot sees. */
  has(page: number): boolean {
    return !this.#isKnown || this.#pages.has(page);
  }

  /** Looks at what has come. */
  look(): void {
    this.#isKnown = this.#readIndex() && this.#lookAtFrames();
  }

  #readIndex(): boolean {
    const index = this.#index;
    for (let looks = 0; looks < INDEX_LOOKS_MAX; looks += 1) {
      const read = readSync(this.#files.index, index, 0, index.byteLength, 0);
      if (read < index.byteLength) return false;
      let same = 0;
      while (same < INDEX_HEAD_BYTES && isSame(index, same)) same += 8;
      if (same === INDEX_HEAD_BYTES) return index.getUint32(0, isLittle) === VERSION;
    }
    return false;
  }

  /** False where the log is not what its index says. */
  #lookAtFrames(): boolean {
    const committed = this.#index.getUint32(INDEX_FRAMES_AT, isLittle);
    const salts = this.#index.getBigUint64(INDEX_SALTS_AT);
    if (salts !== this.#salts || committed < this.#known) {
      this.#pages.clear();
      this.#salts = salts;
      this.#known = 0;
    }
    if (committed === this.#known) return true;
    if (this.#known === 0 && !this.#isKnownKind()) return false;
    const frame = this.#frame;
    for (; this.#known < committed; this.#known += 1) {
      const place = HEADER_BYTES + this.#known * (FRAME_HEADER_BYTES + this.#pageBytes);
      const read = readSync(this.#files.wal, frame, 0, FRAME_HEADER_BYTES, place);
      if (read < FRAME_HEADER_BYTES || frame.getBigUint64(FRAME_SALTS_AT) !== salts) return false;
      this.#pages.add(frame.getUint32(0));
    }
    return true;
  }

  #isKnownKind(): boolean {
    const header = this.#header;
    const read = readSync(this.#files.wal, header, 0, HEADER_BYTES, 0);
    const isOurs = read === HEADER_BYTES && (header.getUint32(0) & ~1) === MAGIC;
    const isVersion = header.getUint32(VERSION_AT) === VERSION;
    const isSize = header.getUint32(PAGE_BYTES_AT) === this.#pageBytes;
    return isOurs && isVersion && isSize && header.getBigUint64(SALTS_AT) === this.#salts;
  }
}

/** Whether eight bytes at this place of the head are alike in both copies. */
function isSame(index: DataView, at: number): boolean {
  return index.getBigUint64(at) === index.getBigUint64(INDEX_HEAD_BYTES + at);
}
