/** The Java client's own test vectors for murmur2 (kafka-clients, `UtilsTest.testMurmur2`). */
import { expect, test } from "bun:test";
import { murmur2, partitionOfKey } from "../../../src/broker/partitioner.ts";

const vectors: readonly (readonly [string, number])[] = [
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
];

test("murmur2 is Kafka's", () => {
  const bytes = new TextEncoder();
  for (const [text, hash] of vectors) expect(murmur2(bytes.encode(text))).toBe(hash);
});

test("a key's partition is within bounds, whatever the sign of its hash", () => {
  const bytes = new TextEncoder();
  for (const [text] of vectors)
    for (const partitions of [1, 2, 6, 1_000]) {
      const partition = partitionOfKey(bytes.encode(text), partitions);
      expect(partition).toBeGreaterThanOrEqual(0);
      expect(partition).toBeLessThan(partitions);
    }
});
