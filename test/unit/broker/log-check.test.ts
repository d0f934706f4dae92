/**
 * Looking for damage while a node serves: spans that follow each other, work that rests, and who may ask.
 */
import { expect, test } from "bun:test";
import type { LogCheckRequest } from "../../../src/broker/log-check.ts";
import { Refusal } from "../../../src/lib/refusal.ts";
import { type Storage, StorageFault } from "../../../src/storage/storage.ts";
import { openTestNode, somebody, type TestNode } from "../../simulation/test-node.ts";

const RECORD_BYTES = 400_000;
const READ_MS = 20;

/** A log of `records` batches of 400 kB; what the disk gives of it goes through `onRead`. */
async function withLog(
  records: number,
  onRead: (node: TestNode) => Promise<void> = async () => {},
) {
  const node: TestNode = await openTestNode({
    wrap: (storage) =>
      new Proxy(storage, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name);
          if (name === "read") {
            return async (...asked: Parameters<Storage["read"]>) => {
              await onRead(node);
              return target.read(...asked);
            };
          }
          return typeof value === "function" ? value.bind(target) : value;
        },
      }),
  });
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs: {} };
  await now(node, node.broker.createTopic(somebody, topic));
  for (let count = 0; count < records; count += 1) {
    const value = new Uint8Array(RECORD_BYTES);
    const payload = {
      type: "records",
      records: [{ key: null, value, headers: [], timestampMs: null }],
    } as const;
    await now(node, node.broker.append(somebody, { topic: "t", partition: 0, acks: -1, payload }));
  }
  return node;
}

async function now<T>({ clock }: TestNode, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await clock.settle();
  return promise;
}

/** The same, with time for its rests. */
async function later<T>({ clock }: TestNode, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await clock.advance(1_000);
  return promise;
}

/** The code of the refusal that it rejects with. */
async function refusedWith(promise: Promise<unknown>): Promise<string> {
  const [outcome] = await Promise.allSettled([promise]);
  if (outcome?.status === "rejected" && outcome.reason instanceof Refusal)
    return outcome.reason.code;
  throw new Error("not refused");
}

function check(node: TestNode, request: Partial<LogCheckRequest> = {}) {
  return node.broker.checkLog(somebody, "t", 0, { bytesMax: 1e9, ...request });
}

/** A row's bytes in place of those that are stored. */
function flipStored(node: TestNode, at: number): void {
  for (const log of node.disk.image.partitions.values()) {
    const row = log.rows[at];
    if (row) row.data[100] = (row.data[100] ?? 0) ^ 1;
  }
}

test("the whole log, or a span and what follows it", async () => {
  const node = await withLog(9);
  expect(await later(node, check(node))).toMatchObject({
    from: 0,
    next: 9,
    end: 9,
    batches: 9,
    damaged: [],
  });
  const first = await later(node, check(node, { bytesMax: 1 }));
  expect(first.next).toBeLessThan(9);
  const rest = await later(node, check(node, { from: first.next }));
  expect([rest.from, rest.next, first.batches + rest.batches]).toEqual([first.next, 9, 9]);
});

test("what was removed is not looked for; an empty rest is fine; past the end is refused", async () => {
  const node = await withLog(4);
  await now(node, node.broker.deleteRecords(somebody, "t", 0, 2));
  expect(await later(node, check(node, { from: 0 }))).toMatchObject({
    from: 2,
    next: 4,
    batches: 2,
  });
  expect(await later(node, check(node, { from: 4 }))).toMatchObject({ next: 4, end: 4, bytes: 0 });
  expect(await refusedWith(later(node, check(node, { from: 5 })))).toBe("offset_out_of_range");
  const unknown = node.broker.checkLog(somebody, "none", 0, { bytesMax: 1 });
  expect(await refusedWith(unknown)).toBe("unknown_topic_or_partition");
});

test("damage is named, and the rest is looked at", async () => {
  const node = await withLog(5);
  flipStored(node, 3);
  expect(await later(node, check(node))).toMatchObject({
    next: 5,
    batches: 5,
    damaged: [{ from: 3, next: 4, why: "a batch's checksum is wrong" }],
  });
});

test("a file that cannot be read is damage up to the end", async () => {
  let reads = 0;
  const node = await withLog(8, async () => {
    reads += 1;
    if (reads > 1) throw new StorageFault("io", "the disk failed");
  });
  const { damaged, next } = await later(node, check(node));
  expect([damaged.at(-1), next]).toMatchObject([{ next: 8, why: "the disk failed" }, 8]);
});

test("it rests three times as long as it works, and answers in time with what it has", async () => {
  let reads = 0;
  const node = await withLog(120, async ({ clock }) => {
    reads += 1;
    await new Promise<void>((resolve) => clock.after(READ_MS, resolve));
  });
  const startedMs = node.clock.monotonicMs();
  const checking = check(node);
  await node.clock.advance(10_000);
  const { next, end } = await checking;
  expect(node.clock.monotonicMs()).toBeGreaterThan(startedMs);
  expect(next).toBeLessThan(end);
  // Two seconds of reads that take 80 ms each, rests and all.
  expect(reads).toBeGreaterThanOrEqual(25);
  expect(reads).toBeLessThanOrEqual(26);
});

test("one at a time, and no more wait than there is room for; who leaves is not worked for", async () => {
  let reads = 0;
  const node = await withLog(3, async ({ clock }) => {
    reads += 1;
    await new Promise<void>((resolve) => clock.after(READ_MS, resolve));
  });
  const leaving = new AbortController();
  const checks = Array.from({ length: 17 }, () => check(node, { signal: leaving.signal }));
  const outcomes = Promise.allSettled(checks);
  expect(await refusedWith(now(node, check(node)))).toBe("throttling_quota_exceeded");
  expect(reads).toBe(1);
  leaving.abort(new Error("gone"));
  await node.clock.advance(1_000);
  expect((await outcomes).slice(1).map(({ status }) => status)).toEqual(
    Array.from({ length: 16 }, () => "rejected"),
  );
  expect(reads).toBe(1);
  const after = check(node);
  await node.clock.advance(1_000);
  expect(await after).toMatchObject({ next: 3 });
});
