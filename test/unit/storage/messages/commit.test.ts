/**
 * The writer's message gives back the changes that went in, whatever they are.
 */
import { expect, test } from "bun:test";
import {
  array,
  assert,
  bigInt,
  boolean,
  constantFrom,
  nat,
  oneof,
  property,
  record,
  uint8Array,
} from "fast-check";
import { giveBack, packChanges, unpackChanges } from "../../../../src/storage/messages/commit.ts";
import type { Append, Change, Entry } from "../../../../src/storage/storage.ts";

const offset = nat({ max: Number.MAX_SAFE_INTEGER });
const bytes = uint8Array({ minLength: 1, maxLength: 300 });
const id = bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const producer = record({
  id,
  epoch: nat(),
  coordinatorEpoch: constantFrom(-1, 0, 7),
  lastTimestamp: offset,
  transactionStart: constantFrom(-1, 2 ** 52 + 1),
  batches: bytes,
});
const entry = oneof(
  record({
    base: offset,
    last: offset,
    epoch: nat(),
    count: nat(),
    maxTimestamp: constantFrom(-1, 0, 2 ** 52 + 1),
    producers: boolean(),
    data: bytes,
  }).map((fields): Entry => ({ type: "append", ...fields })),
  record({ epoch: nat(), start: offset }).map((fields): Entry => ({ type: "begin", ...fields })),
  offset.map((logStart): Entry => ({ type: "trim", logStart })),
  offset.map((end): Entry => ({ type: "truncate", end })),
  record({ key: bytes, last: offset, expiresMs: offset, value: bytes }).map((receipt): Entry => ({
    type: "receipt",
    receipt,
  })),
  record({ end: offset, changed: array(producer), gone: array(id) }).map((fields): Entry => ({
    type: "producers",
    ...fields,
  })),
  record({ producerId: id, first: offset, last: offset, lastStable: offset }).map(
    (transaction): Entry => ({ type: "aborted", transaction }),
  ),
);
const change = record({
  partition: nat({ max: 3 }),
  guard: record({ epoch: nat(), end: offset }),
  durability: constantFrom("synced", "written"),
  entries: array(entry, { maxLength: 4 }),
});

test("what was packed is unpacked", () => {
  assert(
    property(array(change, { maxLength: 6 }), (changes: Change[]) => {
      expect(unpackChanges(packChanges(changes).message)).toEqual(changes);
    }),
  );
});

test("small appends of a partition lie side by side, large ones are lent in order", () => {
  const append = (size: number, fill: number): Entry => ({
    type: "append",
    base: 0,
    last: 0,
    epoch: 0,
    count: 1,
    maxTimestamp: 0,
    producers: false,
    data: new Uint8Array(size).fill(fill),
  });
  const make = (partition: number, ...entries: Entry[]): Change => ({
    partition,
    guard: { epoch: 0, end: 0 },
    durability: "written",
    entries,
  });
  const changes = [
    make(1, append(10, 1), append(70_000, 2)),
    make(2, append(10, 3)),
    make(1, append(20, 4), append(80_000, 5)),
  ];
  const packed = packChanges(changes);
  expect(packed.lent).toEqual([changes[0]?.entries[1], changes[2]?.entries[1]] as never);
  const data = unpackChanges(packed.message).flatMap(({ entries }) =>
    entries.flatMap((each) => (each.type === "append" ? [each.data] : [])),
  );
  expect(data.map((each) => [each.byteLength, each[0]])).toEqual([
    [10, 1],
    [70_000, 2],
    [10, 3],
    [20, 4],
    [80_000, 5],
  ]);
  expect((data[0]?.byteOffset ?? 0) + 10).toBe(data[3]?.byteOffset ?? 0);
});

test("large appends of one frame go as copies, which take their place, whatever kind of view they are", () => {
  const frame = Buffer.alloc(200_000, 1).fill(2, 100_000);
  const append = (data: Uint8Array): Append => ({
    type: "append",
    base: 0,
    last: 0,
    epoch: 0,
    count: 1,
    maxTimestamp: 0,
    producers: false,
    data,
  });
  const changes = [frame.subarray(0, 100_000), frame.subarray(100_000)].map(
    (data, partition): Change => ({
      partition,
      guard: { epoch: 0, end: 0 },
      durability: "written",
      entries: [append(data)],
    }),
  );
  const packed = packChanges(changes);
  expect(new Set(packed.transfer).size).toBe(packed.transfer.length);
  expect(packed.transfer).not.toContain(frame.buffer);
  expect(packed.message.large.map((data) => [data.byteLength, data[0], data.at(-1)])).toEqual([
    [100_000, 1, 1],
    [100_000, 2, 2],
  ]);
  giveBack(packed, packed.message.large);
  const kept = changes.flatMap(({ entries }) =>
    entries.map((entry) => (entry.type === "append" ? entry.data.buffer.byteLength : 0)),
  );
  expect(kept).toEqual([100_000, 100_000]);
});
