/** Codecs: any bytes round-trip, nothing expands past its bound whatever a header claims, damage is refused. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { fileURLToPath } from "node:url";
import lz4Frames from "../../fixtures/lz4-frames.json" with { type: "json" };
import * as fc from "fast-check";
import { Refusal, type RefusalName } from "../../../src/lib/refusal.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { type Codec, codecNames, compress, decompress } from "../../../src/records/compression.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

const mebi = 1 << 20;

function refusalOf(run: () => unknown): RefusalName | "none" {
  try {
    run();
    return "none";
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

for (const codec of codecNames) {
  test(`${codec} gives any bytes back`, () => {
    const sizes = fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(32_768, 65_536, 70_000, 300_000));
    fc.assert(
      fc.property(sizes, fc.nat({ max: 255 }), fc.integer(), (size, spread, seed) => {
        const random = seededRandom(seed);
        const bytes = Uint8Array.from({ length: size }, () => random.next() * (spread + 1));
        const plain = decompress(codec, compress(codec, bytes), Math.max(size, 1));
        expect(Buffer.from(plain).equals(bytes)).toBe(true);
        if (size > 1)
          expect(refusalOf(() => decompress(codec, compress(codec, bytes), size - 1))).toBe(
            "message_too_large",
          );
      }),
      { numRuns: 30 },
    );
  });
  if (codec === "none") continue;

  test(`a ${codec} bomb is refused before it goes off`, () => {
    const bomb = compress(codec, new Uint8Array(64 * mebi));
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    expect(refusalOf(() => decompress(codec, bomb, mebi))).toBe("message_too_large");
    expect(process.memoryUsage.rss() - before).toBeLessThan(32 * mebi);
  });

  test(`cut or damaged ${codec} is refused or given as it is, never a crash`, () => {
    const random = seededRandom(5);
    const whole = compress(codec, new Uint8Array(random.bytes(3000)).fill(1, 500, 2500));
    for (let length = 0; length < whole.length; length += 7)
      expect(refusalOf(() => decompress(codec, whole.subarray(0, length), mebi))).toMatch(
        codec === "snappy" && length === 16 ? /none|corrupt/ : /corrupt/,
      );
    for (let at = 0; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      expect(refusalOf(() => decompress(codec, damaged, mebi))).toMatch(/none|corrupt|too_large/);
    }
  });
}

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
const xerial = "82534e4150505900 00000001 00000001";
const lz4Magic = "04224d18";

const lies: readonly [what: string, codec: Codec, bytes: string, refusal: RefusalName][] = [
  ["a snappy block of 4 GiB in 10 bytes", "snappy", "ffffffff0f 0000000000", "corrupt_message"],
  ["a snappy length that does not end", "snappy", "ffffffffffffff", "corrupt_message"],
  ["a xerial header alone, cut", "snappy", xerial.slice(0, 26), "corrupt_message"],
  ["a xerial block of 2 GiB", "snappy", `${xerial} 7fffffff 00`, "corrupt_message"],
  ["a negative xerial block", "snappy", `${xerial} ffffffff 00`, "corrupt_message"],
  ["an empty xerial block", "snappy", `${xerial} 00000000 00`, "corrupt_message"],
  ["a xerial block that lies", "snappy", `${xerial} 00000006 ffffff7f 0000`, "corrupt_message"],
  ["an lz4 frame without blocks", "lz4", `${lz4Magic} 604082`, "corrupt_message"],
  ["an lz4 block of 2 GiB", "lz4", `${lz4Magic} 604082 ffffff7f 00`, "corrupt_message"],
  ["an lz4 block that is cut", "lz4", `${lz4Magic} 604082 00010000 00`, "corrupt_message"],
  [
    "an lz4 frame that needs a dictionary",
    "lz4",
    `${lz4Magic} 6140 01000000 00 00000000`,
    "corrupt_message",
  ],
  ["bytes behind an lz4 frame", "lz4", `${lz4Magic} 604082 00000000 00`, "corrupt_message"],
  ["an lz4 frame of unknown block size", "lz4", `${lz4Magic} 603082 00000000`, "corrupt_message"],
  ["a legacy lz4 frame", "lz4", "02214c18 04000000 00000000", "corrupt_message"],
  [
    "a zstd frame that claims 2^60",
    "zstd",
    "28b52ffd e0 0000000000000010 010000",
    "corrupt_message",
  ],
];

for (const [what, codec, bytes, refusal] of lies)
  test(`${what} is refused`, () => {
    expect(refusalOf(() => decompress(codec, hex(bytes), mebi))).toBe(refusal);
  });

const sentence = "the same words over and over; ".repeat(5000).slice(0, 140_000);

/** Made by python-lz4 4, blocks of 64 KiB. */
for (const { options, linked, frame } of lz4Frames)
  test(`an lz4 frame with ${options} is ${linked ? "refused, as by Java" : "read"}`, () => {
    const bytes = new Uint8Array(Buffer.from(frame, "base64"));
    const read = (bytesMax: number) => decompress("lz4", bytes, bytesMax);
    if (linked) {
      expect(refusalOf(() => read(sentence.length))).toBe("corrupt_message");
      return;
    }
    expect(new TextDecoder().decode(read(sentence.length))).toBe(sentence);
    expect(refusalOf(() => read(sentence.length - 1))).toBe("message_too_large");
    // Header, block and checksum bytes alike: none may change unseen but the content's checksum, which Java leaves too.
    const checked = options === "block checksums" ? bytes.length : 15;
    for (let at = 0; at < checked; at++) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x20;
      expect(
        refusalOf(() => decompress("lz4", damaged, mebi)),
        `byte ${at}`,
      ).not.toBe("none");
    }
  });

const tiny: readonly [codec: Codec, head: string, block: string, tail: string][] = [
  ["lz4", `${lz4Magic} 604082`, "020000001041", "00000000"],
  ["snappy", xerial, "00000003010041", ""],
];

for (const [codec, head, block, tail] of tiny)
  test(`${codec} in 10,000 blocks is read, in more it is refused before a block is`, () => {
    const blocks = (count: number) => hex(head + block.repeat(count) + tail);
    expect(decompress(codec, blocks(10_000), mebi)).toEqual(new Uint8Array(10_000).fill(0x41));
    expect(() => decompress(codec, blocks(10_001), mebi)).toThrow("more than 10000 blocks");
  });

test("a turn that decompresses much does not hold it", () => {
  // In a process of its own: what other tests hold at the time is none of its business.
  const program = `
    import { compress, decompress } from "${fileURLToPath(new URL("../../../src/records/compression.ts", import.meta.url))}";
    const [codec] = process.argv.slice(-1);
    const packed = compress(codec, new Uint8Array(${mebi}));
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    for (let run = 0; run < 160; run++) decompress(codec, packed, ${mebi});
    console.log(process.memoryUsage.rss() - before);`;
  for (const codec of codecNames) {
    const { stdout } = Bun.spawnSync([process.execPath, "-e", program, codec]);
    const grownBytes = Number(stdout.toString());
    expect(grownBytes, codec).toBeLessThan(100 * mebi);
    expect(stdout.length, codec).toBeGreaterThan(0);
  }
});
