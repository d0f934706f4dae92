/**
 * Stored bytes that are not what was written: the offsets that are lost are named, all else of the row is told apart.
 */
import { expect, test } from "bun:test";
import { field, stampBatch } from "../../../src/records/batch.ts";
import { encodeBatch } from "../../../src/records/batch-encode.ts";
import { checkRow } from "../../../src/records/stored-row.ts";

const COUNT = 2;

/** Three batches of two records each, from offset 10 on. */
function row(damage: (data: Uint8Array, starts: readonly number[]) => void = () => {}) {
  const batches = [10, 12, 14].map((baseOffset) => {
    const records = Array.from({ length: COUNT }, () => ({
      key: null,
      value: new TextEncoder().encode("tea"),
      headers: [],
      timestampMs: 1,
    }));
    const bytes = encodeBatch(records, { codec: "none" });
    stampBatch(bytes, 0, { baseOffset, leaderEpoch: 0 });
    return bytes;
  });
  const data = new Uint8Array(Buffer.concat(batches));
  const size = batches[0]?.length ?? 0;
  damage(data, [0, size, 2 * size]);
  return { base: 10, last: 15, data };
}

function flip(data: Uint8Array, at: number, bit = 1): void {
  data[at] = (data[at] ?? 0) ^ bit;
}

test("a whole row has no damage", () => {
  expect(checkRow(row())).toEqual({ batches: 3, damaged: [] });
});

test.each([
  ["a record's bit", (data, [, second = 0]) => flip(data, second + 70), [12, 14, /checksum/]],
  ["a CRC's bit", (data, [, , third = 0]) => flip(data, third + field.crc), [14, 16, /checksum/]],
  [
    "a batch's offset, down",
    (data, [, second = 0]) => flip(data, second + 7, 8),
    [12, 16, /order/],
  ],
  [
    "a batch's offset, far up",
    (data, [first = 0]) => flip(data, first, 1),
    [10, 16, /order|batch/],
  ],
  ["a length", (data, [, second = 0]) => flip(data, second + 10), [12, 16, /batch/]],
  ["a magic", (data, [, second = 0]) => flip(data, second + field.magic), [12, 16, /batch/]],
] as readonly (readonly [
  string,
  (data: Uint8Array, starts: readonly number[]) => void,
  readonly [number, number, RegExp],
])[])("%s", (_name, damage, [from, next, why]) => {
  const { damaged } = checkRow(row(damage));
  expect(damaged).toEqual([{ from, next, why: expect.stringMatching(why) }]);
});

test("a row that ends early lacks its last offsets", () => {
  const { data } = row();
  const short = data.subarray(0, (data.length / 3) * 2);
  expect(checkRow({ base: 10, last: 15, data: short }).damaged).toEqual([
    { from: 14, next: 16, why: "its last offset is not what it says" },
  ]);
});

test("two damaged batches are told apart", () => {
  const { damaged } = checkRow(
    row((data, [first = 0, , third = 0]) => {
      flip(data, first + 70);
      flip(data, third + 70);
    }),
  );
  expect(damaged.map(({ from, next }) => [from, next])).toEqual([
    [10, 12],
    [14, 16],
  ]);
});
