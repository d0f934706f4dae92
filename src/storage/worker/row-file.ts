/**
 * The bytes of rows straight from the database file, by SQLite's file format: a large row's pages are read into their place
 * with one system call, where SQLite and its driver allocate and copy them three times.
 *
 * - Only within a read transaction, and only pages that the write-ahead log does not hold (`WalPages`); what it holds of the
 *   tree is asked of SQLite. For a row that lies in it, or for anything that is not as expected, there is null: ask SQLite.
 * - Each page of a row names the next one, so that a page which is not its own shows.
 * - Left out: encrypted files, files with reserved bytes.
 */
import { readSync, readvSync } from "node:fs";
import type Database from "libsql";
import { isFile, type LogDescriptors } from "../files/log-descriptors.ts";
import { WalPages } from "./wal-pages.ts";

/** A row that was found, and how large its data is; valid until the next one is looked for. */
interface FoundRow {
  readonly partition: number;
  readonly base: number;
  readonly last: number;
  readonly epoch: number;
  readonly position: number;
  readonly bytes: number;
}

const COLUMNS = "id partition base last epoch count position max_timestamp data";
const LEAF = 0x0d;
const INTERIOR = 0x05;
/** Pages of a row that are read at once: two buffers each, of 1,024 that a system call takes. */
const RUN_PAGES_MAX = 256;
/** A pointer to the next page stands before the data of each page that a row overflows to. */
const POINTER_BYTES = 4;
/** A tree of more levels is none. */
const LEVELS_MAX = 12;

/** Null where the file is not what is known here, or the runtime's threads do not share descriptors. */
export function openRowFile(
  database: Database.Database,
  path: string,
  pageBytes: number,
  files: LogDescriptors,
): RowFile | null {
  const named: [number, string][] = [
    [files.database, path],
    [files.wal, `${path}-wal`],
    [files.index, `${path}-shm`],
  ];
  if (!named.every(([descriptor, name]) => isFile(descriptor, name))) return null;
  const columns = database.prepare("select name from pragma_table_info('rows')").raw().all([]);
  const root: unknown = database
    .prepare("select rootpage from sqlite_schema where name = 'rows'")
    .raw()
    .get([]);
  const reserved = new Uint8Array(1);
  readSync(files.database, reserved, 0, 1, 20);
  const isKnown = columns.flat().join(" ") === COLUMNS && reserved[0] === 0;
  if (!isKnown || !Array.isArray(root) || typeof root[0] !== "number") return null;
  return new RowFile(database, files, root[0], pageBytes);
}

interface Page {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export class RowFile {
  readonly #file: number;
  readonly #root: number;
  readonly #pageBytes: number;
  readonly #wal: WalPages;
  readonly #pageOf: Database.Statement;
  /** Pages of the tree as this snapshot sees them, above its leaves. */
  readonly #interior = new Map<number, Page>();
  /** Memory of such pages, from snapshot to snapshot. */
  readonly #interiorBuffers: Uint8Array[] = [];
  readonly #leafBuffer: Page["bytes"];
  readonly #leafView: DataView;
  #leaf: Page | null = null;
  /** Of the row that was found last: its part on the leaf, and the first page that it overflows to, 0 for none. */
  #local: Uint8Array = new Uint8Array();
  #overflow = 0;
  readonly #pointers: DataView;
  readonly #pointerBuffers: readonly Uint8Array[];

  constructor(database: Database.Database, files: LogDescriptors, root: number, pageBytes: number) {
    this.#file = files.database;
    this.#root = root;
    this.#pageBytes = pageBytes;
    this.#wal = new WalPages(files, pageBytes);
    this.#pageOf = database.prepare("select data from sqlite_dbpage where pgno = ?").raw();
    this.#leafBuffer = new Uint8Array(pageBytes);
    this.#leafView = new DataView(this.#leafBuffer.buffer);
    const pointers = new ArrayBuffer(RUN_PAGES_MAX * POINTER_BYTES);
    this.#pointers = new DataView(pointers);
    this.#pointerBuffers = Array.from(
      { length: RUN_PAGES_MAX },
      (_, at) => new Uint8Array(pointers, at * POINTER_BYTES, POINTER_BYTES),
    );
  }

  /** A transaction has read something: what is asked now is of its snapshot. */
  begin(): void {
    this.#interior.clear();
    this.#leaf = null;
    this.#wal.look();
  }

  /** The row of this id; null where SQLite has to be asked. */
  find(id: number): FoundRow | null {
    try {
      return this.#find(id);
    } catch (error) {
      // A damaged page points outside of itself. What that means is for SQLite to say.
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  #find(id: number): FoundRow | null {
    const leaf = this.#leafOf(id);
    const cell = leaf && cellOf(leaf, id);
    if (!leaf || !cell) return null;
    const { record, bytes: payload } = cell;
    const local = localBytes(payload, this.#pageBytes);
    if (record + local > this.#pageBytes) return null;
    const head = headOf(leaf, record, local);
    if (!head || head.headBytes + head.bytes !== payload) return null;
    this.#local = leaf.bytes.subarray(record + head.headBytes, record + local);
    this.#overflow = local === payload ? 0 : leaf.view.getUint32(record + local);
    return head;
  }

  /** Reads the data of the row that was found last, all of `target`; false where SQLite has to be asked. */
  read(target: Uint8Array): boolean {
    target.set(this.#local);
    const pageBytes = this.#pageBytes - POINTER_BYTES;
    let at = this.#local.byteLength;
    let page = this.#overflow;
    // Most rows lie in one run of pages; where one does not, less is tried at a time.
    let tried = RUN_PAGES_MAX;
    while (at < target.byteLength) {
      const buffers: Uint8Array[] = [];
      let pages = 0;
      let asked = 0;
      for (let to = at; to < target.byteLength && pages < tried; pages += 1) {
        if (this.#wal.has(page + pages)) break;
        const data = target.subarray(to, to + pageBytes);
        buffers.push(this.#pointerBuffers[pages] ?? data, data);
        asked += POINTER_BYTES + data.byteLength;
        to += data.byteLength;
      }
      if (pages === 0 || page === 0) return false;
      if (readvSync(this.#file, buffers, (page - 1) * this.#pageBytes) !== asked) return false;
      let own = 1;
      for (; own < pages; own += 1)
        if (this.#pointers.getUint32((own - 1) * POINTER_BYTES) !== page + own) break;
      page = this.#pointers.getUint32((own - 1) * POINTER_BYTES);
      at = Math.min(at + own * pageBytes, target.byteLength);
      tried = own < pages ? 1 : Math.min(2 * tried, RUN_PAGES_MAX);
    }
    return page === 0;
  }

  #leafOf(id: number): Page | null {
    let number = this.#root;
    for (let level = 0; level < LEVELS_MAX; level += 1) {
      const page = this.#interior.get(number) ?? this.#pageAt(number);
      if (!page) return null;
      if (page.bytes[0] === LEAF) return page;
      if (page.bytes[0] !== INTERIOR) return null;
      number = childOf(page, id);
    }
    return null;
  }

  #pageAt(number: number): Page | null {
    if (number === 0) return null;
    if (this.#leaf?.number === number) return this.#leaf;
    const bytes = this.#wal.has(number) ? this.#asked(number) : this.#read(number);
    if (bytes?.byteLength !== this.#pageBytes) return null;
    if (bytes[0] !== INTERIOR) {
      const view = bytes === this.#leafBuffer ? this.#leafView : viewOf(bytes);
      return (this.#leaf = { number, bytes, view });
    }
    // The buffer of leaves is used again.
    const own = (this.#interiorBuffers[this.#interior.size] ??= new Uint8Array(this.#pageBytes));
    own.set(bytes);
    const page = { number, bytes: own, view: viewOf(own) };
    this.#interior.set(number, page);
    return page;
  }

  #read(number: number): Uint8Array | null {
    this.#leaf = null;
    const bytes = this.#leafBuffer;
    const read = readSync(this.#file, bytes, 0, bytes.byteLength, (number - 1) * this.#pageBytes);
    return read === bytes.byteLength ? bytes : null;
  }

  #asked(number: number): Uint8Array | null {
    const row: unknown = this.#pageOf.get([number]);
    return Array.isArray(row) && row[0] instanceof Uint8Array ? row[0] : null;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

const INTERIOR_CELLS_AT = 12;
const LEAF_CELLS_AT = 8;
const RIGHT_CHILD_AT = 8;
const COUNT_AT = 3;

/** The page below which the row of this id is. */
function childOf({ view, bytes }: Page, id: number): number {
  const cells = view.getUint16(COUNT_AT);
  let low = 0;
  let high = cells;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const cell = view.getUint16(INTERIOR_CELLS_AT + 2 * middle);
    if (varint(bytes, cell + 4).value < id) low = middle + 1;
    else high = middle;
  }
  return view.getUint32(
    low === cells ? RIGHT_CHILD_AT : view.getUint16(INTERIOR_CELLS_AT + 2 * low),
  );
}

/** Where the record of this id begins on its leaf, and how large it is. */
function cellOf({ view, bytes }: Page, id: number): { record: number; bytes: number } | null {
  let low = 0;
  let high = view.getUint16(COUNT_AT) - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const size = varint(bytes, view.getUint16(LEAF_CELLS_AT + 2 * middle));
    const key = varint(bytes, size.end);
    if (key.value === id) return { record: key.end, bytes: size.value };
    if (key.value < id) low = middle + 1;
    else high = middle - 1;
  }
  return null;
}

/** How much of a record stands on its leaf (SQLite's file format, 1.6). */
function localBytes(payload: number, pageBytes: number): number {
  const most = pageBytes - 35;
  if (payload <= most) return payload;
  const least = Math.floor(((pageBytes - 12) * 32) / 255) - 23;
  const fitting = least + ((payload - least) % (pageBytes - POINTER_BYTES));
  return fitting <= most ? fitting : least;
}

/** Bytes of an integer by its serial type; 8 and 9 are the numbers 0 and 1. */
const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8, -1, 0, 0];
const [PARTITION, BASE, LAST, EPOCH, POSITION, INTEGERS] = [1, 2, 3, 4, 6, 8];

/**
 * The record's columns but for its data, which is the last; `headBytes` is all that stands before it. Written out, with the types
 * of integers as the single bytes that they are: it is asked for every row.
 */
function headOf(
  { view, bytes }: Page,
  at: number,
  local: number,
): (FoundRow & { readonly headBytes: number }) | null {
  const headerBytes = bytes[at] ?? 0;
  let value = at + headerBytes;
  let [partition, base, last, epoch, position] = [-1, -1, -1, -1, -1];
  for (let column = 0; column < INTEGERS; column += 1) {
    const type = bytes[at + 1 + column] ?? -1;
    const size = INTEGER_BYTES[type] ?? -1;
    if (size < 0 || value + size > at + local) return null;
    const integer = type >= 8 ? type - 8 : signed(view, value, size);
    if (column === BASE) base = integer;
    else if (column === LAST) last = integer;
    else if (column === EPOCH) epoch = integer;
    else if (column === POSITION) position = integer;
    else if (column === PARTITION) partition = integer;
    value += size;
  }
  const data = varint(bytes, at + 1 + INTEGERS);
  const isBlob = data.value >= 12 && data.value % 2 === 0;
  if (!isBlob || data.end !== at + headerBytes) return null;
  const isSafe = Number.isSafeInteger(base) && Number.isSafeInteger(last);
  if (!isSafe || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(position)) return null;
  const size = (data.value - 12) / 2;
  return { partition, base, last, epoch, position, bytes: size, headBytes: value - at };
}

function signed(view: DataView, at: number, size: number): number {
  if (size === 8) return view.getInt32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
  let value = size === 0 ? 0 : view.getInt8(at);
  for (let byte = 1; byte < size; byte += 1) value = value * 256 + view.getUint8(at + byte);
  return value;
}

/** SQLite's: seven bits a byte, the highest first; the ninth byte has eight. */
function varint(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0;
  for (let byte = 0; byte < 8; byte += 1) {
    const part = bytes[at + byte] ?? 0;
    value = value * 128 + (part & 0x7f);
    if (part < 0x80) return { value, end: at + byte + 1 };
  }
  return { value: value * 256 + (bytes[at + 8] ?? 0), end: at + 9 };
}
