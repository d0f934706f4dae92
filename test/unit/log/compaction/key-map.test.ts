/**
 * The map of newest offsets: against a plain map, and full.
 */
import { expect, test } from "bun:test";
import { seededRandom } from "../../../../src/lib/random.ts";
import { KeyMap } from "../../../../src/log/compaction/key-map.ts";

const key = (number: number) => new TextEncoder().encode(`key-${number}`);

test("knows each key's newest offset", () => {
  const random = seededRandom(5);
  const map = new KeyMap(5000, 1 << 20);
  const model = new Map<number, number>();
  for (let offset = 0; offset < 20_000; offset += 1) {
    const number = Math.floor(random.next() * 5000);
    expect(map.put(key(number), offset)).toBe(true);
    model.set(number, offset);
  }
  expect(map.size).toBe(model.size);
  for (let number = 0; number < 6000; number += 1)
    expect(map.newest(key(number))).toBe(model.get(number) ?? -1);
});

test("a full map takes known keys only", () => {
  const map = new KeyMap(1_000_000, 24 * 100);
  let taken = 0;
  while (map.put(key(taken), taken)) taken += 1;
  expect(taken).toBe(80);
  expect(map.put(key(3), 1000)).toBe(true);
  expect(map.newest(key(3))).toBe(1000);
  expect(map.newest(key(80))).toBe(-1);
  expect(map.newest(new Uint8Array())).toBe(-1);
});
