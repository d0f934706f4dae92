/** The record of the largest timestamp: found in one read, and, once it was removed, each row read once. */
import { expect, test } from "bun:test";
import { openTestNode, somebody, type TestNode } from "../../../simulation/test-node.ts";

const ROWS = 40;

/** Forty rows of 100 KB, whose third has by far the largest timestamp; counts the rows that are read. */
async function open() {
  const node = await openTestNode();
  const base = node.clock.nowMs();
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs: {} };
  await now(node, node.broker.createTopic(somebody, topic));
  const append = async (timestampMs: number) => {
    const value = new Uint8Array(100_000);
    const records = [{ key: null, value, headers: [], timestampMs }];
    const payload = { type: "records" as const, records };
    await now(node, node.broker.append(somebody, { topic: "t", partition: 0, acks: -1, payload }));
  };
  for (let row = 0; row < ROWS; row += 1) await append(base + (row === 2 ? 1_000 : row));
  const counted = { rows: 0 };
  const { storage } = node.node;
  const read = storage.read.bind(storage);
  storage.read = async (...where) => {
    const answer = await read(...where);
    counted.rows += answer.rows.length;
    return answer;
  };
  const newest = async () => {
    counted.rows = 0;
    const spec = { at: "max_timestamp" as const };
    const { offset } = await now(node, node.broker.findOffset(somebody, "t", 0, spec));
    return { offset, rows: counted.rows };
  };
  const trim = (before: number) => now(node, node.broker.deleteRecords(somebody, "t", 0, before));
  return { append, base, newest, trim };
}

async function now<T>(node: TestNode, work: Promise<T>): Promise<T> {
  await node.clock.settle();
  return work;
}

test("it is found without reading the log", async () => {
  const { newest } = await open();
  expect(await newest()).toEqual({ offset: 2, rows: 0 });
});

test("once it was removed the rest is looked through once, then only what is new", async () => {
  const { append, base, newest, trim } = await open();
  await trim(3);
  const first = await newest();
  expect(first.offset).toBe(ROWS - 1);
  expect(first.rows).toBeGreaterThanOrEqual(ROWS - 3);
  expect(await newest()).toEqual({ offset: ROWS - 1, rows: 1 });
  await append(base + 500);
  expect(await newest()).toEqual({ offset: ROWS, rows: 2 });
  await append(base + 5);
  expect(await newest()).toEqual({ offset: ROWS, rows: 2 });
  await append(base + 2_000);
  expect(await newest()).toEqual({ offset: ROWS + 2, rows: 0 });
});

test("what was remembered is removed in its turn; an empty log has none", async () => {
  const { append, base, newest, trim } = await open();
  await append(base + 900);
  await append(base + 7);
  await trim(3);
  expect((await newest()).offset).toBe(ROWS);
  await trim(ROWS + 1);
  expect((await newest()).offset).toBe(ROWS + 1);
  await trim(-1);
  expect((await newest()).offset).toBe(-1);
});
