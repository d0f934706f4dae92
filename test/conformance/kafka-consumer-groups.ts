/**
 * What every Kafka door owes the members of consumer groups (KIP-848), by the declarations: run against Apache Kafka first, then
 * against kedge, both with `group.consumer.assignment.interval.ms=0` and no wait before a classic group's first rebalance.
 */
import { describe, expect, test } from "bun:test";
import { offsetCommit } from "../../src/kafka/apis/08-offset-commit.ts";
import { offsetFetch } from "../../src/kafka/apis/09-offset-fetch.ts";
import { heartbeat } from "../../src/kafka/apis/12-heartbeat.ts";
import { leaveGroup } from "../../src/kafka/apis/13-leave-group.ts";
import { describeGroups } from "../../src/kafka/apis/15-describe-groups.ts";
import { listGroups } from "../../src/kafka/apis/16-list-groups.ts";
import { createPartitions } from "../../src/kafka/apis/37-create-partitions.ts";
import { deleteGroups } from "../../src/kafka/apis/42-delete-groups.ts";
import { consumerGroupDescribe } from "../../src/kafka/apis/69-consumer-group-describe.ts";
import { given, joins, says, type Says, topicOf, untilAssigned } from "./kafka-consumers.ts";
import { freshGroup, join, patiently, protocolOf } from "./kafka-members.ts";
import type { Topic } from "./kafka-records.ts";
import { connectionTo, type Here, type OpenDoor } from "./kafka-suite.ts";

const PATIENCE = 100;

export function kafkaConsumerGroupsSuite(name: string, open: OpenDoor): void {
  describe(`${name}: consumer groups`, () => {
    const here = connectionTo(open, async (here) => {
      await patiently(here, "warm-up");
    });
    requestTests(here);
    epochTests(here);
    rebalanceTests(here);
    staticTests(here);
    patternTests(here);
    offsetTests(here);
    lookTests(here);
    upgradeTests(here);
  });
}

function requestTests(here: Here): void {
  const full: Says = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: ["t"], owned: [] };
  test.each<[string, Says, number, number]>([
    ["no member id", { ...full, memberId: "" }, 1, 42],
    ["no rebalance timeout", { ...full, rebalanceTimeoutMs: -1 }, 1, 42],
    ["nothing said of what is owned", { ...full, owned: null }, 1, 42],
    ["no subscription", { ...full, subscribedTopicNames: null }, 1, 42],
    ["a member id of spaces", { ...full, memberId: " " }, 1, 42],
    ["an empty instance id", { ...full, instanceId: "" }, 1, 42],
    ["an empty rack", { ...full, rackId: "" }, 1, 42],
    ["epoch -3", { ...full, memberEpoch: -3 }, 1, 42],
    ["-2 without an instance id", { ...full, memberEpoch: -2 }, 1, 42],
    ["leaving without a member id", { ...full, memberId: "", memberEpoch: -1 }, 0, 42],
    ["an unknown assignor", { ...full, serverAssignor: "best" }, 1, 112],
    ["no pattern", { ...full, subscribedTopicRegex: "(" }, 1, 128],
    ["what RE2 does not know", { ...full, subscribedTopicRegex: "(?=a)" }, 1, 128],
    ["a group that is not there", { memberEpoch: 2 }, 1, 69],
    ["leaving a group that is not there", { memberEpoch: -1 }, 1, 69],
  ])("%s: refused", async (_name, request, version, code) => {
    const answer = await says(here, freshGroup(), request, version);
    expect(answer.errorCode).toBe(code);
    expect(answer.errorMessage).toBeString();
    expect(answer).toMatchObject({ memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null });
  });

  test("version 0 makes a member id", async () => {
    const topic = await topicOf(here);
    const group = freshGroup();
    const request = { ...full, memberId: "", subscribedTopicNames: [topic.name] };
    const answer = await says(here, group, request, 0);
    expect(answer).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(answer.memberId).toMatch(/^[\w-]{22}$/);
  });

  test("an empty list of topics is a subscription", async () => {
    const answer = await says(here, freshGroup(), { ...full, subscribedTopicNames: [] });
    expect(answer).toMatchObject({ errorCode: 0, memberEpoch: 1 });
    expect(answer.assignment).toEqual({ topicPartitions: [] });
  });
}

function epochTests(here: Here): void {
  test("joining gives everything, a heartbeat after it nothing", async () => {
    const topic = await topicOf(here, 2);
    const group = freshGroup();
    const joined = await joins(here, group, [topic.name]);
    expect(joined).toMatchObject({ errorCode: 0, memberId: "m1", memberEpoch: 2 });
    expect(joined.heartbeatIntervalMs).toBe(5000);
    expect(given(joined, topic)).toEqual([[0, 1]]);
    const next = await says(here, group, { memberEpoch: 2 });
    expect(next).toMatchObject({ errorCode: 0, memberEpoch: 2, assignment: null });
    const again = await joins(here, group, [topic.name]);
    expect([again.memberEpoch, given(again, topic)]).toEqual([2, [[0, 1]]]);
    const whole = await joins(here, group, [topic.name], {
      memberEpoch: 2,
      owned: [[topic, [0, 1]]],
    });
    expect([whole.memberEpoch, given(whole, topic)]).toEqual([2, [[0, 1]]]);
  });

  test("epochs that are not the member's", async () => {
    const [one, two] = [await topicOf(here), await topicOf(here)];
    const group = freshGroup();
    await joins(here, group, [one.name]);
    await says(here, group, { memberEpoch: 2, subscribedTopicNames: [one.name, two.name] });
    const codeOf = async (request: Says) => (await says(here, group, request)).errorCode;
    expect(await codeOf({ memberEpoch: 8 })).toBe(110);
    expect(await codeOf({ memberEpoch: 2 })).toBe(110);
    expect(await codeOf({ memberEpoch: 2, owned: [[one, [0]]] })).toBe(0);
    expect(await codeOf({ memberEpoch: 2, owned: [[one, [0, 1]]] })).toBe(110);
    expect(await codeOf({ memberId: "m2", memberEpoch: 2 })).toBe(25);
    expect(await codeOf({ memberId: "m2", memberEpoch: -1 })).toBe(25);
    expect(await codeOf({ memberEpoch: -1 })).toBe(0);
    expect(await codeOf({ memberEpoch: 3 })).toBe(25);
  });

  test("partitions that are added are assigned", async () => {
    const topic = await topicOf(here);
    const group = freshGroup();
    await joins(here, group, [topic.name]);
    const { results } = await here().send(createPartitions, 3, {
      topics: [{ name: topic.name, count: 3, assignments: null }],
      timeoutMs: 10_000,
      validateOnly: false,
    });
    expect(results[0]?.errorCode).toBe(0);
    await untilAssigned(here, topic, 3);
    const answer = await says(here, group, { memberEpoch: 2 });
    expect([answer.memberEpoch, given(answer, topic)]).toEqual([3, [[0, 1, 2]]]);
  });
}

function rebalanceTests(here: Here): void {
  test("a second member gets what the first has given up", async () => {
    const topic = await topicOf(here, 2);
    const group = freshGroup();
    await joins(here, group, [topic.name]);
    const second = await joins(here, group, [topic.name], { memberId: "m2" });
    expect([second.memberEpoch, given(second, topic)]).toEqual([3, [[]]]);
    const told = await says(here, group, { memberEpoch: 2 });
    expect(told.memberEpoch).toBe(2);
    const [kept = []] = given(told, topic) ?? [];
    expect(kept.length).toBe(1);
    const early = await says(here, group, { memberId: "m2", memberEpoch: 3 });
    expect(early).toMatchObject({ memberEpoch: 3, assignment: null });
    const still = await says(here, group, { memberEpoch: 2, owned: [[topic, [0, 1]]] });
    expect(still).toMatchObject({ memberEpoch: 2, assignment: null });
    const done = await says(here, group, { memberEpoch: 2, owned: [[topic, kept]] });
    expect(done).toMatchObject({ memberEpoch: 3, assignment: null });
    const free = await says(here, group, { memberId: "m2", memberEpoch: 3 });
    expect(given(free, topic)).toEqual([[1 - (kept[0] ?? 0)]]);
    await says(here, group, { memberId: "m2", memberEpoch: -1 });
    const all = await says(here, group, { memberEpoch: 3 });
    expect([all.memberEpoch, given(all, topic)]).toEqual([4, [[0, 1]]]);
  });

  test("a topic that is no longer wanted is taken at once", async () => {
    const [one, two] = [await topicOf(here), await topicOf(here)];
    const group = freshGroup();
    await joins(here, group, [one.name, two.name]);
    const less = await says(here, group, { memberEpoch: 2, subscribedTopicNames: [two.name] });
    expect([less.memberEpoch, given(less, one, two)]).toEqual([2, [[], [0]]]);
    const done = await says(here, group, { memberEpoch: 2, owned: [[two, [0]]] });
    expect(done).toMatchObject({ memberEpoch: 3, assignment: null });
  });

  test("range co-partitions", async () => {
    const [one, two] = [await topicOf(here, 2), await topicOf(here, 2)];
    const group = freshGroup();
    const names = [one.name, two.name];
    await joins(here, group, names, { serverAssignor: "range" });
    await joins(here, group, names, { memberId: "m2", serverAssignor: "range" });
    const told = await says(here, group, { memberEpoch: 2 });
    expect(given(told, one, two)).toEqual([[0], [0]]);
  });
}

function staticTests(here: Here): void {
  test("who leaves for a while finds its partitions again", async () => {
    const topic = await topicOf(here, 2);
    const group = freshGroup();
    await joins(here, group, [topic.name], { instanceId: "i" });
    const second = { memberId: "m2", instanceId: "i" };
    expect((await joins(here, group, [topic.name], second)).errorCode).toBe(111);
    expect((await says(here, group, { ...second, memberEpoch: 2 })).errorCode).toBe(82);
    expect((await says(here, group, { memberEpoch: 2, instanceId: "j" })).errorCode).toBe(25);
    const left = await says(here, group, { memberEpoch: -2, instanceId: "i" });
    expect(left).toMatchObject({ errorCode: 0, memberEpoch: -2 });
    const back = await joins(here, group, [topic.name], second);
    expect([back.memberEpoch, given(back, topic)]).toEqual([2, [[0, 1]]]);
    expect((await says(here, group, { memberEpoch: 2 })).errorCode).toBe(25);
  });

  test("members are taken out by an administrator, by id or by instance id", async () => {
    const topic = await topicOf(here, 1);
    const group = freshGroup();
    await joins(here, group, [topic.name]);
    await joins(here, group, [topic.name], { memberId: "m2", instanceId: "i" });
    const members = [
      { memberId: "m1", groupInstanceId: null },
      { memberId: "", groupInstanceId: "i" },
      { memberId: "", groupInstanceId: "j" },
    ];
    const left = await here().send(leaveGroup, 5, { groupId: group, memberId: "", members });
    expect(left.members.map(({ errorCode }) => errorCode)).toEqual([0, 0, 25]);
    expect((await says(here, group, { memberEpoch: 1 })).errorCode).toBe(25);
  });
}

function patternTests(here: Here): void {
  test("a pattern is resolved, and topics of before go with names", async () => {
    const [one, two] = [await topicOf(here), await topicOf(here)];
    const group = freshGroup();
    const pattern = { subscribedTopicRegex: `${one.name}|no-such-.*` };
    const joined = await joins(here, group, [two.name], pattern);
    expect(joined.errorCode).toBe(0);
    let epoch = joined.memberEpoch;
    for (let beat = 0; beat < PATIENCE; beat += 1) {
      const answer = await says(here, group, { memberEpoch: epoch });
      expect(answer.errorCode).toBe(0);
      epoch = answer.memberEpoch;
      if (answer.assignment) {
        expect(given(answer, one, two)).toEqual([[0], [0]]);
        return;
      }
      await Bun.sleep(50);
    }
    throw new Error("the pattern was not resolved");
  });
}

function offsetTests(here: Here): void {
  const commits = async (groupId: string, topic: Topic, generation: number, version = 9) => {
    const { topics } = await here().send(offsetCommit, version, {
      groupId,
      memberId: "m1",
      generationIdOrMemberEpoch: generation,
      topics: [
        {
          name: topic.name,
          topicId: topic.id,
          partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: "" }],
        },
      ],
    });
    return topics[0]?.partitions[0]?.errorCode;
  };
  const fetches = async (groupId: string, memberId: string | null, memberEpoch: number) => {
    const group = { groupId, memberId, memberEpoch, topics: null };
    const { groups } = await here().send(offsetFetch, 9, {
      groupId: "",
      topics: [],
      groups: [group],
      requireStable: true,
    });
    return groups[0]?.errorCode;
  };

  test("epochs of commits and fetches", async () => {
    const [one, two] = [await topicOf(here), await topicOf(here)];
    const group = freshGroup();
    await joins(here, group, [one.name]);
    await says(here, group, { memberEpoch: 2, subscribedTopicNames: [one.name, two.name] });
    expect(await commits(group, one, 3)).toBe(0);
    expect(await commits(group, one, 2)).toBe(0);
    expect(await commits(group, two, 2)).toBe(113);
    expect(await commits(group, one, 4)).toBe(113);
    expect(await commits(group, one, -1)).toBe(113);
    expect(await commits(group, one, 3, 8)).toBe(35);
    expect(await fetches(group, null, -1)).toBe(0);
    expect(await fetches(group, "m1", 3)).toBe(0);
    expect(await fetches(group, "m1", 2)).toBe(113);
    expect(await fetches(group, "m9", 3)).toBe(25);
  });
}

function lookTests(here: Here): void {
  test("describing, listing and deleting", async () => {
    const topic = await topicOf(here);
    const group = freshGroup();
    await joins(here, group, [topic.name], { rackId: "r" });
    const ask = { groupIds: [group, "none"], includeAuthorizedOperations: false };
    const { groups } = await here().send(consumerGroupDescribe, 1, ask);
    const found = (id: string) => groups.find(({ groupId }) => groupId === id);
    expect(found("none")?.errorCode).toBe(69);
    const held = {
      topicPartitions: [{ topicId: topic.id, topicName: topic.name, partitions: [0] }],
    };
    expect(found(group)).toMatchObject({
      errorCode: 0,
      groupState: "Stable",
      groupEpoch: 2,
      assignmentEpoch: 2,
      assignorName: "uniform",
      members: [
        {
          memberId: "m1",
          instanceId: null,
          rackId: "r",
          memberEpoch: 2,
          clientId: "conformance",
          clientHost: "/127.0.0.1",
          subscribedTopicNames: [topic.name],
          assignment: held,
          targetAssignment: held,
          memberType: 1,
        },
      ],
    });
    const described = await here().send(describeGroups, 6, {
      groups: [group],
      includeAuthorizedOperations: false,
    });
    expect(described.groups[0]?.errorCode).toBe(69);
    const listed = await here().send(listGroups, 5, {
      statesFilter: [],
      typesFilter: ["consumer"],
    });
    expect(listed.groups).toContainEqual(
      expect.objectContaining({ groupId: group, groupState: "Stable", groupType: "consumer" }),
    );
    const refused = await here().send(deleteGroups, 2, { groupsNames: [group] });
    expect(refused.results[0]?.errorCode).toBe(68);
    await says(here, group, { memberEpoch: -1 });
    const empty = await here().send(consumerGroupDescribe, 1, { ...ask, groupIds: [group] });
    expect(empty.groups[0]).toMatchObject({ groupState: "Empty", groupEpoch: 3, members: [] });
    const deleted = await here().send(deleteGroups, 2, { groupsNames: [group] });
    expect(deleted.results[0]?.errorCode).toBe(0);
    expect((await says(here, group, { memberEpoch: 3 })).errorCode).toBe(69);
  });
}

function upgradeTests(here: Here): void {
  test("a classic group takes a consumer member, and is a classic one again without it", async () => {
    const topic = await topicOf(here, 2);
    const group = freshGroup();
    const protocols = [protocolOf("range", topic.name)];
    const { memberId } = await join(here(), group, { protocols });
    const joined = await joins(here, group, [topic.name]);
    expect(joined.errorCode).toBe(0);
    const beat = (generationId: number) =>
      here().send(heartbeat, 3, { groupId: group, memberId, generationId });
    expect((await beat(1)).errorCode).toBe(27);
    const again = await join(here(), group, { protocols, memberId });
    expect(again).toMatchObject({ errorCode: 0, leader: "", members: [], protocolName: "range" });
    const ask = { groupIds: [group], includeAuthorizedOperations: false };
    const { groups } = await here().send(consumerGroupDescribe, 1, ask);
    const types = groups[0]?.members.map((member) => [member.memberId, member.memberType]);
    expect(types).toContainEqual([memberId, 0]);
    expect(types).toContainEqual(["m1", 1]);
    await says(here, group, { memberEpoch: -1 });
    const back = await here().send(describeGroups, 5, {
      groups: [group],
      includeAuthorizedOperations: false,
    });
    expect(back.groups[0]).toMatchObject({ errorCode: 0, groupState: "PreparingRebalance" });
    await here().send(leaveGroup, 2, { groupId: group, memberId, members: [] });
  });

  test("what does not speak the consumers' protocol is not upgraded", async () => {
    const group = freshGroup();
    await join(here(), group, { protocolType: "connect" });
    expect((await joins(here, group, ["t"])).errorCode).toBe(69);
  });
}
