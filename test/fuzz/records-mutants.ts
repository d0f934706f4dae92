/**
 * Damaged record batches from a seed, and what must hold of each: a refusal, or a batch that is consistent in itself.
 *
 * Bytes are flipped, cut, put in, copied over and set to edge values, in the batch as it stands or in its records before
 * they are compressed; mostly the CRC is then made right again, so that what lies behind it is reached.
 */
import { Refusal } from "../../src/lib/refusal.ts";
import { type Random, seededRandom } from "../../src/lib/random.ts";
import { checkBatch } from "../../src/records/batch-check.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";
import { batchesBefore, batchesFrom, readRecords } from "../../src/records/batch-read.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_FROM,
  field,
  stampCrc,
  viewOf,
  walkBatches,
} from "../../src/records/batch.ts";
import { codecNames, compress } from "../../src/records/compression.ts";
import type { NewRecord } from "../../src/records/record.ts";

const limits = { bytesMax: 1 << 20, decompressedBytesMax: 1 << 20 };

export interface Outcome {
  refused: number;
  passed: number;
}

/** Runs `cases` mutants; throws at the first that breaks a rule, naming the seed and the case. */
export function runMutants(seed: number, cases: number): Outcome {
  const random = seededRandom(seed);
  const outcome: Outcome = { refused: 0, passed: 0 };
  for (let index = 0; index < cases; index++) {
    const bytes = mutant(random);
    try {
      judge(bytes, outcome);
    } catch (cause) {
      const hex = Buffer.from(bytes).toString("hex");
      throw new Error(`seed ${seed}, case ${index}: ${String(cause)}\n${hex}`, { cause });
    }
  }
  return outcome;
}

function judge(bytes: Uint8Array, outcome: Outcome): void {
  for (const read of readings) refusalOrResult(() => read(bytes));
  const header = refusalOrResult(() => checkBatch(bytes, limits));
  if (!header) {
    outcome.refused += 1;
    return;
  }
  outcome.passed += 1;
  const records = [...readRecords(bytes, 0, limits)];
  const must = (condition: boolean, rule: string) => {
    if (!condition) throw new Error(rule);
  };
  must(records.length === header.count, "a checked batch has as many records as it says");
  const latest = records.reduce((max, record) => Math.max(max, record.timestampMs), -1);
  must(latest === header.maxTimestamp, "a checked batch's maximum timestamp is its records'");
  records.forEach((record, index) => {
    must(record.offset === header.baseOffset + index, "offsets follow each other");
  });
  const again = encodeBatch(records, { baseOffset: header.baseOffset });
  const copies = [...readRecords(again, 0, limits)];
  must(Bun.deepEquals(copies, records), "what was read is what would be written");
}

/** Everything a reader may do with bytes from a disk that lies. */
const readings: readonly ((bytes: Uint8Array) => void)[] = [
  (bytes) => [...walkBatches(bytes)],
  (bytes) => [...readRecords(bytes, 0, limits)],
  (bytes) => batchesFrom(bytes, 5),
  (bytes) => batchesBefore(bytes, 5),
];

function refusalOrResult<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/** Damaged batches that pass the check all the same, so that others can be asked to read them. */
export function* acceptedMutants(seed: number, cases: number): Iterable<Uint8Array> {
  const random = seededRandom(seed);
  for (let index = 0; index < cases; index++) {
    const bytes = mutant(random);
    if (refusalOrResult(() => checkBatch(bytes, limits))) yield bytes;
  }
}

function mutant(random: Random): Uint8Array {
  const codec = pick(random, codecNames);
  const records = someRecords(random);
  let batch = encodeBatch(records, { codec, baseOffset: below(random, 10) });
  if (codec !== "none" && random.next() < 0.4) {
    const plain = encodeBatch(records);
    const inside = mutate(random, plain.subarray(BATCH_HEADER_BYTES));
    batch = withRecords(batch, compress(codec, inside));
  } else {
    const from = random.next() < 0.3 ? 0 : Math.min(BATCH_HEADER_BYTES, batch.length - 1);
    batch = concat(batch.subarray(0, from), mutate(random, batch.subarray(from)));
  }
  if (batch.length < BATCH_HEADER_BYTES || random.next() < 0.1) return batch;
  if (random.next() < 0.9)
    viewOf(batch).setInt32(field.batchLength, batch.length - BATCH_LENGTH_FROM);
  stampCrc(batch, 0, batch.length);
  return batch;
}

function someRecords(random: Random): NewRecord[] {
  const data = (bytesMax: number) =>
    random.next() < 0.1 ? null : random.bytes(below(random, bytesMax)).fill(7, 0, bytesMax >> 1);
  return Array.from({ length: 1 + below(random, 6) }, (_, index) => ({
    key: data(12),
    value: data(random.next() < 0.02 ? 100_000 : 200),
    headers: Array.from({ length: random.next() < 0.3 ? below(random, 4) : 0 }, () => ({
      name: "h".repeat(below(random, 5)),
      value: data(8),
    })),
    timestampMs: 1_700_000_000_000 + index * below(random, 20),
  }));
}

const edges = [0, 1, 0x7f, 0x80, 0xff];

function mutate(random: Random, source: Uint8Array): Uint8Array {
  let bytes = new Uint8Array(source);
  for (let left = 1 + below(random, 3); left > 0; left--) {
    const at = below(random, bytes.length + 1);
    const length = below(random, Math.min(40, bytes.length - at + 1));
    switch (below(random, 6)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
        break;
      case 1:
        bytes = bytes.slice(0, at);
        break;
      case 2:
        bytes = concat(bytes.subarray(0, at), random.bytes(length), bytes.subarray(at));
        break;
      case 3:
        bytes.copyWithin(at, below(random, bytes.length), below(random, bytes.length));
        break;
      case 4:
        bytes.fill(pick(random, edges), at, at + Math.min(length, 5));
        break;
      default:
        bytes = concat(bytes.subarray(0, at), bytes.subarray(at + length));
    }
  }
  return bytes;
}

function withRecords(batch: Uint8Array, records: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(batch.subarray(0, BATCH_HEADER_BYTES), records);
}

function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function below(random: Random, limit: number): number {
  return Math.floor(random.next() * limit);
}

function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[below(random, items.length)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}
