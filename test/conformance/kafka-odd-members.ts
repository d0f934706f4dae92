/**
 * Odd requests of and about members, with a group that others are in (`kafka-odd.ts`).
 */
import { offsetCommit } from "../../src/kafka/apis/08-offset-commit.ts";
import { joinGroup } from "../../src/kafka/apis/11-join-group.ts";
import { heartbeat } from "../../src/kafka/apis/12-heartbeat.ts";
import { leaveGroup } from "../../src/kafka/apis/13-leave-group.ts";
import { syncGroup } from "../../src/kafka/apis/14-sync-group.ts";
import { describeGroups } from "../../src/kafka/apis/15-describe-groups.ts";
import { deleteGroups } from "../../src/kafka/apis/42-delete-groups.ts";
import { offsetDelete } from "../../src/kafka/apis/47-offset-delete.ts";
import { consumerGroupHeartbeat } from "../../src/kafka/apis/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribe } from "../../src/kafka/apis/69-consumer-group-describe.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import { join, joinRequest, leaveRequest, protocolOf, stable } from "./kafka-members.ts";
import type { OddCases, OddWorld } from "./kafka-odd.ts";

const MEMBER = "AAAAAAAAAAAAAAAAAAAAAQ";

/** A classic group with one member, in generation 1. */
async function withMember(world: OddWorld, given: Parameters<typeof stable>[1] = {}) {
  const { group, memberId } = await stable(world.connection, given);
  world.call(group, "group");
  world.call(memberId, "member");
  return { group, memberId };
}

/** A consumer group with one member that reads a topic. */
async function withConsumer(world: OddWorld) {
  const { name, id } = await world.topic();
  const groupId = world.group();
  const first = {
    groupId,
    memberId: MEMBER,
    memberEpoch: 0,
    rebalanceTimeoutMs: 10_000,
    subscribedTopicNames: [name],
    topicPartitions: [],
  };
  await world.connection.send(consumerGroupHeartbeat, 1, first);
  return { name, id, groupId };
}

export const oddMembers: OddCases = {
  "JoinGroup: a member of a stable group says otherwise": async (world) => {
    const answers = [];
    for (const given of [
      { protocolType: "other" },
      { protocols: [] },
      { protocols: [protocolOf("other")] },
      { protocolType: "" },
      { sessionTimeoutMs: 1 },
      { sessionTimeoutMs: 99 },
      { sessionTimeoutMs: 1_800_001 },
      { rebalanceTimeoutMs: 0 },
      { groupInstanceId: "instance" },
      {},
    ]) {
      const { group, memberId } = await withMember(world);
      const asked = joinRequest(group, { memberId, ...given });
      const { errorCode, generationId, protocolName, protocolType } = await world.connection.send(
        joinGroup,
        7,
        asked,
      );
      answers.push({ given, errorCode, generationId, protocolName, protocolType });
    }
    return world.told(answers);
  },
  "JoinGroup: strangers to a stable group": async (world) => {
    const { group } = await withMember(world);
    const answers = [];
    for (const given of [
      { protocolType: "other" },
      { protocols: [protocolOf("other")] },
      { protocols: [] },
      { protocolType: "" },
      { memberId: "nobody" },
      { memberId: "nobody", groupInstanceId: "instance" },
      { sessionTimeoutMs: 1 },
    ]) {
      const { errorCode, generationId, protocolName, protocolType } = await world.connection.send(
        joinGroup,
        7,
        joinRequest(group, given),
      );
      answers.push({ given, errorCode, generationId, protocolName, protocolType });
    }
    return world.told(answers);
  },
  "JoinGroup: without a member id, version by version": async (world) => {
    const answers = [];
    for (const version of [3, 4, 5, 6, 7, 8, 9])
      for (const groupInstanceId of [null, "instance"]) {
        if (version < 5 && groupInstanceId !== null) continue;
        const asked = joinRequest(world.group(), { groupInstanceId });
        const answer = await world.connection.send(joinGroup, version, asked);
        answers.push({
          version,
          errorCode: answer.errorCode,
          generationId: answer.generationId,
          protocolType: answer.protocolType,
          protocolName: answer.protocolName,
          skipAssignment: answer.skipAssignment,
          hasMember: answer.memberId !== "",
          isLeader: answer.leader !== "" && answer.leader === answer.memberId,
          members: answer.members.length,
        });
      }
    return answers;
  },
  "SyncGroup: protocols that were not chosen": async (world) => {
    const { group, memberId } = await withMember(world);
    const answers = [];
    for (const [protocolType, protocolName] of [
      ["consumer", "range"],
      ["consumer", null],
      [null, "range"],
      ["consumer", ""],
      ["", "range"],
      ["CONSUMER", "range"],
      ["consumer", "RANGE"],
    ] as const) {
      const asked = { groupId: group, memberId, generationId: 1, assignments: [] };
      answers.push(await world.ask(syncGroup, 5, { ...asked, protocolType, protocolName }));
    }
    return answers;
  },
  "SyncGroup, Heartbeat: before the assignment, and after the leader has left": async (world) => {
    const group = world.group();
    const { memberId } = await join(world.connection, group);
    world.call(memberId, "member");
    const asked = { groupId: group, memberId, generationId: 1 };
    const answers = [await world.ask(heartbeat, 4, asked)];
    answers.push(
      await world.ask(heartbeat, 4, { ...asked, generationId: 2 }),
      await world.ask(syncGroup, 4, { ...asked, generationId: 2, assignments: [] }),
      await world
        .ask(describeGroups, 5, { groups: [group], includeAuthorizedOperations: false })
        .then(memberless),
      await world.ask(leaveGroup, 4, leaveRequest(group, [memberId, null])),
      await world.ask(heartbeat, 4, asked),
      await world.ask(syncGroup, 4, { ...asked, assignments: [] }),
      await world.ask(leaveGroup, 4, leaveRequest(group, [memberId, null])),
      await world
        .ask(describeGroups, 5, { groups: [group], includeAuthorizedOperations: false })
        .then(memberless),
    );
    return answers;
  },
  "LeaveGroup: version by version": async (world) => {
    const answers = [];
    for (const version of [1, 2, 3, 4, 5]) {
      const { group, memberId } = await withMember(world);
      for (const given of ["nobody", "", memberId, memberId]) {
        const asked =
          version < 3
            ? { ...leaveRequest(group), memberId: given }
            : leaveRequest(group, [given, null]);
        answers.push(await world.ask(leaveGroup, version, asked));
      }
    }
    return answers;
  },
  "LeaveGroup: static members": async (world) => {
    const group = world.group();
    const asked = joinRequest(group, { groupInstanceId: "one" });
    const { memberId } = await world.connection.send(joinGroup, 5, asked);
    world.call(memberId, "member");
    const answers = [];
    for (const members of [
      [["", "two"]],
      [["nobody", "one"]],
      [[memberId, "two"]],
      [[memberId, null]],
      [
        ["", "one"],
        ["", "one"],
      ],
    ] as const)
      answers.push(await world.ask(leaveGroup, 4, leaveRequest(group, ...members)));
    return answers;
  },
  "OffsetDelete, DeleteGroups: a group with members": async (world) => {
    const { name } = await world.topic();
    const { name: other } = await world.topic();
    const { group, memberId } = await withMember(world, { protocols: [protocolOf("range", name)] });
    const topics = [name, other].map((each) => ({
      name: each,
      topicId: zeroUuid,
      partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }],
    }));
    const member = { memberId, generationIdOrMemberEpoch: 1 };
    const answers = [await world.ask(offsetCommit, 9, { groupId: group, ...member, topics })];
    const at = (each: string, ...indexes: number[]) => ({
      name: each,
      partitions: indexes.map((partitionIndex) => ({ partitionIndex })),
    });
    for (const places of [
      [at(name, 0)],
      [at(name, 0, 1), at(other, 0, 1)],
      [at(other, 0)],
      [at("not-there", 0)],
      [],
    ])
      answers.push(await world.ask(offsetDelete, 0, { groupId: group, topics: places }));
    answers.push(await world.ask(deleteGroups, 2, { groupsNames: [group, group] }));
    return answers;
  },
  "OffsetDelete: a group that is no consumers'": async (world) => {
    const { name } = await world.topic();
    const { group } = await withMember(world, { protocolType: "connect" });
    const topics = [{ name, partitions: [{ partitionIndex: 0 }] }];
    return world.ask(offsetDelete, 0, { groupId: group, topics });
  },
  "Groups of consumers, asked as others are": async (world) => {
    const { name, groupId } = await withConsumer(world);
    const classic = await withMember(world);
    const topics = [
      {
        name,
        topicId: zeroUuid,
        partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }],
      },
    ];
    const answers = [];
    for (const [memberId, generationIdOrMemberEpoch] of [
      [MEMBER, 1],
      [MEMBER, 0],
      [MEMBER, 2],
      [MEMBER, -1],
      ["nobody", 1],
      ["", -1],
      ["", 1],
    ] as const)
      for (const version of [8, 9, 10]) {
        if (version === 10) continue;
        answers.push(
          await world.ask(offsetCommit, version, {
            groupId,
            memberId,
            generationIdOrMemberEpoch,
            topics,
          }),
        );
      }
    answers.push(
      await world.ask(joinGroup, 5, joinRequest(groupId, { protocolType: "other" })),
      await world.ask(joinGroup, 5, joinRequest(groupId, { protocols: [] })),
      await world.ask(heartbeat, 4, { groupId, memberId: MEMBER, generationId: 1 }),
      await world.ask(syncGroup, 4, {
        groupId,
        memberId: MEMBER,
        generationId: 1,
        assignments: [],
      }),
      await world.ask(leaveGroup, 4, leaveRequest(groupId, ["nobody", null])),
      await world.ask(describeGroups, 5, { groups: [groupId], includeAuthorizedOperations: false }),
      await world.ask(describeGroups, 6, { groups: [groupId], includeAuthorizedOperations: false }),
      await world.ask(deleteGroups, 2, { groupsNames: [groupId] }),
      await world.ask(offsetDelete, 0, {
        groupId,
        topics: [{ name, partitions: [{ partitionIndex: 0 }] }],
      }),
      await world.ask(consumerGroupDescribe, 1, {
        groupIds: [classic.group, "not-there", ""],
        includeAuthorizedOperations: false,
      }),
      await world.ask(consumerGroupHeartbeat, 1, {
        groupId: classic.group,
        memberId: MEMBER,
        memberEpoch: 3,
      }),
      await world.ask(consumerGroupHeartbeat, 1, { groupId, memberId: "nobody", memberEpoch: 1 }),
      await world.ask(consumerGroupHeartbeat, 1, { groupId, memberId: "nobody", memberEpoch: -1 }),
      await world.ask(consumerGroupHeartbeat, 1, { groupId, memberId: MEMBER, memberEpoch: -2 }),
      await world.ask(consumerGroupHeartbeat, 1, { groupId, memberId: MEMBER, memberEpoch: -1 }),
      await world.ask(consumerGroupHeartbeat, 1, { groupId, memberId: MEMBER, memberEpoch: -1 }),
      await world.ask(deleteGroups, 2, { groupsNames: [groupId] }),
    );
    return answers;
  },
};

/** Members have ids and addresses of their own. */
function memberless(answer: unknown): unknown {
  return JSON.parse(
    JSON.stringify(answer, (key, value: unknown) =>
      key === "members" && Array.isArray(value) ? value.length : value,
    ),
  );
}
