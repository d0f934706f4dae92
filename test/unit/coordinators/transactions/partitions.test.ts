import { expect, test } from "bun:test";
import { holdsAll } from "../../../../src/coordinators/transactions/partitions.ts";

test("whether a transaction holds its partitions is one walk over both", () => {
  const held = [
    { topic: "a", partitions: [0, 2, 5] },
    { topic: "c", partitions: Array.from({ length: 100_000 }, (_, at) => at) },
  ];
  const holds = (...asked: (typeof held)[number][]) => holdsAll(held, asked);
  expect(holds()).toBe(true);
  expect(holds(...held)).toBe(true);
  expect(holds({ topic: "a", partitions: [5] }, { topic: "c", partitions: [7] })).toBe(true);
  expect(holds({ topic: "a", partitions: [0, 3] })).toBe(false);
  expect(holds({ topic: "a", partitions: [6] })).toBe(false);
  expect(holds({ topic: "b", partitions: [0] })).toBe(false);
  expect(holds({ topic: "d", partitions: [0] })).toBe(false);
});
