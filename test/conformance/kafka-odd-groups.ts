/**
 * Odd requests of members of groups (`kafka-odd.ts`).
 */
import { findCoordinator } from "../../src/kafka/apis/10-find-coordinator.ts";
import { joinGroup } from "../../src/kafka/apis/11-join-group.ts";
import { heartbeat } from "../../src/kafka/apis/12-heartbeat.ts";
import { leaveGroup } from "../../src/kafka/apis/13-leave-group.ts";
import { syncGroup } from "../../src/kafka/apis/14-sync-group.ts";
import { consumerGroupHeartbeat } from "../../src/kafka/apis/68-consumer-group-heartbeat.ts";
import { join, joinRequest, leaveRequest, protocolOf, sync } from "./kafka-members.ts";
import type { OddCases } from "./kafka-odd.ts";
import { noId } from "./kafka-records.ts";

/** Names that no group should have, or that nothing knows. */
const wrongNames = ["", "not-there", "a b"];

export const oddGroups: OddCases = {
  "FindCoordinator: odd keys": async (world) => {
    const answers = [];
    for (const version of [2, 4, 6])
      for (const keyType of [0, 1, 2, 3, -1])
        for (const key of ["", "a b", "x"])
          answers.push({
            version,
            keyType,
            key,
            answer: await world.ask(findCoordinator, version, {
              key: version < 4 ? key : "",
              keyType,
              coordinatorKeys: version < 4 ? [] : [key, key],
            }),
          });
    answers.push(await world.ask(findCoordinator, 4, { key: "", keyType: 0, coordinatorKeys: [] }));
    return answers;
  },
  "JoinGroup: odd members": async (world) => {
    const answers = [];
    for (const given of [
      { groupId: "" },
      { protocolType: "" },
      { protocols: [] },
      { protocols: [protocolOf("")] },
      { protocols: [protocolOf("range"), protocolOf("range")] },
      { sessionTimeoutMs: -1 },
      { sessionTimeoutMs: 0 },
      { sessionTimeoutMs: 2 ** 31 - 1 },
      { rebalanceTimeoutMs: -1 },
      { memberId: "nobody" },
      { groupInstanceId: "" },
      { groupInstanceId: "a b" },
      { groupInstanceId: ".." },
      { groupInstanceId: "x".repeat(250) },
      { memberId: "nobody", groupInstanceId: "instance" },
    ]) {
      const { groupId, ...rest } = { groupId: world.group(), ...given };
      const asked = joinRequest(groupId, rest);
      const answer = await world.connection.send(joinGroup, 5, asked);
      answers.push({ given, errorCode: answer.errorCode, generationId: answer.generationId });
    }
    return world.told(answers);
  },
  "Heartbeat, SyncGroup and LeaveGroup: odd members": async (world) => {
    const group = world.group();
    const { memberId } = await join(world.connection, group);
    world.call(memberId, "member");
    await sync(world.connection, group, memberId, 1, { [memberId]: "all" });
    const answers = [];
    for (const groupId of [...wrongNames, group])
      for (const [member, generationId, groupInstanceId] of [
        ["", 1, null],
        ["nobody", 1, null],
        [memberId, 0, null],
        [memberId, -1, null],
        [memberId, 7, null],
        [memberId, 1, "instance"],
        ["", 1, ""],
      ] as const) {
        const asked = { groupId, memberId: member, generationId, groupInstanceId };
        answers.push({ asked, beat: await world.ask(heartbeat, 4, asked) });
        answers.push({ asked, sync: await world.ask(syncGroup, 4, { ...asked, assignments: [] }) });
      }
    for (const asked of [
      { protocolType: "other", protocolName: "range" },
      { protocolType: "consumer", protocolName: "other" },
      { protocolType: null, protocolName: null },
      { protocolType: "", protocolName: "" },
    ])
      answers.push(
        await world.ask(syncGroup, 5, {
          groupId: group,
          memberId,
          generationId: 1,
          assignments: [],
          ...asked,
        }),
      );
    for (const groupId of wrongNames)
      answers.push(await world.ask(leaveGroup, 4, leaveRequest(groupId, ["nobody", null])));
    answers.push(
      await world.ask(leaveGroup, 4, leaveRequest(group)),
      await world.ask(leaveGroup, 4, leaveRequest(group, ["", null], ["", ""], ["", "instance"])),
      await world.ask(leaveGroup, 4, leaveRequest(group, ["nobody", null], ["nobody", null])),
      await world.ask(leaveGroup, 4, leaveRequest(group, [memberId, null], [memberId, null])),
    );
    return world.told(answers);
  },
  "SyncGroup: assignments to odd members": async (world) => {
    const answers = [];
    for (const named of [["nobody"], ["own", "own"], [""], []]) {
      const group = world.group();
      const { memberId } = await join(world.connection, group);
      const assignments = named.map((each, at) => ({
        memberId: each === "own" ? memberId : each,
        assignment: new Uint8Array(at + 1),
      }));
      const asked = { groupId: group, memberId, generationId: 1, assignments };
      answers.push(await world.ask(syncGroup, 3, asked));
    }
    return answers;
  },
  "ConsumerGroupHeartbeat: odd members": async (world) => {
    const { name, id } = await world.topic();
    const whole = {
      memberId: "AAAAAAAAAAAAAAAAAAAAAQ",
      memberEpoch: 0,
      rebalanceTimeoutMs: 10_000,
      subscribedTopicNames: [name],
      topicPartitions: [],
    };
    const answers = [];
    for (const given of [
      {},
      { groupId: "" },
      { groupId: " " },
      { memberId: "" },
      { memberId: " " },
      { memberEpoch: -3 },
      { memberEpoch: -1 },
      { memberEpoch: -2 },
      { memberEpoch: -2, instanceId: "instance" },
      { memberEpoch: 1 },
      { memberEpoch: 2 ** 31 - 1 },
      { instanceId: "" },
      { rackId: "" },
      { rebalanceTimeoutMs: -1 },
      { rebalanceTimeoutMs: 0 },
      { rebalanceTimeoutMs: -5 },
      { subscribedTopicNames: null },
      { subscribedTopicNames: [] },
      { subscribedTopicNames: [""] },
      { subscribedTopicNames: ["a b"] },
      { subscribedTopicNames: [name, name] },
      { subscribedTopicRegex: "" },
      { subscribedTopicNames: null, subscribedTopicRegex: "" },
      { subscribedTopicRegex: "[" },
      { serverAssignor: "" },
      { serverAssignor: "nobody" },
      { serverAssignor: "RANGE" },
      { topicPartitions: null },
      { topicPartitions: [{ topicId: id, partitions: [0] }] },
      { topicPartitions: [{ topicId: noId, partitions: [0] }] },
    ]) {
      const asked = { groupId: world.group(), ...whole, ...given };
      answers.push({ given, answer: await world.ask(consumerGroupHeartbeat, 1, asked) });
    }
    return world.told(answers);
  },
  "ConsumerGroupHeartbeat: a member that owns what it does not": async (world) => {
    const { name, id } = await world.topic();
    const groupId = world.group();
    const member = { groupId, memberId: "AAAAAAAAAAAAAAAAAAAAAQ" };
    const first = {
      ...member,
      memberEpoch: 0,
      rebalanceTimeoutMs: 10_000,
      subscribedTopicNames: [name],
      topicPartitions: [],
    };
    const answers = [await world.ask(consumerGroupHeartbeat, 1, first)];
    for (const topicPartitions of [
      [{ topicId: id, partitions: [0, 0] }],
      [
        { topicId: id, partitions: [0] },
        { topicId: id, partitions: [1] },
      ],
      [{ topicId: id, partitions: [7] }],
      [{ topicId: noId, partitions: [0] }],
    ])
      for (const memberEpoch of [0, 1, 2, 3])
        answers.push(
          await world.ask(consumerGroupHeartbeat, 1, { ...member, memberEpoch, topicPartitions }),
        );
    return answers;
  },
};
