/**
 * Settings that change while the node runs, over a whole node on a memory disk: what they do to topics and logs.
 */
import { expect, test } from "bun:test";
import type { ConfigChange } from "../../../../src/broker/configs/verbs.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";
import { openTestNode, somebody, type TestNode } from "../../../simulation/test-node.ts";

/** Runs what waits on the virtual clock and gives the result, or the code of the refusal. */
async function outcome<T>({ clock }: TestNode, promise: Promise<T>): Promise<T | string> {
  promise.catch(() => {});
  await clock.settle();
  return promise.catch((error: unknown) => {
    if (error instanceof Refusal) return error.code;
    throw error;
  });
}

async function withTopic(name: string, configs: Record<string, string> = {}): Promise<TestNode> {
  const node = await openTestNode();
  const topic = { name, partitions: 1, replicationFactor: 1, configs };
  await outcome(node, node.broker.createTopic(somebody, topic));
  return node;
}

function alterNode(node: TestNode, name: string, key: string, value: string | null) {
  const operation: ConfigChange["operation"] = value === null ? "delete" : "set";
  const changes = [{ name: key, operation, value }];
  const options = { replace: false, validateOnly: false };
  return outcome(
    node,
    node.broker.configs.alter(somebody, { type: "node", name }, changes, options),
  );
}

const append = (node: TestNode, topic: string, size: number) =>
  outcome(
    node,
    node.broker.append(somebody, {
      topic,
      partition: 0,
      acks: -1,
      payload: {
        type: "records",
        records: [{ key: null, value: new Uint8Array(size), headers: [], timestampMs: null }],
      },
    }),
  );

test("logs that are open obey a new default at once, unless their topic says otherwise", async () => {
  const node = await withTopic("t");
  await outcome(
    node,
    node.broker.createTopic(somebody, {
      name: "own",
      partitions: 1,
      replicationFactor: 1,
      configs: { "max.message.bytes": "100000" },
    }),
  );
  expect(await append(node, "t", 5_000)).toMatchObject({ baseOffset: 0 });
  expect(await alterNode(node, "", "message.max.bytes", "1000")).toBeUndefined();
  expect(await append(node, "t", 5_000)).toBe("message_too_large");
  expect(await append(node, "own", 5_000)).toMatchObject({ baseOffset: 0 });
  expect(await alterNode(node, "1", "message.max.bytes", "10000")).toBeUndefined();
  expect(await append(node, "t", 5_000)).toMatchObject({ baseOffset: 1 });
  const told = node.broker.describeTopic(somebody, "t").configs;
  expect(told.find(({ name }) => name === "max.message.bytes")).toMatchObject({
    value: "10000",
    source: "node",
  });
  await alterNode(node, "1", "message.max.bytes", null);
  await alterNode(node, "", "message.max.bytes", null);
  expect(await append(node, "t", 50_000)).toMatchObject({ baseOffset: 2 });
});

test("a default that would not fit beside a topic's own settings is refused", async () => {
  const node = await withTopic("t", { "min.compaction.lag.ms": "5000" });
  const key = "log.cleaner.max.compaction.lag.ms";
  expect(await alterNode(node, "1", key, "10")).toBe("invalid_request");
  expect(await alterNode(node, "1", key, "6000")).toBeUndefined();
});

test("what a node is told at its start waits for the next one", async () => {
  const node = await withTopic("t");
  for (const key of ["node.id", "no.such"]) {
    expect(await alterNode(node, "1", key, "2")).toBe("invalid_request");
  }
  expect(await alterNode(node, "2", "log.retention.ms", "2")).toBe("invalid_request");
});

test("what was set while the node ran is there after a restart", async () => {
  const node = await withTopic("t");
  await alterNode(node, "1", "log.retention.ms", "7000");
  const { metadata } = node;
  const again = await openTestNode({ metadata });
  const { configs } = again.broker.describeTopic(somebody, "t");
  expect(configs.find(({ name }) => name === "retention.ms")?.value).toBe("7000");
});

test("rates for moves of replicas are set, shown and cleared as kafka-reassign-partitions does", async () => {
  const node = await withTopic("t");
  const key = "leader.replication.throttled.rate";
  const shown = (name: string) =>
    node.broker.configs
      .describe(somebody, { type: "node", name })
      .filter((entry) => entry.name.includes("throttled.rate"));
  expect(await alterNode(node, "1", "replica.alter.log.dirs.io.max.bytes.per.second", null)).toBe(
    undefined,
  );
  expect(shown("1")).toEqual([]);
  expect(await alterNode(node, "1", key, "10000000")).toBeUndefined();
  expect(shown("1")).toMatchObject([{ name: key, value: "10000000", source: "this-node" }]);
  expect(await alterNode(node, "", key, "5")).toBeUndefined();
  expect(shown("")).toMatchObject([{ name: key, value: "5", source: "all-nodes" }]);
  await alterNode(node, "1", key, null);
  expect(shown("1")).toMatchObject([{ value: "5", source: "all-nodes", readOnly: false }]);
  for (const value of ["abc", "-1", "1.5", "9223372036854775808", ""])
    expect(await alterNode(node, "1", key, value)).toBe("invalid_request");
  expect(await alterNode(node, "1", key, "9223372036854775807")).toBeUndefined();
});
