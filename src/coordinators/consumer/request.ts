/**
 * A ConsumerGroupHeartbeat as the coordinator takes it, its answer, and what makes a request wrong whatever the group.
 */
import { Refusal } from "../../lib/refusal.ts";
import type { EpochAssignment } from "./state.ts";
import type { OwnedPartitions } from "./reconcile.ts";
import { assignorNames } from "./target.ts";

/** Fields are null, or -1, where nothing has changed since the member's last heartbeat. */
export interface ConsumerHeartbeat {
  /** Empty when the member wants one to be made for it (version 0 alone). */
  readonly memberId: string;
  /** The id that it gets in that case. */
  readonly newMemberId: string;
  /** 0 joins, -1 leaves, -2 leaves for a while (static members). */
  readonly memberEpoch: number;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly rebalanceTimeoutMs: number;
  readonly topicNames: readonly string[] | null;
  /** A valid pattern; an empty one takes the pattern away. */
  readonly topicRegex: string | null;
  readonly assignor: string | null;
  readonly owned: OwnedPartitions | null;
  readonly clientId: string | null;
  readonly clientHost: string | null;
  /** How long it may be silent after this heartbeat; null: as the group's setting says. */
  readonly sessionTimeoutMs: number | null;
}

export interface ConsumerHeartbeatAnswer {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  /** Null: as it was. */
  readonly assignment: EpochAssignment | null;
}

export const STATIC_LEAVE_EPOCH = -2;

/** Refuses (invalid_request, unsupported_assignor) what no group would take. */
export function checkHeartbeat(
  request: Omit<ConsumerHeartbeat, "newMemberId" | "clientId" | "clientHost" | "sessionTimeoutMs">,
  groupId: string,
  memberIdMayBeEmpty: boolean,
): void {
  const { memberId, memberEpoch, instanceId, rackId, assignor } = request;
  if (isBlank(memberId) && !(memberIdMayBeEmpty && memberEpoch === 0)) {
    throw invalid("MemberId can't be empty.");
  }
  if (isBlank(groupId)) throw invalid("GroupId can't be empty.");
  if (isBlank(instanceId)) throw invalid("InstanceId can't be empty.");
  if (isBlank(rackId)) throw invalid("RackId can't be empty.");
  if (memberEpoch < STATIC_LEAVE_EPOCH) {
    throw invalid(`MemberEpoch is ${memberEpoch}, but must be greater than or equal to -2.`);
  }
  if (memberEpoch === STATIC_LEAVE_EPOCH && instanceId === null) {
    throw invalid("InstanceId can't be null.");
  }
  if (memberEpoch === 0) checkJoin(request);
  if (assignor !== null && !assignorNames.includes(assignor)) {
    throw new Refusal(
      "unsupported_assignor",
      `ServerAssignor ${assignor} is not supported. Supported assignors: ${assignorNames.join(", ")}.`,
    );
  }
}

/** As Kafka finds it: Java's `trim` takes spaces and what is below them. */
function isBlank(text: string | null): boolean {
  return text !== null && /^[\0- ]*$/.test(text);
}

function checkJoin({
  rebalanceTimeoutMs,
  owned,
  topicNames,
  topicRegex,
}: Pick<ConsumerHeartbeat, "rebalanceTimeoutMs" | "owned" | "topicNames" | "topicRegex">): void {
  if (rebalanceTimeoutMs === -1) {
    throw invalid("RebalanceTimeoutMs must be provided in first request.");
  }
  if (owned === null || owned.size > 0) {
    throw invalid("TopicPartitions must be empty when (re-)joining.");
  }
  if (topicNames === null && topicRegex === null) {
    throw invalid(
      "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
    );
  }
}

function invalid(detail: string): Refusal {
  return new Refusal("invalid_request", detail);
}
