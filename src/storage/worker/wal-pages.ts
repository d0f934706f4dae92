/**
 * Which pages of a database its write-ahead log holds: what the database file has of any other page is true.
 *
 * - To be looked at within a read transaction. What its snapshot sees of the log is in the file then, and stays; pages that are
 *   in no frame of it are as the snapshot sees them, since a checkpoint copies nothing back that came later.
 * - What is not sure counts as held: frames of a commit that is under way, or was rolled back; and everything, where the log
 *   is not of the kind that is known here.
 * - Frames are looked at again once before they count as known: another may just have been written over one that was rolled
 *   back.
 * - Left out: the frames' checksums. A frame whose salts are the log's was written in this round of the log.
 */
import { readSync } from "node:fs";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** Whose last bit tells the order of bytes in checksums. */
const MAGIC = 0x377f0682;
const VERSION = 3_007_000;
const VERSION_AT = 4;
const PAGE_BYTES_AT = 8;
const SALTS_AT = 16;
const FRAME_COMMIT_AT = 4;
const FRAME_SALTS_AT = 8;

export class WalPages {
  readonly #file: number;
  readonly #pageBytes: number;
  readonly #header = new DataView(new ArrayBuffer(HEADER_BYTES));
  readonly #frame = new DataView(new ArrayBuffer(FRAME_HEADER_BYTES));
  readonly #pages = new Set<number>();
  /** What the frames of this round of the log carry. */
  #salts = -1n;
  /** Frames that are known, and those that were committed when they were last looked at. */
  #known = 0;
  #committed = 0;
  #isKnownKind = true;

  /** `file` is the descriptor of the log. */
  constructor(file: number, pageBytes: number) {
    this.#file = file;
    this.#pageBytes = pageBytes;
  }

  /** True where the database file's page may not be what the snapshot sees. */
  has(page: number): boolean {
    return !this.#isKnownKind || this.#pages.has(page);
  }

  /** Looks at what has come. */
  look(): void {
    const header = this.#header;
    if (readSync(this.#file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return this.#begin(-1n);
    const magic = header.getUint32(0) & ~1;
    const isOurs = magic === MAGIC && header.getUint32(VERSION_AT) === VERSION;
    this.#isKnownKind = isOurs && header.getUint32(PAGE_BYTES_AT) === this.#pageBytes;
    const salts = header.getBigUint64(SALTS_AT);
    if (salts !== this.#salts) this.#begin(salts);
    this.#lookAtFrames();
  }

  #begin(salts: bigint): void {
    this.#pages.clear();
    this.#salts = salts;
    this.#known = 0;
    this.#committed = 0;
  }

  #lookAtFrames(): void {
    const frame = this.#frame;
    let committed = this.#known;
    for (let at = this.#known; ; at += 1) {
      const place = HEADER_BYTES + at * (FRAME_HEADER_BYTES + this.#pageBytes);
      const read = readSync(this.#file, frame, 0, FRAME_HEADER_BYTES, place);
      if (read < FRAME_HEADER_BYTES || frame.getBigUint64(FRAME_SALTS_AT) !== this.#salts) break;
      this.#pages.add(frame.getUint32(0));
      if (frame.getUint32(FRAME_COMMIT_AT) !== 0) committed = at + 1;
    }
    this.#known = this.#committed;
    this.#committed = committed;
  }
}
