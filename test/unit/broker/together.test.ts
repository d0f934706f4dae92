/**
 * The appends of one request that is larger than what may wait to be written: an idle node takes it.
 */
import { expect, test } from "bun:test";
import type { AppendRequest } from "../../../src/broker/verbs.ts";
import { Refusal } from "../../../src/lib/refusal.ts";
import { Together } from "../../../src/log/appending/together.ts";
import { openTestNode, somebody, type TestNode } from "../../simulation/test-node.ts";

const PARTITIONS = 6;
/** Room for three appends. */
const limits = { queuedBytesPerNode: 4_000 };
const value = new Uint8Array(1_000);

async function open(): Promise<TestNode> {
  const node = await openTestNode({ limits });
  const topic = { name: "t", partitions: PARTITIONS, replicationFactor: 1, configs: {} };
  const made = node.broker.createTopic(somebody, topic);
  await node.clock.settle();
  await made;
  return node;
}

/** One append a partition; "ok", or what each was refused with. */
function request(node: TestNode, together: Partial<AppendRequest>): Promise<string>[] {
  return Array.from({ length: PARTITIONS }, async (_, partition) => {
    const records = [{ key: null, value, headers: [], timestampMs: 1 }];
    const payload = { type: "records", records } as const;
    const asked = { topic: "t", partition, acks: -1, payload, ...together } as const;
    try {
      await node.broker.append(somebody, asked);
      return "ok";
    } catch (error) {
      return error instanceof Refusal ? error.code : String(error);
    }
  });
}

async function outcome(node: TestNode, asked: Promise<string>[]): Promise<Record<string, number>> {
  await node.clock.settle();
  const counts: Record<string, number> = {};
  for (const each of await Promise.all(asked)) counts[each] = (counts[each] ?? 0) + 1;
  return counts;
}

test("is taken whole where nothing else waits, and by itself alone", async () => {
  const node = await open();
  const large = request(node, { together: new Together() });
  const second = request(node, { together: new Together() });
  expect(await outcome(node, second)).toEqual({ throttling_quota_exceeded: PARTITIONS });
  expect(await outcome(node, large)).toEqual({ ok: PARTITIONS });
  expect(await outcome(node, request(node, { together: new Together() }))).toEqual({
    ok: PARTITIONS,
  });
});

test("is bounded as others where something waits before it", async () => {
  const node = await open();
  const busy = request(node, {});
  const large = request(node, { together: new Together() });
  expect(await outcome(node, large)).toEqual({ throttling_quota_exceeded: PARTITIONS });
  expect(await outcome(node, busy)).toEqual({ ok: 3, throttling_quota_exceeded: 3 });
});
