/** What all groups of a node together may take: who is refused, with what, and what is given back. */
import { expect, test } from "bun:test";
import type { ConsumerSays, GroupJoin } from "../../../../src/broker/groups/verbs.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";
import { openTestNode, somebody, type TestNode } from "../../../simulation/test-node.ts";

const KIB = 1024;

async function world(stateBytesMax: number) {
  const test = await openTestNode({
    coordinators: { stateBytesMax },
    groups: { initialRebalanceDelayMs: 0 },
  });
  await now(
    test,
    test.broker.createTopic(somebody, {
      name: "t",
      partitions: 4,
      replicationFactor: 1,
      configs: {},
    }),
  );
  return test;
}

async function now<T>({ clock }: TestNode, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await clock.settle();
  return promise;
}

async function outcome(test: TestNode, promise: Promise<unknown>): Promise<unknown> {
  return now(test, promise).then(
    () => "granted",
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );
}

async function join(test: TestNode, group: string, metadataBytes: number): Promise<unknown> {
  const asked: GroupJoin = {
    group,
    memberId: "",
    instanceId: null,
    protocolType: "any",
    protocols: [{ name: "p", metadata: new Uint8Array(metadataBytes) }],
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberIdRequired: false,
    canSkipAssignment: false,
  };
  const joining = outcome(test, test.broker.groups.join(somebody, asked));
  await test.clock.advance(20); // A new group waits a moment for others.
  return joining;
}

async function commit(test: TestNode, group: string, metadata: string): Promise<unknown> {
  const request = {
    group,
    member: { memberId: "", instanceId: null, generation: -1 },
    offsets: [{ topic: "t", topicId: null, partition: 0, offset: 1, leaderEpoch: -1, metadata }],
    knowsMemberEpochs: true,
    retentionMs: null,
  };
  return outcome(test, test.broker.groups.commitOffsets(somebody, request));
}

const says = (topicNames: readonly string[]): ConsumerSays => ({
  memberId: "m",
  memberEpoch: 0,
  makesId: true,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: 10_000,
  topicNames,
  topicRegex: "",
  assignor: null,
  owned: new Map(),
  sessionTimeoutMs: null,
});

test("members whose metadata no longer fit are refused as by a full group; those that leave make room", async () => {
  const test = await world(100 * KIB);
  const joined: unknown[] = [];
  for (let at = 0; at < 12; at += 1) joined.push(await join(test, `g${at}`, 20 * KIB));
  expect(joined.filter((each) => each === "granted")).toHaveLength(4);
  expect(new Set(joined.slice(4))).toEqual(new Set(["group_max_size_reached"]));
  expect(test.groups.driver.stateBytes).toBeLessThanOrEqual(100 * KIB);
  expect(test.groups.driver.stateBytes).toBeGreaterThan(80 * KIB);
  await test.clock.advance(60_000); // Nobody beats: their sessions end.
  expect(test.groups.driver.stateBytes).toBeLessThan(10 * KIB);
  expect(await join(test, "late", 20 * KIB)).toBe("granted");
});

test("consumers of the new protocol are refused in the same way", async () => {
  const test = await world(100 * KIB);
  const names = Array.from({ length: 100 }, (_, at) => `${at}`.padStart(200, "n"));
  const joined: unknown[] = [];
  for (let at = 0; at < 5; at += 1) {
    const asked = test.broker.groups.consumerHeartbeat(somebody, `c${at}`, says(names));
    joined.push(await outcome(test, asked));
  }
  expect(joined).toEqual([
    "granted",
    "granted",
    "group_max_size_reached",
    "group_max_size_reached",
    "group_max_size_reached",
  ]);
});

test("offsets with much metadata are refused as too large, others as for later; those that are there go on", async () => {
  const test = await world(20 * KIB);
  const metadata = "x".repeat(4_000);
  expect(await commit(test, "a", metadata)).toBe("granted");
  expect(await commit(test, "b", metadata)).toBe("granted");
  expect(await commit(test, "c", metadata)).toBe("offset_metadata_too_large");
  expect(await commit(test, "c", "")).toBe("granted");
  const more: unknown[] = [];
  for (let at = 0; at < 10; at += 1) more.push(await commit(test, `d${at}`, ""));
  expect(more.at(-1)).toBe("coordinator_not_available");
  expect(await commit(test, "a", metadata)).toBe("granted");
  expect(await commit(test, "b", "")).toBe("granted");
  expect(await commit(test, "d9", "")).toBe("granted");
});

test("what a restart reads back counts", async () => {
  const first = await world(100 * KIB);
  for (const group of ["a", "b", "c"]) await commit(first, group, "x".repeat(4_000));
  const before = first.groups.driver.stateBytes;
  expect(before).toBeGreaterThan(24_000);
  first.disk.crash({ loseUnsynced: true });
  const again = await openTestNode({
    disk: first.disk,
    metadata: first.metadata,
    clock: first.clock,
    coordinators: { stateBytesMax: before },
  });
  again.groups.start();
  await now(again, again.resumed);
  await again.clock.settle();
  expect(again.groups.driver.stateBytes).toBe(before);
  expect(await commit(again, "d", "")).toBe("coordinator_not_available");
  again.groups.close();
});
