/**
 * Requests of Kafka's protocol from a seed: every API that is served, in every version, with values that exist on the node
 * among the random ones; and what may be done to their bytes.
 */
import { refersTo } from "./kafka-names.ts";
import { apis } from "../../src/kafka/apis/index.ts";
import { encodeRequest } from "../../src/kafka/frames.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";
import { codecNames } from "../../src/records/compression.ts";
import { type Dice, randomFields } from "../peers/random-message.ts";

const served = apis.filter((api) => api.handle);
const sizeBytes = 4;
const edges = [-2_147_483_648, -1, 0, 1, 127, 128, 65_535, 100_000_000, 2_147_483_647];

export interface Mutant {
  readonly api: string;
  readonly version: number;
  readonly damage: string;
  readonly bytes: Buffer;
}

/** One request, whole or damaged. */
export function mutantFrame(roll: Dice): Mutant {
  const { api, version, bytes } = wholeFrame(roll);
  const [damage, change] = damages[roll(damages.length)] ?? ["none", (whole: Buffer) => whole];
  return { api, version, damage, bytes: change(bytes, roll) };
}

function wholeFrame(roll: Dice): { api: string; version: number; bytes: Buffer } {
  const api = served[roll(served.length)];
  if (!api) throw new Error("no API is served");
  const { min, max } = api.versions;
  const version = min + roll(max - min + 1);
  const fields = refersTo(randomFields(api.request.fields, version, roll), roll);
  if (api.name === "Produce") giveBatches(fields, roll);
  // Waits are cut short, or a case would take as long as it asks for.
  for (const name of ["maxWaitMs", "timeoutMs", "rebalanceTimeoutMs"])
    if (name in fields) fields[name] = roll(20);
  const header = { version, correlationId: roll(1_000), clientId: "fuzz" };
  const bytes = Buffer.concat(encodeRequest(api, header, fields as never));
  return { api: api.name, version, bytes };
}

/** Mostly whole batches, so that what lies behind their checks is reached. */
function giveBatches(value: unknown, roll: Dice): void {
  if (Array.isArray(value)) return value.forEach((each) => giveBatches(each, roll));
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (name === "records" && roll(8) > 0) Object.assign(value, { records: batch(roll) });
    else giveBatches(inner, roll);
  }
}

function batch(roll: Dice): Uint8Array {
  const records = Array.from({ length: 1 + roll(4) }, (_, index) => ({
    key: roll(3) === 0 ? null : Buffer.from(`key ${roll(5)}`),
    value: roll(5) === 0 ? null : Buffer.alloc(roll(200), index),
    headers: roll(3) === 0 ? [{ name: "h", value: null }] : [],
    timestampMs: 1_700_000_000_000 + roll(1_000_000),
  }));
  const idempotent = roll(2) === 0;
  return encodeBatch(records, {
    codec: codecNames[roll(codecNames.length)] ?? "none",
    ...(idempotent
      ? { producerId: BigInt(roll(5)), producerEpoch: roll(3), baseSequence: roll(20) }
      : {}),
  });
}

type Damage = (bytes: Buffer, roll: Dice) => Buffer;

const damages: readonly (readonly [string, Damage])[] = [
  ["none", (bytes) => bytes],
  ["none", (bytes) => bytes],
  ["bytes flipped", flip],
  ["bytes flipped, size right", flip],
  ["cut off", (bytes, roll) => bytes.subarray(0, roll(bytes.length))],
  [
    "cut off, size right",
    (bytes, roll) => sized(bytes.subarray(0, sizeBytes + roll(bytes.length))),
  ],
  [
    "longer than it says",
    (bytes, roll) => Buffer.concat([bytes, Buffer.alloc(1 + roll(64), roll(256))]),
  ],
  ["spliced with another", splice],
  ["an edge in place of a number", edge],
  ["a size that is none", (bytes, roll) => withSize(bytes, edges[roll(edges.length)] ?? 0)],
  ["another key", (bytes, roll) => withInt16(bytes, 0, roll(65_536))],
  ["another version", (bytes, roll) => withInt16(bytes, 2, roll(65_536))],
  ["a piece twice", twice],
];

function flip(bytes: Buffer, roll: Dice): Buffer {
  const changed = Buffer.from(bytes);
  for (let left = 1 + roll(6); left > 0; left -= 1) {
    const at = sizeBytes + roll(changed.length - sizeBytes);
    changed[at] = roll(256);
  }
  return changed;
}

function edge(bytes: Buffer, roll: Dice): Buffer {
  const changed = Buffer.from(bytes);
  const at = sizeBytes + roll(Math.max(1, changed.length - 2 * sizeBytes));
  changed.writeInt32BE(edges[roll(edges.length)] ?? 0, Math.min(at, changed.length - sizeBytes));
  return changed;
}

function splice(bytes: Buffer, roll: Dice): Buffer {
  const other = wholeFrame(roll).bytes;
  const head = bytes.subarray(0, sizeBytes + roll(bytes.length - sizeBytes));
  return sized(Buffer.concat([head, other.subarray(roll(other.length))]));
}

function twice(bytes: Buffer, roll: Dice): Buffer {
  const from = sizeBytes + roll(bytes.length - sizeBytes);
  const to = from + roll(bytes.length - from);
  const piece = bytes.subarray(from, to);
  return sized(Buffer.concat([bytes.subarray(0, to), piece, bytes.subarray(to)]));
}

/** The same bytes with the size that they have. */
function sized(bytes: Buffer): Buffer {
  return bytes.length < sizeBytes ? bytes : withSize(bytes, bytes.length - sizeBytes);
}

function withSize(bytes: Buffer, size: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeInt32BE(size, 0);
  return changed;
}

function withInt16(bytes: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt16BE(value, sizeBytes + at);
  return changed;
}
