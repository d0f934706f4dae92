/** Zstandard that was cut anywhere is told from what is whole, in whatever pieces it comes. */
import { expect, test } from "bun:test";
import { zstdCompressSync } from "node:zlib";
import { ZstdFrames } from "../../../src/records/zstd-frames.ts";

const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
const frame = zstdCompressSync(Buffer.from("a frame ".repeat(40)));
const large = zstdCompressSync(
  Buffer.from(Array.from({ length: 400_000 }, (_, at) => at * at).join()),
);

/** Pushed in pieces of this size. */
function isWhole(bytes: Uint8Array, pieceBytes: number, takesSkippable = true): boolean {
  const frames = new ZstdFrames({ takesSkippable });
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes)
      frames.push(bytes.subarray(at, at + pieceBytes));
    frames.end();
    return true;
  } catch {
    return false;
  }
}

test.each([1, 2, 3, 7, 100_000])("whole frames in pieces of %p", (pieceBytes) => {
  for (const bytes of [frame, large, skippable, Buffer.concat([frame, skippable, frame])]) {
    expect(isWhole(bytes, pieceBytes)).toBe(true);
    expect(isWhole(Buffer.concat([bytes, Buffer.from("x")]), pieceBytes)).toBe(false);
  }
  expect(isWhole(skippable, pieceBytes, false)).toBe(false);
});

test("cut anywhere but between frames", () => {
  const both = Buffer.concat([frame, skippable, frame]);
  const ends = new Set([frame.length, frame.length + skippable.length, both.length]);
  for (let length = 0; length <= both.length; length += 1)
    for (const pieceBytes of [1, 5, 1_000])
      expect(isWhole(both.subarray(0, length), pieceBytes)).toBe(ends.has(length));
});
