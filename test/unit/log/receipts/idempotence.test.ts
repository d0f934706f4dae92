/**
 * HTTP idempotence over a real partition: keys and producer sequences, at once and again, over a restart and in any order.
 */
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { AppendRequest, Idempotence } from "../../../../src/broker/verbs.ts";
import type { LogLimits } from "../../../../src/log/limits.ts";
import { decodeReceipt, encodeReceipt } from "../../../../src/log/receipts/receipts.ts";
import { RetentionPass } from "../../../../src/log/retention.ts";
import { openTestNode, somebody, type TestNode } from "../../../simulation/test-node.ts";
import { outcomeText } from "../transaction-world.ts";

const request = (idempotence: Idempotence, value = "v"): AppendRequest => ({
  topic: "t",
  partition: 0,
  acks: -1,
  payload: {
    type: "records",
    records: [
      { key: null, value: new TextEncoder().encode(value), headers: [], timestampMs: null },
    ],
  },
  idempotence,
});
const key = (name: string): Idempotence => ({ type: "key", key: name });
const at = (sequence: number, epoch = 0, producerId = "p"): Idempotence => ({
  type: "sequence",
  producerId,
  epoch,
  sequence,
});

async function withTopic(limits: Partial<LogLimits> = {}): Promise<TestNode> {
  const node = await openTestNode({ limits });
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs: {} };
  const created = node.broker.createTopic(somebody, topic);
  await node.clock.settle();
  await created;
  return node;
}

/** Sends them all in this order, in one turn, and gives each one's offset and `+` for a duplicate, or its refusal. */
async function send(node: TestNode, ...requests: AppendRequest[]): Promise<string[]> {
  const sent = Promise.allSettled(requests.map((each) => node.broker.append(somebody, each)));
  await node.clock.settle();
  await node.clock.advance(6000);
  return (await sent).map(outcomeText);
}

/** The same disk after a restart that nobody prepared. */
async function restarted(node: TestNode, limits: Partial<LogLimits> = {}): Promise<TestNode> {
  const { disk, metadata } = node;
  disk.crash();
  return openTestNode({ disk, metadata, limits });
}

describe("an idempotency key", () => {
  test("gives the first offset again: in one turn, later, and after a restart", async () => {
    const node = await withTopic();
    expect(await send(node, request(key("a")), request(key("a")), request(key("b")))).toEqual([
      "0",
      "0+",
      "1",
    ]);
    expect(await send(node, request(key("b")), request(key("a")))).toEqual(["1+", "0+"]);
    const again = await restarted(node);
    expect(await send(again, request(key("a")), request(key("c")))).toEqual(["0+", "2"]);
  });

  test("is refused for another body", async () => {
    const node = await withTopic();
    expect(await send(node, request(key("a"), "x"), request(key("a"), "y"))).toEqual([
      "0",
      "invalid_request",
    ]);
  });

  test("is forgotten after its time", async () => {
    const node = await withTopic({ receiptMs: 10_000 });
    await send(node, request(key("a")));
    await node.clock.advance(10_000);
    expect(await send(node, request(key("a")))).toEqual(["1"]);
  });

  test("is found in storage once memory has forgotten it", async () => {
    const node = await withTopic({ receiptsCached: 2 });
    await send(node, ...["a", "b", "c", "d"].map((name) => request(key(name))));
    expect(await send(node, request(key("a")), request(key("d")))).toEqual(["0+", "3+"]);
  });

  test("names nothing empty or endless", async () => {
    const node = await withTopic();
    expect(await send(node, request(key("")), request(key("k".repeat(257))))).toEqual([
      "invalid_request",
      "invalid_request",
    ]);
  });
});

describe("a producer's sequence", () => {
  test("goes on in order, and repeats give the first offsets", async () => {
    const node = await withTopic();
    expect(await send(node, request(at(0)), request(at(1)), request(at(0)))).toEqual([
      "0",
      "1",
      "0+",
    ]);
    expect(await send(node, request(at(1)), request(at(2)))).toEqual(["1+", "2"]);
    const again = await restarted(node);
    expect(await send(again, request(at(2)), request(at(3)))).toEqual(["2+", "3"]);
  });

  test("waits for a predecessor that comes later, and is appended after it", async () => {
    const node = await withTopic();
    expect(
      await send(node, request(at(2)), request(at(1)), request(at(2)), request(at(0))),
    ).toEqual(["2", "1", "2+", "0"]);
    const early = node.broker.append(somebody, request(at(4)));
    await node.clock.advance(3000);
    expect(await send(node, request(at(3)))).toEqual(["3"]);
    expect((await early).baseOffset).toBe(4);
    expect(node.node.deadlines.size).toBe(0);
    expect(node.node.queued.bytes).toBe(0);
  });

  test("that has a gap is refused after its wait", async () => {
    const node = await withTopic();
    expect(await send(node, request(at(0)), request(at(2)))).toEqual([
      "0",
      "out_of_order_sequence_number",
    ]);
    expect(await send(node, request(at(1)), request(at(2)))).toEqual(["1", "2"]);
    expect(node.node.queued.bytes).toBe(0);
    const gap = node.broker.append(somebody, request(at(5)));
    gap.catch(() => {});
    await node.clock.advance(6000);
    expect(await gap.catch((error: unknown) => error)).toMatchObject({
      message: expect.stringContaining("Sequence 3 "),
      facts: { sequence: 5, expected: 3 },
    });
  });

  test("begins at 0: an unknown producer, and a new epoch", async () => {
    const node = await withTopic();
    expect(await send(node, request(at(5)))).toEqual(["out_of_order_sequence_number"]);
    expect(await send(node, request(at(0)), request(at(0, 1)), request(at(1)))).toEqual([
      "0",
      "1",
      "producer_fenced",
    ]);
    expect(await send(node, request(at(1, 2)))).toEqual(["out_of_order_sequence_number"]);
  });

  test("too long ago to be remembered is refused", async () => {
    const node = await withTopic();
    await send(node, ...Array.from({ length: 20 }, (_, sequence) => request(at(sequence))));
    expect(await send(node, request(at(0)), request(at(4)))).toEqual([
      "out_of_order_sequence_number",
      "4+",
    ]);
  });

  test("early requests are bounded", async () => {
    const node = await withTopic({ earlyRequestsPerProducer: 1 });
    const early = node.broker.append(somebody, request(at(2)));
    early.catch(() => {});
    await node.clock.settle();
    const more = node.broker.append(somebody, request(at(3)));
    more.catch(() => {});
    await node.clock.settle();
    expect(more).rejects.toMatchObject({ code: "out_of_order_sequence_number" });
    await node.clock.advance(6000);
    expect(early).rejects.toMatchObject({ code: "out_of_order_sequence_number" });
  });

  test("of any arrival order ends in sequence order, each once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }),
        fc.array(fc.nat(7), { maxLength: 6 }),
        async (order, repeats) => {
          const node = await withTopic();
          const all = [...order, ...repeats];
          const answers = await send(node, ...all.map((each) => request(at(each), `${each}`)));
          expect(answers.map((answer) => Number.parseInt(answer, 10))).toEqual(all);
        },
      ),
      { numRuns: 30 },
    );
  });
});

test("receipts survive their encoding", () => {
  const settled = fc.record({
    baseOffset: fc.maxSafeNat(),
    count: fc.nat(),
    timestampMs: fc.option(fc.maxSafeNat()),
  });
  const receipt = fc.oneof(
    fc.record({
      type: fc.constant("key" as const),
      digest: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      settled,
    }),
    fc.record({
      type: fc.constant("producer" as const),
      epoch: fc.maxSafeNat(),
      lastSequence: fc.maxSafeNat(),
      recent: fc.array(settled, { maxLength: 16 }),
    }),
  );
  fc.assert(
    fc.property(receipt, (given) => {
      expect(decodeReceipt(encodeReceipt(given))).toEqual(given);
    }),
  );
});

test("a key is forgotten after a day, in memory and on the disk, and not before", async () => {
  const HOUR_MS = 3_600_000;
  const node = await withTopic();
  const pass = async () => {
    const running = new RetentionPass(node.node, () => node.logs.all()).run();
    await node.clock.settle();
    await running;
  };
  expect(await send(node, request(key("a")), request(at(0)))).toEqual(["0", "1"]);
  await node.clock.advance(23 * HOUR_MS);
  await pass();
  expect(await send(node, request(key("a")), request(at(0)))).toEqual(["0+", "1+"]);
  await node.clock.advance(2 * HOUR_MS);
  expect(await send(node, request(key("a")), request(at(0)))).toEqual(["2", "3"]);
  await node.clock.advance(25 * HOUR_MS);
  await pass();
  const later = await restarted(node);
  const stored = new TextEncoder().encode("ka");
  expect(await later.node.storage.receipt(1, stored)).toBeNull();
  expect(await send(later, request(key("a")))).toEqual(["4"]);
});
