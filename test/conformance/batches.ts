/**
 * Record batches for storage tests: whole v2 batches with a right CRC, whose records are filler, since storage never
 * looks inside.
 */
import { crc32c } from "@node-rs/crc32";
import type { Append } from "../../src/storage/storage.ts";

export interface BatchShape {
  readonly base: number;
  readonly records?: number;
  readonly bytes?: number;
  readonly epoch?: number;
  readonly timestampMs?: number;
  readonly producerId?: bigint;
}

/** One batch of `bytes` in all (at least 62), filled with a pattern that depends on its base offset. */
export function batch({
  base,
  records = 1,
  bytes = 100,
  epoch = 0,
  timestampMs = base,
  producerId = -1n,
}: BatchShape): Uint8Array {
  const data = new Uint8Array(bytes).fill((base * 31 + 7) & 0xff);
  const view = new DataView(data.buffer);
  view.setBigInt64(0, BigInt(base));
  view.setInt32(8, bytes - 12);
  view.setInt32(12, epoch);
  view.setInt8(16, 2);
  view.setInt16(21, 0);
  view.setInt32(23, records - 1);
  view.setBigInt64(27, BigInt(timestampMs));
  view.setBigInt64(35, BigInt(timestampMs));
  view.setBigInt64(43, producerId);
  view.setInt16(51, -1);
  view.setInt32(53, -1);
  view.setInt32(57, records);
  view.setUint32(17, crc32c(data.subarray(21)));
  return data;
}

/** An append of the given batches, which follow each other. */
export function append(...shapes: readonly BatchShape[]): Append {
  const parts = shapes.map(batch);
  const data = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.byteLength;
  }
  const [first] = shapes;
  const last = shapes.at(-1);
  if (!first || !last) throw new Error("an append holds a batch");
  return {
    type: "append",
    base: first.base,
    last: last.base + (last.records ?? 1) - 1,
    epoch: first.epoch ?? 0,
    count: shapes.length,
    maxTimestamp: Math.max(...shapes.map(({ base, timestampMs = base }) => timestampMs)),
    producers: shapes.some(({ producerId = -1n }) => producerId >= 0n),
    data,
  };
}
