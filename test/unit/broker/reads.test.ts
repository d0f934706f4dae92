/** A read of several partitions: what it asks of storage at the same time, and what it makes of that. */
import { describe, expect, test } from "bun:test";
import type { ReadOptions } from "../../../src/broker/verbs.ts";
import type { ReadRows, Storage } from "../../../src/storage/storage.ts";
import { openTestNode, somebody, type TestNode } from "../../simulation/test-node.ts";

const atOnce: ReadOptions = {
  bytesMin: 1,
  bytesMax: 10_000,
  waitMs: 0,
  isolation: "read_uncommitted",
};

/** Storage whose reads of these partitions are held until `release`, and what they give may be replaced. */
class Held {
  readonly under: number[] = [];
  isHeld = false;
  replaced: ReadRows | null = null;
  #gate = Promise.withResolvers<void>();

  wrap = (storage: Storage): Storage => {
    const read = storage.read.bind(storage);
    storage.read = async (partition, from, bytesMax, firstBytesMax) => {
      if (!this.isHeld) return read(partition, from, bytesMax, firstBytesMax);
      this.under.push(partition);
      await this.#gate.promise;
      return this.replaced ?? read(partition, from, bytesMax, firstBytesMax);
    };
    return storage;
  };

  release(): void {
    this.isHeld = false;
    this.#gate.resolve();
  }
}

async function now<T>({ clock }: TestNode, promise: Promise<T>): Promise<T> {
  await clock.settle();
  return promise;
}

const append = (node: TestNode, partition: number, bytes = 100) =>
  now(
    node,
    node.broker.append(somebody, {
      topic: "t",
      partition,
      acks: -1,
      payload: {
        type: "records",
        records: [{ key: null, value: new Uint8Array(bytes), headers: [], timestampMs: null }],
      },
    }),
  );

/** A topic of three partitions with a record each, none of them in memory. */
async function world(): Promise<{ node: TestNode; held: Held }> {
  const held = new Held();
  const node = await openTestNode({ wrap: held.wrap, limits: { tailCacheBytes: 1 } });
  const topic = { name: "t", partitions: 3, replicationFactor: 1, configs: {} };
  await now(node, node.broker.createTopic(somebody, topic));
  for (const partition of [0, 1, 2]) await append(node, partition);
  held.isHeld = true;
  return { node, held };
}

const all = (bytesMax: number) =>
  [0, 1, 2].map((partition) => ({ topic: "t", partition, from: 0, bytesMax }));

test("what fits is asked of storage at once, not one after the other", async () => {
  const { node, held } = await world();
  const reading = node.broker.read(somebody, all(1_000), atOnce);
  await node.clock.settle();
  expect(held.under.length).toBe(3);
  held.release();
  const answers = await now(node, reading);
  expect(answers.map(({ batches }) => batches.length)).toEqual([1, 1, 1]);
});

test("what may not fit any more waits for what stands before it", async () => {
  const { node, held } = await world();
  const reading = node.broker.read(somebody, all(1_000), { ...atOnce, bytesMax: 2_500 });
  await node.clock.settle();
  expect(held.under.length).toBe(2);
  held.release();
  const answers = await now(node, reading);
  expect(answers.map(({ batches }) => batches.length)).toEqual([1, 1, 1]);
});

test("the bound over all partitions holds, and a refusal is told in its turn", async () => {
  const { node, held } = await world();
  held.release();
  const tight = await now(
    node,
    node.broker.read(somebody, all(1_000), { ...atOnce, bytesMax: 200 }),
  );
  expect(tight.map(({ batches }) => batches.length)).toEqual([1, 0, 0]);
  const [first, ...others] = all(1_000);
  if (!first) throw new Error("there are three");
  const requests = [{ ...first, topic: "unknown" }, { ...first, from: 99 }, ...others];
  const answers = await now(node, node.broker.read(somebody, requests, atOnce));
  expect(answers.map(({ refusal }) => refusal?.code ?? null)).toEqual([
    "unknown_topic_or_partition",
    "offset_out_of_range",
    null,
    null,
  ]);
});

describe("a batch that is larger than its reader has room for", () => {
  const LARGE_BYTES = 300_000;
  const large = async (inMemory: boolean) => {
    const node = await openTestNode({ limits: { tailCacheBytes: inMemory ? 1_000_000 : 1 } });
    const topic = { name: "t", partitions: 3, replicationFactor: 1, configs: {} };
    await now(node, node.broker.createTopic(somebody, topic));
    await append(node, 1, LARGE_BYTES);
    await append(node, 2);
    return async (firstBytesMax: number, options: Partial<ReadOptions> = {}) => {
      const terms = { ...atOnce, bytesMax: 1_000, firstBytesMax, ...options };
      const answers = await now(node, node.broker.read(somebody, all(1_000), terms));
      return answers.map(({ batches, refusedBytes, refusal }) => [
        batches.length,
        refusedBytes ?? 0,
        refusal,
      ]);
    };
  };
  for (const inMemory of [true, false])
    test(`is told of, and comes where as much is asked for; in memory: ${inMemory}`, async () => {
      const read = await large(inMemory);
      const [first, second, third] = await read(1_000);
      const size = Number(second?.[1]);
      expect([first, second, third]).toEqual([
        [0, 0, null],
        [0, size, null],
        [0, 0, null],
      ]);
      expect(size).toBeGreaterThan(LARGE_BYTES);
      // It ends a wait, for nothing is waited for but room.
      expect(await read(1_000, { waitMs: 60_000, bytesMin: 1 })).toEqual(await read(1_000));
      expect(await read(size)).toEqual([
        [0, 0, null],
        [1, 0, null],
        [0, 0, null],
      ]);
      expect(await read(Infinity)).toEqual(await read(size));
    });
});

test("rows that lie side by side in memory are given as one run, others apart", async () => {
  const { node, held } = await world();
  held.isHeld = false;
  await append(node, 0);
  const [log] = node.logs.all();
  if (!log) throw new Error("there are three");
  const { rows, logStart } = await now(node, node.storage.read(log.id, 0, 1_000));
  expect(rows.length).toBe(2);
  const page = new Uint8Array(rows.reduce((sum, { data }) => sum + data.length, 7));
  let at = 7;
  const placed = rows.map((row) => {
    page.set(row.data, at);
    at += row.data.length;
    return { ...row, data: page.subarray(at - row.data.length, at) };
  });
  const given = async (replaced: ReadRows["rows"]) => {
    held.isHeld = true;
    held.replaced = { rows: replaced, logStart };
    const [answer] = await now(node, node.broker.read(somebody, all(1_000).slice(0, 1), atOnce));
    return answer;
  };
  held.release();
  const together = await given(placed);
  expect(together?.batches.map((run) => Buffer.from(run))).toEqual([Buffer.from(page.slice(7))]);
  expect(together?.position).toBe(0);
  expect((await given(rows))?.batches.length).toBe(2);
});

test("a small part of what storage read does not keep the rest of it", async () => {
  const { node, held } = await world();
  held.isHeld = false;
  for (let more = 0; more < 3; more++) await append(node, 0);
  const [log] = node.logs.all();
  if (!log) throw new Error("there are three");
  const { rows, logStart } = await now(node, node.storage.read(log.id, 0, 1_000));
  const size = rows[0]?.data.length ?? 0;
  let left = 0;
  const part = async (count: number) => {
    held.isHeld = true;
    held.replaced = { rows, logStart, done: () => (left += 1) };
    const request = { topic: "t", partition: 0, from: 0, bytesMax: count * size };
    const [answer] = await now(node, node.broker.read(somebody, [request], atOnce));
    const [first] = answer?.batches ?? [];
    const isView = rows.some(({ data }) => data.buffer === first?.buffer);
    return [answer?.batches.length, isView, answer?.done !== undefined, left];
  };
  held.release();
  expect(await part(4)).toEqual([4, true, true, 0]);
  expect(await part(2)).toEqual([2, true, true, 0]);
  expect(await part(1)).toEqual([1, false, false, 1]);
  expect(await part(0)).toEqual([1, false, false, 2]);
});

test("what was appended while storage was read is never passed over", async () => {
  const { node, held } = await world();
  const reading = node.broker.read(somebody, all(1_000), atOnce);
  await node.clock.settle();
  for (const partition of [0, 1, 2]) await append(node, partition);
  // As if nothing readable lay below the end of the time when the read began.
  held.replaced = { rows: [], logStart: 0 };
  held.release();
  const answers = await now(node, reading);
  expect(answers.map(({ from }) => from)).toEqual([1, 1, 1]);
});

test("a topic that is deleted while another log is read ends the wait", async () => {
  const { node, held } = await world();
  const topic = { name: "gone", partitions: 1, replicationFactor: 1, configs: {} };
  await now(node, node.broker.createTopic(somebody, topic));
  const ask = (name: string) => ({ topic: name, partition: 0, from: 0, bytesMax: 10_000 });
  const waits = { ...atOnce, bytesMin: 5_000, waitMs: 5_000 };
  let answered = false;
  const reading = node.broker.read(somebody, [ask("gone"), ask("t")], waits);
  void reading.then(() => (answered = true));
  await node.clock.settle();
  await now(node, node.broker.deleteTopic(somebody, "gone"));
  held.release();
  await node.clock.settle();
  expect(answered).toBe(true);
  expect((await reading)[0]?.refusal?.code).toBe("unknown_topic_or_partition");
});
