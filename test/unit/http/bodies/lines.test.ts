/** Lines come out whole however the bytes are cut. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { LineCutter, LineTooLong } from "../../../../src/http/bodies/lines.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function cut(chunks: readonly Uint8Array[], bytesMax: number): string[] {
  const cutter = new LineCutter(bytesMax);
  const lines = chunks.flatMap((chunk) => [...cutter.push(chunk)]);
  return [...lines, ...cutter.end()].map((line) => decoder.decode(line));
}

test("any cutting of the bytes gives the same lines", () => {
  const line = fc.stringMatching(/^[a-zé]{0,20}$/);
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(9)), fc.boolean(), (lines, sizes, crlf) => {
      const bytes = encoder.encode(lines.join(crlf ? "\r\n" : "\n"));
      const chunks: Uint8Array[] = [];
      let at = 0;
      for (const size of sizes) chunks.push(bytes.subarray(at, (at += size)));
      chunks.push(bytes.subarray(at));
      expect(cut(chunks, 1_000)).toEqual(lines.filter((text) => text !== ""));
    }),
  );
});

test("a line that never ends is refused once it is too long", () => {
  const piece = encoder.encode("0123456789");
  expect(cut([piece, encoder.encode("\n")], 10)).toEqual(["0123456789"]);
  expect(() => cut([piece, piece], 10)).toThrow(LineTooLong);
  expect(() => cut([encoder.encode("0123456789a\n")], 10)).toThrow(LineTooLong);
});

test("a line that comes byte by byte keeps no pieces", () => {
  const bytes = encoder.encode("x".repeat(1_000_000));
  const cutter = new LineCutter(2_000_000);
  Bun.gc(true);
  const before = process.memoryUsage().heapUsed;
  for (let at = 0; at < bytes.length; at++)
    for (const line of cutter.push(bytes.subarray(at, at + 1))) throw new Error(`${line.length}`);
  Bun.gc(true);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 << 20);
  expect([...cutter.end()].map((line) => line.length)).toEqual([1_000_000]);
});
