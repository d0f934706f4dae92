/**
 * Gives random requests something to be about: topics, groups, members and transactions that the node knows, and numbers
 * that it can take, in place of most of the random ones.
 */
import type { Dice } from "../peers/random-message.ts";

/** Topics that the fuzzed node has from the beginning. */
export const fuzzTopics = ["fuzz-a", "fuzz-b", "fuzz-compact"];
/** How many partitions each has. */
export const fuzzPartitions = 3;

const pools: Readonly<Record<string, readonly unknown[]>> = {
  name: fuzzTopics,
  topic: fuzzTopics,
  topicName: fuzzTopics,
  groupId: ["group-a", "group-b", "group-c"],
  transactionalId: ["writer-a", "writer-b"],
  memberId: ["", "member-a", "member-b"],
  protocolType: ["consumer"],
  partition: [0, 1, 2],
  partitionIndex: [0, 1, 2],
  index: [0, 1, 2],
  isolationLevel: [0, 1],
  acks: [-1, 0, 1],
  sessionTimeoutMs: [6_000, 45_000],
  transactionTimeoutMs: [1_000, 60_000],
  fetchOffset: [0, 1, 5],
  offset: [0, 1, 5],
  numPartitions: [1, 2],
  count: [4, 5],
  replicationFactor: [-1, 1],
  resourceType: [2, 4, 32],
};

/** The same values, in most places with ones that exist; the random ones stay in the others. */
export function refersTo(values: Record<string, unknown>, roll: Dice): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, replaced(name, value, roll)]),
  );
}

function replaced(name: string, value: unknown, roll: Dice): unknown {
  if (Array.isArray(value)) return value.map((each) => replaced(name, each, roll));
  if (isPlain(value)) return refersTo(value, roll);
  const pool = pools[name];
  if (!pool || roll(5) === 0) return value;
  const chosen = pool[roll(pool.length)];
  return typeof chosen === typeof value ? chosen : value;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value);
}
