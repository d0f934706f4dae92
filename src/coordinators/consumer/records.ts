/**
 * A consumer group's events as Kafka's own records in `__consumer_offsets`, and back.
 *
 * - What a newer Kafka adds as tagged fields is skipped. A member state that is not known is read as `unknown`.
 * - Left out: ConsumerGroupPartitionMetadata, which Kafka 4.1 replaced by the hash in ConsumerGroupMetadata.
 */
import { array, bytes, int32, int64, int8, string, struct, uuid } from "../../wire/schema.ts";
import { defineRecord, recordType } from "../../wire/record-schema.ts";
import type { Assignment } from "./assignors/assignor.ts";
import type {
  ConsumerEvent,
  EpochAssignment,
  MemberFacts,
  MemberProgress,
  MemberState,
} from "./state.ts";
import { type CoordinatorRecord, lateRecord } from "../step.ts";

const groupKey = { groupId: string() };
const memberKey = { groupId: string(), memberId: string() };
const version = { versions: "0", flexible: "0+" };

export const consumerGroupMetadata = defineRecord({
  type: 3,
  name: "ConsumerGroupMetadata",
  ...version,
  key: groupKey,
  value: { epoch: int32(), metadataHash: int64({ tag: 0, default: 0 }) },
});

export const consumerGroupMemberMetadata = defineRecord({
  type: 5,
  name: "ConsumerGroupMemberMetadata",
  ...version,
  key: memberKey,
  value: {
    instanceId: string({ nullable: "0+" }),
    rackId: string({ nullable: "0+" }),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
    subscribedTopicRegex: string({ nullable: "0+" }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    serverAssignor: string({ nullable: "0+" }),
    classicMemberMetadata: struct(
      {
        sessionTimeoutMs: int32(),
        supportedProtocols: array({ name: string(), metadata: bytes() }),
      },
      { nullable: "0+", tag: 0, default: null },
    ),
  },
});

export const consumerGroupTargetAssignmentMetadata = defineRecord({
  type: 6,
  name: "ConsumerGroupTargetAssignmentMetadata",
  ...version,
  key: groupKey,
  value: {
    assignmentEpoch: int32(),
    assignmentTimestamp: int64({ tag: 0, default: 0, ignorable: true }),
  },
});

export const consumerGroupTargetAssignmentMember = defineRecord({
  type: 7,
  name: "ConsumerGroupTargetAssignmentMember",
  ...version,
  key: memberKey,
  value: { topicPartitions: array({ topicId: uuid(), partitions: array(int32()) }) },
});

const heldPartitions = array({
  topicId: uuid(),
  partitions: array(int32()),
  assignmentEpochs: array(int32(), { nullable: "0+", tag: 0, default: null }),
});

export const consumerGroupCurrentMemberAssignment = defineRecord({
  type: 8,
  name: "ConsumerGroupCurrentMemberAssignment",
  ...version,
  key: memberKey,
  value: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: heldPartitions,
    partitionsPendingRevocation: heldPartitions,
  },
});

export const consumerGroupRegularExpression = defineRecord({
  type: 16,
  name: "ConsumerGroupRegularExpression",
  ...version,
  key: { groupId: string(), regularExpression: string() },
  value: { topics: array(string()), version: int64({}), timestamp: int64({}) },
});

const states: readonly MemberState[] = ["stable", "unrevoked", "unreleased"];
const UNKNOWN_STATE = 127;

/** The record that keeps this event. */
export function consumerRecord(groupId: string, event: ConsumerEvent): CoordinatorRecord {
  switch (event.type) {
    case "group":
    case "group-gone":
      return {
        key: consumerGroupMetadata.encodeKey({ groupId }),
        value: event.type === "group" ? consumerGroupMetadata.encodeValue(event, 0) : null,
      };
    case "member":
    case "member-gone":
      return {
        key: consumerGroupMemberMetadata.encodeKey({ groupId, memberId: event.memberId }),
        value: event.type === "member" ? factsValue(event.facts) : null,
      };
    case "target-epoch":
    case "target-epoch-gone":
      return {
        key: consumerGroupTargetAssignmentMetadata.encodeKey({ groupId }),
        value: event.type === "target-epoch" ? targetEpochValue(event.epoch, event.atMs) : null,
      };
    case "target":
    case "target-gone":
      // A large group's target is one a member, in one step.
      return lateRecord(() => ({
        key: consumerGroupTargetAssignmentMember.encodeKey({ groupId, memberId: event.memberId }),
        value: event.type === "target" ? targetValue(event.assignment) : null,
      }));
    case "progress":
    case "progress-gone":
      return {
        key: consumerGroupCurrentMemberAssignment.encodeKey({ groupId, memberId: event.memberId }),
        value: event.type === "progress" ? progressValue(event.progress) : null,
      };
    case "regex":
    case "regex-gone":
      return {
        key: consumerGroupRegularExpression.encodeKey({
          groupId,
          regularExpression: event.pattern,
        }),
        value: event.type === "regex" ? regexValue(event) : null,
      };
    default:
      return event satisfies never;
  }
}

function factsValue(facts: MemberFacts): Uint8Array {
  const { topicNames, topicRegex, assignor, classic, ...rest } = facts;
  return consumerGroupMemberMetadata.encodeValue(
    {
      ...rest,
      subscribedTopicNames: topicNames,
      subscribedTopicRegex: topicRegex,
      serverAssignor: assignor,
      classicMemberMetadata: classic && {
        sessionTimeoutMs: classic.sessionTimeoutMs,
        supportedProtocols: classic.protocols,
      },
    },
    0,
  );
}

function targetEpochValue(assignmentEpoch: number, assignmentTimestamp: number): Uint8Array {
  return consumerGroupTargetAssignmentMetadata.encodeValue(
    { assignmentEpoch, assignmentTimestamp },
    0,
  );
}

function targetValue(assignment: Assignment): Uint8Array {
  const topicPartitions = [...assignment].map(([topicId, partitions]) => ({ topicId, partitions }));
  return consumerGroupTargetAssignmentMember.encodeValue({ topicPartitions }, 0);
}

function progressValue(progress: MemberProgress): Uint8Array {
  const state = states.indexOf(progress.state);
  return consumerGroupCurrentMemberAssignment.encodeValue(
    {
      memberEpoch: progress.epoch,
      previousMemberEpoch: progress.previousEpoch,
      state: state < 0 ? UNKNOWN_STATE : state,
      assignedPartitions: heldValue(progress.assigned),
      partitionsPendingRevocation: heldValue(progress.revoking),
    },
    0,
  );
}

function heldValue(held: EpochAssignment) {
  return [...held].map(([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions.keys()],
    assignmentEpochs: [...partitions.values()],
  }));
}

function regexValue({ resolved }: Extract<ConsumerEvent, { readonly type: "regex" }>): Uint8Array {
  return consumerGroupRegularExpression.encodeValue(
    { topics: resolved.topicNames, version: resolved.version, timestamp: resolved.atMs },
    0,
  );
}

/** Which group's event a record keeps; null where it is of another kind. */
export function consumerEvent({
  key,
  value,
}: CoordinatorRecord): { readonly groupId: string; readonly event: ConsumerEvent } | null {
  switch (recordType(key)) {
    case consumerGroupMetadata.type: {
      const { groupId } = consumerGroupMetadata.decodeKey(key);
      if (!value) return { groupId, event: { type: "group-gone" } };
      return { groupId, event: { type: "group", ...consumerGroupMetadata.decodeValue(value) } };
    }
    case consumerGroupMemberMetadata.type: {
      const { groupId, memberId } = consumerGroupMemberMetadata.decodeKey(key);
      if (!value) return { groupId, event: { type: "member-gone", memberId } };
      return { groupId, event: { type: "member", memberId, facts: factsIn(value) } };
    }
    case consumerGroupTargetAssignmentMetadata.type: {
      const { groupId } = consumerGroupTargetAssignmentMetadata.decodeKey(key);
      if (!value) return { groupId, event: { type: "target-epoch-gone" } };
      const told = consumerGroupTargetAssignmentMetadata.decodeValue(value);
      const { assignmentEpoch: epoch, assignmentTimestamp: atMs } = told;
      return { groupId, event: { type: "target-epoch", epoch, atMs } };
    }
    case consumerGroupTargetAssignmentMember.type: {
      const { groupId, memberId } = consumerGroupTargetAssignmentMember.decodeKey(key);
      if (!value) return { groupId, event: { type: "target-gone", memberId } };
      return { groupId, event: { type: "target", memberId, assignment: targetIn(value) } };
    }
    case consumerGroupCurrentMemberAssignment.type: {
      const { groupId, memberId } = consumerGroupCurrentMemberAssignment.decodeKey(key);
      if (!value) return { groupId, event: { type: "progress-gone", memberId } };
      return { groupId, event: { type: "progress", memberId, progress: progressIn(value) } };
    }
    case consumerGroupRegularExpression.type: {
      const { groupId, regularExpression } = consumerGroupRegularExpression.decodeKey(key);
      if (!value) return { groupId, event: { type: "regex-gone", pattern: regularExpression } };
      const { topics, version, timestamp } = consumerGroupRegularExpression.decodeValue(value);
      const resolved = { topicNames: topics, version, atMs: timestamp };
      return { groupId, event: { type: "regex", pattern: regularExpression, resolved } };
    }
    default:
      return null;
  }
}

const keys = [
  consumerGroupMetadata,
  consumerGroupMemberMetadata,
  consumerGroupTargetAssignmentMetadata,
  consumerGroupTargetAssignmentMember,
  consumerGroupCurrentMemberAssignment,
  consumerGroupRegularExpression,
] as const;

/** The group that a record's key names; null where it is of another kind. */
export function consumerGroupOf(key: Uint8Array): string | null {
  const type = recordType(key);
  return keys.find((each) => each.type === type)?.decodeKey(key).groupId ?? null;
}

function factsIn(value: Uint8Array): MemberFacts {
  const { subscribedTopicNames, subscribedTopicRegex, serverAssignor, ...told } =
    consumerGroupMemberMetadata.decodeValue(value);
  const { classicMemberMetadata, ...rest } = told;
  return {
    ...rest,
    topicNames: subscribedTopicNames,
    topicRegex: subscribedTopicRegex,
    assignor: serverAssignor,
    classic: classicMemberMetadata && {
      sessionTimeoutMs: classicMemberMetadata.sessionTimeoutMs,
      // Views on the log's bytes must not be kept.
      protocols: classicMemberMetadata.supportedProtocols.map(({ name, metadata }) => ({
        name,
        metadata: metadata.slice(),
      })),
    },
  };
}

function targetIn(value: Uint8Array): Assignment {
  const { topicPartitions } = consumerGroupTargetAssignmentMember.decodeValue(value);
  return new Map(
    topicPartitions.map(({ topicId, partitions }) => [
      topicId,
      partitions.toSorted((left, right) => left - right),
    ]),
  );
}

function progressIn(value: Uint8Array): MemberProgress {
  const told = consumerGroupCurrentMemberAssignment.decodeValue(value);
  return {
    epoch: told.memberEpoch,
    previousEpoch: told.previousMemberEpoch,
    state: states[told.state] ?? "unknown",
    assigned: heldIn(told.assignedPartitions, told.memberEpoch),
    revoking: heldIn(told.partitionsPendingRevocation, told.memberEpoch),
  };
}

/** Before Kafka 4.3 no assignment epochs were kept: the member's stands for them. */
function heldIn(
  told: readonly {
    readonly topicId: string;
    readonly partitions: readonly number[];
    readonly assignmentEpochs: readonly number[] | null;
  }[],
  memberEpoch: number,
): EpochAssignment {
  return new Map(
    told.map(({ topicId, partitions, assignmentEpochs }) => [
      topicId,
      new Map(partitions.map((each, at) => [each, assignmentEpochs?.[at] ?? memberEpoch])),
    ]),
  );
}
