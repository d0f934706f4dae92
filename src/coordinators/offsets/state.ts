/**
 * The offsets committed for one group: what each partition's next record to be read is, and what open transactions would make of
 * it.
 */
import type { Int64 } from "../../lib/int64.ts";
import type { MemberIdentity } from "../classic/state.ts";
import type { Ticket, Transaction } from "../step.ts";

export interface CommittedOffset {
  /** As it was committed, past the end of any log too. */
  readonly offset: Int64;
  /** -1 when the client did not say. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitMs: number;
  /** Set by clients of long ago that chose the retention themselves; null: the node's counts. */
  readonly expireMs: number | null;
  /** The topic's id when the commit was made; null where it was not known. */
  readonly topicId: string | null;
  /** Which of two commits of a partition came later: the greater. */
  readonly order: number;
}

/** By topic, then by partition. */
export type OffsetTable = ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>>;

export interface GroupOffsets {
  readonly committed: OffsetTable;
  /** By producer id: kept aside until the transaction's marker. */
  readonly pending: ReadonlyMap<bigint, OffsetTable>;
  /** The next commit's order. */
  readonly nextOrder: number;
}

export interface NewOffset {
  readonly topic: string;
  readonly topicId: string | null;
  readonly partition: number;
  readonly offset: Int64;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

/** One answer an offset, in order: null, or why not. */
export type OffsetOutcome = "offset_metadata_too_large" | "group_subscribed_to_topic" | null;

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export type OffsetInput =
  | {
      readonly type: "commit";
      /** Generation -1 and no member: somebody who is not in the group. In a consumer group the generation is the member epoch. */
      readonly member: MemberIdentity;
      readonly offsets: readonly NewOffset[];
      /** The client knows GROUP_ID_NOT_FOUND and STALE_MEMBER_EPOCH (OffsetCommit from version 9 on). */
      readonly knowsMemberEpochs: boolean;
      /** What a client of long ago asked for instead of the node's retention; null: it did not. */
      readonly retentionMs: number | null;
      readonly ticket: Ticket<readonly OffsetOutcome[]>;
    }
  | {
      readonly type: "transactional-commit";
      /** Null only asks what would be answered: nothing is kept. */
      readonly transaction: Transaction | null;
      readonly member: MemberIdentity;
      readonly offsets: readonly NewOffset[];
      readonly ticket: Ticket<readonly OffsetOutcome[]>;
    }
  | {
      readonly type: "delete-offsets";
      readonly partitions: readonly TopicPartition[];
      readonly ticket: Ticket<readonly OffsetOutcome[]>;
    }
  | { readonly type: "delete-group"; readonly ticket: Ticket<"deleted"> }
  /** Time to look for offsets that nobody needs any more, and for groups that are empty and have none. */
  | { readonly type: "sweep" }
  | {
      readonly type: "topics-deleted";
      readonly topics: ReadonlySet<string>;
      /** Of a large group's offsets those of so early an order are still to go. */
      readonly orderBelow?: number;
    }
  | { readonly type: "marker"; readonly transaction: Transaction; readonly committed: boolean };

export const noOffsets: GroupOffsets = { committed: new Map(), pending: new Map(), nextOrder: 0 };
