/**
 * Steps over the records of one batch, decompressed, without making anything: the one place that knows a record's bytes.
 *
 * ```
 * length varint | attributes i8 | timestampDelta varlong | offsetDelta varint | keyLength varint, key | valueLength varint,
 * value | headers varint × (nameLength varint, name | valueLength varint, value)          a length of -1 is null
 * ```
 *
 * Every length is held against what is left before it is used; a record must end exactly where its length says.
 */
import { corrupt } from "./refusals.ts";
import { type Cursor, readVarint, readVarlong } from "./varint.ts";

/** The record a walk stands at; overwritten by the next step. Positions are those of the walked bytes, length -1 is null. */
export interface RecordWalk extends Cursor {
  timestampDelta: number;
  offsetDelta: number;
  keyAt: number;
  keyBytes: number;
  valueAt: number;
  valueBytes: number;
  headers: number;
  headersAt: number;
}

export function startWalk(bytes: Uint8Array, at: number): RecordWalk {
  return {
    bytes,
    at,
    timestampDelta: 0,
    offsetDelta: 0,
    keyAt: 0,
    keyBytes: -1,
    valueAt: 0,
    valueBytes: -1,
    headers: 0,
    headersAt: 0,
  };
}

/** Steps over one record and leaves its fields in `walk`. Refuses with corrupt_message what is not a whole record. */
export function stepRecord(walk: RecordWalk): void {
  const length = readVarint(walk);
  const end = walk.at + length;
  if (length < 0 || end > walk.bytes.length) throw corrupt(`A record claims ${length} bytes.`);
  walk.at += 1; // The record's attributes, all unused.
  walk.timestampDelta = readVarlong(walk);
  walk.offsetDelta = readVarint(walk);
  walk.keyBytes = readVarint(walk);
  walk.keyAt = skip(walk, walk.keyBytes, end);
  walk.valueBytes = readVarint(walk);
  walk.valueAt = skip(walk, walk.valueBytes, end);
  walk.headers = readVarint(walk);
  walk.headersAt = walk.at;
  if (walk.headers !== 0) skipHeaders(walk, end);
  if (walk.at !== end) throw corrupt("A record's fields do not end where its length says.");
}

function skipHeaders(walk: RecordWalk, end: number): void {
  if (walk.headers < 0) throw corrupt(`A record claims ${walk.headers} headers.`);
  for (let index = 0; index < walk.headers; index++) {
    const nameBytes = readVarint(walk);
    if (nameBytes < 0) throw corrupt("A header has no name.");
    skip(walk, nameBytes, end);
    skip(walk, readVarint(walk), end);
  }
}

/** Moves over `length` bytes and gives where they begin. */
function skip(walk: RecordWalk, length: number, end: number): number {
  const at = walk.at;
  if (length < -1 || length > end - at)
    throw corrupt(`A key, value or header claims ${length} bytes.`);
  if (length > 0) walk.at = at + length;
  return at;
}
