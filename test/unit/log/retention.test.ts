/**
 * Retention by age and by size, and the pass that runs it by the clock.
 */
import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../../src/lib/logger.ts";
import { encodeBatch } from "../../../src/records/batch-encode.ts";
import { RetentionPass } from "../../../src/log/retention.ts";
import { openTestNode, somebody, type TestNode } from "../../simulation/test-node.ts";

const HOUR_MS = 3_600_000;

/** Five rows of one record each, one an hour. */
async function fiveHours(configs: Record<string, string>): Promise<TestNode> {
  const node = await openTestNode();
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs };
  const created = node.broker.createTopic(somebody, topic);
  await node.clock.settle();
  await created;
  for (let hour = 0; hour < 5; hour += 1) {
    const value = new Uint8Array(1000);
    const payload = {
      type: "records" as const,
      records: [{ key: new Uint8Array(1), value, headers: [], timestampMs: null }],
    };
    const sent = node.broker.append(somebody, { topic: "t", partition: 0, acks: -1, payload });
    await node.clock.settle();
    await sent;
    await node.clock.advance(HOUR_MS);
  }
  return node;
}

const logStart = (node: TestNode) => [...node.logs.all()][0]?.logStart;

async function pass(node: TestNode): Promise<void> {
  const running = new RetentionPass(node.node, () => node.logs.all()).run();
  await node.clock.settle();
  await running;
}

test("records without a timestamp age from when they came", async () => {
  const node = await openTestNode();
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs: {} };
  const created = node.broker.createTopic(somebody, topic);
  await node.clock.settle();
  await created;
  const record = { key: null, value: new Uint8Array(9), headers: [], timestampMs: -1 };
  for (const payload of [
    { type: "records" as const, records: [record] },
    { type: "batch" as const, bytes: encodeBatch([record]) },
  ]) {
    const sent = node.broker.append(somebody, { topic: "t", partition: 0, acks: -1, payload });
    await node.clock.settle();
    await sent;
  }
  await pass(node);
  expect(logStart(node)).toBe(0);
  await node.clock.advance(8 * 24 * HOUR_MS);
  await pass(node);
  expect(logStart(node)).toBe(2);
});

describe("the log start after a pass", () => {
  const cases: readonly [string, Record<string, string>, number][] = [
    ["everything young enough", { "retention.ms": `${6 * HOUR_MS}` }, 0],
    ["older than three hours", { "retention.ms": `${3 * HOUR_MS}` }, 2],
    ["everything too old", { "retention.ms": "1000" }, 5],
    ["no limit", { "retention.ms": "-1" }, 0],
    ["more than it holds", { "retention.bytes": "100000" }, 0],
    ["room for two rows and a half", { "retention.bytes": "2700" }, 2],
    ["exactly the newest two rows", { "retention.bytes": "2142" }, 3],
    ["less than one row", { "retention.bytes": "10" }, 4],
    ["both", { "retention.bytes": "2700", "retention.ms": `${2 * HOUR_MS}` }, 3],
    ["compacted only", { "retention.ms": "1000", "cleanup.policy": "compact" }, 0],
  ];
  test.each(cases)("%s", async (_what, configs, expected) => {
    const node = await fiveHours(configs);
    await pass(node);
    expect(logStart(node)).toBe(expected);
    const stored = await node.storage.bounds([...node.logs.all()][0]?.id ?? -1);
    expect(stored?.logStart).toBe(expected);
  });
});

test("a row's size is what the cases take it for", async () => {
  const node = await fiveHours({});
  expect([...node.logs.all()][0]?.bytes()).toBe(5 * 1071);
});

test("a topic that is deleted while its old records are is no failure", async () => {
  const node = await fiveHours({ "retention.ms": "1000" });
  const warnings: string[] = [];
  for (const partition of node.logs.all()) {
    const trim = partition.trim.bind(partition);
    partition.trim = (before) => {
      partition.close();
      return trim(before);
    };
  }
  const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  const running = new RetentionPass({ ...node.node, logger }, () => node.logs.all()).run();
  await node.clock.settle();
  await running;
  expect(logStart(node)).toBe(0);
  expect(warnings).toEqual([]);
});

test("producers of a log that is gone are no failure", async () => {
  const node = await openTestNode();
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs: {} };
  const created = node.broker.createTopic(somebody, topic);
  await node.clock.settle();
  await created;
  const record = { key: null, value: new Uint8Array(9), headers: [], timestampMs: 1 };
  const bytes = encodeBatch([record], { producerId: 7n, producerEpoch: 0, baseSequence: 0 });
  const payload = { type: "batch" as const, bytes };
  const sent = node.broker.append(somebody, { topic: "t", partition: 0, acks: -1, payload });
  await node.clock.settle();
  await sent;
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  Object.assign(node.node, { logger: { ...silentLogger, warn } });
  const [partition] = [...node.logs.all()];
  await node.storage.drop([partition?.id ?? -1]);
  const storing = partition?.storeProducers();
  await node.clock.settle();
  await storing;
  expect(warnings).toEqual([]);
});

test("passes run by the clock until they are stopped", async () => {
  const node = await fiveHours({ "retention.ms": `${3 * HOUR_MS}` });
  const passes = new RetentionPass(node.node, () => node.logs.all());
  passes.start();
  await node.clock.advance(node.node.limits.retentionCheckMs - 1);
  expect(logStart(node)).toBe(0);
  await node.clock.advance(2);
  expect(logStart(node)).toBe(3);
  await node.clock.advance(HOUR_MS);
  expect(logStart(node)).toBe(4);
  passes.stop();
  await node.clock.advance(2 * HOUR_MS);
  expect(logStart(node)).toBe(4);
});
