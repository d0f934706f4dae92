/** Where leader epochs begin and end: the answers of Kafka's `LeaderEpochFileCache` (KIP-101). */
import { expect, test } from "bun:test";
import { Epochs } from "../../../src/log/epochs.ts";

const epochs = () =>
  new Epochs([
    { epoch: 1, start: 0 },
    { epoch: 4, start: 10 },
    { epoch: 6, start: 20 },
  ]);

test.each([
  ["the newest ends with the log", 6, { epoch: 6, endOffset: 30 }],
  ["an older one ends where the next began", 4, { epoch: 4, endOffset: 20 }],
  ["one in between gives the one below", 3, { epoch: 1, endOffset: 10 }],
  ["one before all gives itself and where the first began", 0, { epoch: 0, endOffset: 0 }],
  ["a newer one is not known", 7, { epoch: -1, endOffset: -1 }],
  ["none is not known", -1, { epoch: -1, endOffset: -1 }],
])("%s", (_, asked, expected) => {
  expect(epochs().endOf(asked, 6, { start: 0, end: 30 })).toEqual(expected);
});

test("an epoch that has written nothing yet begins at the end", () => {
  expect(epochs().endOf(8, 8, { start: 0, end: 30 })).toEqual({ epoch: 8, endOffset: 30 });
  expect(epochs().endOf(6, 8, { start: 0, end: 30 })).toEqual({ epoch: 6, endOffset: 30 });
});

test("an offset's epoch is that of the batch that holds it", () => {
  expect([0, 9, 10, 29, 30].map((offset) => epochs().at(offset, 8, 30))).toEqual([1, 1, 4, 6, 8]);
});

test("a new epoch is noted once, and takes the place of those that wrote nothing", () => {
  const noted = epochs();
  noted.began(7, 30);
  noted.began(9, 30);
  noted.began(9, 35);
  expect(noted.endOf(7, 9, { start: 0, end: 40 })).toEqual({ epoch: 6, endOffset: 30 });
  expect(noted.endOf(9, 9, { start: 0, end: 40 })).toEqual({ epoch: 9, endOffset: 40 });
});

test("of what was trimmed nothing is known but where the log starts", () => {
  const trimmed = { start: 12, end: 30 };
  expect(epochs().endOf(1, 6, trimmed)).toEqual({ epoch: 1, endOffset: 12 });
  expect(epochs().endOf(3, 6, trimmed)).toEqual({ epoch: 3, endOffset: 12 });
  expect(epochs().endOf(4, 6, trimmed)).toEqual({ epoch: 4, endOffset: 20 });
});
