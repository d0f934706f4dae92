/** CRC-32C against its published check values (RFC 3720, B.4) and a bit-by-bit sum, on both sides of the native threshold. */
import { expect, test } from "bun:test";
import { seededRandom } from "../../../src/lib/random.ts";
import { crc32c } from "../../../src/records/crc32c.ts";

const published: readonly [name: string, bytes: Uint8Array, crc: number][] = [
  ["nothing", new Uint8Array(0), 0],
  ["123456789", new TextEncoder().encode("123456789"), 0xe3069283],
  ["32 zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["0 to 31", Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
];

for (const [name, bytes, crc] of published)
  test(`the checksum of ${name}`, () => {
    expect(crc32c(bytes)).toBe(crc);
  });

function bitByBit(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test("tables, native code and a plain sum agree at every length, and a checksum can be carried on", () => {
  const bytes = seededRandom(1).bytes(2000);
  for (const length of [0, 1, 7, 8, 9, 383, 384, 385, 1024, 1999]) {
    const part = bytes.subarray(1, 1 + length);
    expect(crc32c(part), `${length} bytes`).toBe(bitByBit(part));
    for (const cut of [0, 1, length >> 1, length])
      expect(crc32c(part.subarray(cut), crc32c(part.subarray(0, cut)))).toBe(bitByBit(part));
  }
});
