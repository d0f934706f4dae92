/**
 * What a group coordinator keeps in `__consumer_offsets`: Kafka's own records (group-coordinator 4.3), so that its tools read
 * them.
 *
 * - Written in the versions that Kafka 4.3 writes: GroupMetadata 3, OffsetCommit 4 where the topic's id is known, else 3, and 1
 *   for the client that chose its own retention.
 */
import { array, bytes, int32, int64, string, uuid } from "../../wire/schema.ts";
import { defineRecord } from "../../wire/record-schema.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import type { ClassicGroup, ClassicMember } from "../classic/state.ts";
import { topicsReadBy } from "../classic/consumer-protocol.ts";
import type { CommittedOffset } from "../offsets/state.ts";
import { type CoordinatorRecord, lateRecord } from "../step.ts";

const memberMetadata = {
  memberId: string(),
  groupInstanceId: string({ versions: "3+", nullable: "3+", default: null, ignorable: true }),
  clientId: string(),
  clientHost: string(),
  rebalanceTimeout: int32({ versions: "1+", default: -1, ignorable: true }),
  sessionTimeout: int32(),
  subscription: bytes(),
  assignment: bytes(),
};

export const groupMetadata = defineRecord({
  type: 2,
  name: "GroupMetadata",
  versions: "0-4",
  flexible: "4+",
  key: { group: string() },
  value: {
    protocolType: string(),
    generation: int32(),
    protocol: string({ nullable: "0+" }),
    leader: string({ nullable: "0+" }),
    currentStateTimestamp: int64({ versions: "2+", default: -1, ignorable: true }),
    members: array(memberMetadata),
  },
});

export const offsetCommit = defineRecord({
  type: 1,
  name: "OffsetCommit",
  versions: "0-4",
  flexible: "4+",
  key: { group: string(), topic: string(), partition: int32() },
  value: {
    offset: int64({ exact: true }),
    leaderEpoch: int32({ versions: "3+", default: -1, ignorable: true }),
    metadata: string(),
    commitTimestamp: int64(),
    expireTimestamp: int64({ versions: "1", default: -1, ignorable: true }),
    topicId: uuid({ versions: "4+", tagged: "4+", tag: 0, ignorable: true }),
  },
});

/** The oldest form of an offset's key, from before Kafka 0.9; read, never written. */
export const LEGACY_OFFSET_TYPE = 0;

const GROUP_VERSION = 3;

export function classicGroupRecord(group: ClassicGroup): CoordinatorRecord {
  const { protocol } = group;
  const value = {
    protocolType: group.protocolType ?? "",
    generation: group.generation,
    protocol,
    leader: group.leader,
    currentStateTimestamp: group.stateSinceMs,
    members: [...group.members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: metadataOf(member, protocol),
      assignment: member.assignment,
    })),
  };
  return {
    key: groupMetadata.encodeKey({ group: group.id }),
    value: groupMetadata.encodeValue(value, GROUP_VERSION),
  };
}

function metadataOf({ protocols }: ClassicMember, protocol: string | null): Uint8Array {
  return protocols.find(({ name }) => name === protocol)?.metadata ?? new Uint8Array();
}

export function groupTombstone(id: string): CoordinatorRecord {
  return { key: groupMetadata.encodeKey({ group: id }), value: null };
}

/** A classic group as its record has it: stable where it has members, and nobody waiting. */
export function classicGroupFrom(id: string, bytes: Uint8Array): ClassicGroup {
  const value = groupMetadata.decodeValue(bytes.slice());
  const protocolType = value.protocolType === "" ? null : value.protocolType;
  const members = new Map(
    value.members.map((member) => [member.memberId, memberFrom(member, value.protocol)]),
  );
  return {
    type: "classic",
    id,
    state: members.size === 0 ? "Empty" : "Stable",
    stateSinceMs: Math.max(value.currentStateTimestamp, 0),
    initial: false,
    joinedInWait: false,
    generation: value.generation,
    protocolType,
    protocol: value.protocol,
    leader: value.leader,
    members,
    pendingJoins: new Set(),
    pendingSyncs: new Set(),
    subscribed: topicsReadBy(members.values(), protocolType, value.protocol),
  };
}

type MemberValue = ReturnType<typeof groupMetadata.decodeValue>["members"][number];

function memberFrom(member: MemberValue, protocol: string | null): ClassicMember {
  const { rebalanceTimeout, sessionTimeout } = member;
  return {
    id: member.memberId,
    instanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: rebalanceTimeout === -1 ? sessionTimeout : rebalanceTimeout,
    sessionTimeoutMs: sessionTimeout,
    protocols: [{ name: protocol ?? "", metadata: member.subscription }],
    assignment: member.assignment,
    isNew: false,
    joining: null,
    syncing: null,
  };
}

export function offsetRecord(
  group: string,
  topic: string,
  partition: number,
  committed: Omit<CommittedOffset, "order">,
): CoordinatorRecord {
  const { offset, leaderEpoch, metadata, commitMs, expireMs, topicId } = committed;
  const value = {
    offset,
    leaderEpoch,
    metadata,
    commitTimestamp: commitMs,
    expireTimestamp: expireMs ?? -1,
    topicId: topicId ?? zeroUuid,
  };
  const version = expireMs !== null ? 1 : topicId !== null ? 4 : 3;
  return {
    key: offsetCommit.encodeKey({ group, topic, partition }),
    value: offsetCommit.encodeValue(value, version),
  };
}

export function offsetTombstone(
  group: string,
  topic: string,
  partition: number,
): CoordinatorRecord {
  // A group that is deleted has one for each of its offsets.
  return lateRecord(() => ({
    key: offsetCommit.encodeKey({ group, topic, partition }),
    value: null,
  }));
}

export function offsetFrom(bytes: Uint8Array, order: number): CommittedOffset {
  const value = offsetCommit.decodeValue(bytes);
  return {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitMs: value.commitTimestamp,
    expireMs: value.expireTimestamp === -1 ? null : value.expireTimestamp,
    topicId: value.topicId === zeroUuid ? null : value.topicId,
    order,
  };
}
