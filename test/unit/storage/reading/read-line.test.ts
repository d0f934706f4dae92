/** The order in which reads go to the readers. */
import { expect, test } from "bun:test";
import type { Read } from "../../../../src/storage/messages/messages.ts";
import { ReadLine } from "../../../../src/storage/reading/read-line.ts";

const MiB = 1024 * 1024;
const page = (partition: number) => ({ type: "read" as const, partition, from: 0, bytesMax: MiB });
const receipt: Read = { type: "receipt", partition: 1, key: new Uint8Array(1) };

function line(...reads: readonly (Read | { readonly ahead: Read })[]): ReadLine {
  const line = new ReadLine({ readsMax: 8, bytesMax: 2 * MiB });
  for (const each of reads) {
    const read = "ahead" in each ? each.ahead : each;
    line.push({ read, resolve: () => {}, reject: () => {} }, "ahead" in each);
  }
  return line;
}

const taken = (line: ReadLine) => line.take().map(({ read }) => read);

test("receipts go first, then what is waited for, at last what is read ahead", () => {
  const [ahead, awaited] = [page(1), page(2)];
  const all = line({ ahead }, awaited, receipt);
  expect([taken(all), taken(all), taken(all)]).toEqual([[receipt], [awaited], [ahead]]);
  expect(all.isAwaited || all.hasAhead).toBe(false);
});

test("a message holds what fits, half as much of what is read ahead", () => {
  const [first, second, third] = [page(1), page(2), page(3)];
  const awaited = line(first, second, third);
  expect([taken(awaited), taken(awaited)]).toEqual([[first, second], [third]]);
  const ahead = line({ ahead: first }, { ahead: second });
  expect([taken(ahead), taken(ahead)]).toEqual([[first], [second]]);
  const [half, quarter] = [
    { ...first, bytesMax: MiB / 2, firstBytesMax: 0 },
    { ...second, bytesMax: MiB / 4, firstBytesMax: 0 },
  ];
  const small = line({ ahead: half }, { ahead: quarter }, { ahead: third });
  expect([taken(small), taken(small)]).toEqual([[half, quarter], [third]]);
});

test("what was read ahead and is waited for now goes before the rest of it", () => {
  const [first, second] = [page(1), page(2)];
  const all = line({ ahead: first }, { ahead: second });
  expect(all.isAwaited).toBe(false);
  expect(all.hurry(second)).toBe(true);
  expect(all.hurry(second)).toBe(false);
  expect(all.isAwaited).toBe(true);
  expect([taken(all), taken(all)]).toEqual([[second], [first]]);
});

test("those that will not be read any more are all given back", () => {
  expect(line(page(1), { ahead: page(2) }, receipt).takeAll().length).toBe(3);
});
