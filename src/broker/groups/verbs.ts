/**
 * The verbs on groups as both doors see them: members of classic groups, committed offsets, and looking at groups.
 *
 * - They refuse with Kafka's errors; every one may be refused with coordinator_load_in_progress or coordinator_not_available,
 *   which pass.
 */
import type { Int64 } from "../../lib/int64.ts";
import type {
  ClassicProtocol,
  JoinAnswer,
  LeaveAnswer,
  LeavingMember,
  MemberIdentity,
  SyncAnswer,
  SyncRequest,
} from "../../coordinators/classic/state.ts";
import type { OffsetOutcome, TopicPartition } from "../../coordinators/offsets/state.ts";
import type { TransactionOwner } from "../../log/appending/append-request.ts";
import type { TransactionalAppend } from "../../log/transactions/transactional-append.ts";
import type { DescribedConsumerGroup } from "../../coordinators/consumer/describe.ts";
import type {
  ConsumerHeartbeat,
  ConsumerHeartbeatAnswer,
} from "../../coordinators/consumer/request.ts";
import type { FetchedGroup, OffsetsWanted } from "./committed-offsets.ts";
import type { Context } from "../verbs.ts";

export interface GroupJoin {
  readonly group: string;
  /** Empty for a member that has no id yet. */
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly protocolType: string;
  readonly protocols: readonly ClassicProtocol[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly memberIdRequired: boolean;
  readonly canSkipAssignment: boolean;
}

/** What a member of the consumer protocol says in a heartbeat. */
export interface ConsumerSays extends Omit<
  ConsumerHeartbeat,
  "newMemberId" | "clientId" | "clientHost"
> {
  /** The member makes its own id (ConsumerGroupHeartbeat from version 1 on); else it may come without one. */
  readonly makesId: boolean;
}

/** An offset to be committed; the topic by name, or by id where the name is null. */
export interface OffsetToCommit {
  readonly topic: string | null;
  readonly topicId: string | null;
  readonly partition: number;
  readonly offset: Int64;
  /** -1 when it is not known. */
  readonly leaderEpoch: number;
  readonly metadata: string;
}

export interface OffsetsToCommit {
  readonly group: string;
  readonly member: MemberIdentity;
  readonly offsets: readonly OffsetToCommit[];
  /** The client knows the errors of member epochs (KIP-848). */
  readonly knowsMemberEpochs: boolean;
  /** What an old client asks for instead of the node's retention. */
  readonly retentionMs: number | null;
}

/** Whose transaction offsets are committed in, and what its producer understands. */
export interface OffsetTransaction extends TransactionOwner, TransactionalAppend {}

/** Why one offset was not committed or deleted; null: it was. */
export type OffsetRefusal =
  | NonNullable<OffsetOutcome>
  | "unknown_topic_or_partition"
  | "unknown_topic_id"
  | null;

export interface GroupSummary {
  readonly group: string;
  readonly type: "classic" | "consumer";
  readonly state: string;
  /** Empty for a group that never had a member. */
  readonly protocolType: string;
  /** How many it has. */
  readonly members: number;
}

export interface ClassicGroupDescription {
  readonly group: string;
  readonly state: string;
  readonly protocolType: string;
  /** The chosen protocol; empty unless the group is stable. */
  readonly protocol: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly instanceId: string | null;
    readonly clientId: string;
    readonly clientHost: string;
    readonly metadata: Uint8Array;
    readonly assignment: Uint8Array;
  }[];
}

export interface GroupVerbs {
  /** The node that coordinates the group; makes the coordinator's topic on first use. */
  locate(context: Context, group: string): Promise<number>;
  join(context: Context, join: GroupJoin): Promise<JoinAnswer>;
  sync(context: Context, group: string, request: SyncRequest): Promise<SyncAnswer>;
  /** Rejects with rebalance_in_progress when the member should join again. */
  heartbeat(context: Context, group: string, member: MemberIdentity): Promise<void>;
  /** One answer a member, in order. */
  leave(
    context: Context,
    group: string,
    members: readonly LeavingMember[],
  ): Promise<readonly LeaveAnswer[]>;
  /** Joins, stays in and leaves a consumer group (KIP-848). */
  consumerHeartbeat(
    context: Context,
    group: string,
    says: ConsumerSays,
  ): Promise<ConsumerHeartbeatAnswer>;
  /** One answer an offset, in order. */
  commitOffsets(context: Context, request: OffsetsToCommit): Promise<readonly OffsetRefusal[]>;
  /** The same within a transaction, once its coordinator has vouched for it; they count when it commits. */
  commitOffsetsIn(
    context: Context,
    transaction: OffsetTransaction,
    request: OffsetsToCommit,
  ): Promise<readonly OffsetRefusal[]>;
  /** What `commitOffsetsIn` would answer now; nothing is written. @throws Refusal as it does. */
  checkOffsetsIn(context: Context, request: OffsetsToCommit): Promise<readonly OffsetRefusal[]>;
  fetchOffsets(context: Context, group: string, wanted: OffsetsWanted): FetchedGroup;
  deleteOffsets(
    context: Context,
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly OffsetRefusal[]>;
  list(context: Context): GroupSummary[];
  /** @throws Refusal group_id_not_found where it is none, or no classic group. */
  describeClassic(context: Context, group: string): ClassicGroupDescription;
  /** @throws Refusal group_id_not_found where it is none, or no consumer group. */
  describeConsumer(context: Context, group: string): DescribedConsumerGroup;
  delete(context: Context, group: string): Promise<void>;
}
