/**
 * What a door asks for a group member that polls, and what it is told (`polling.ts` does it).
 */
import type { ResetPolicy } from "./member.ts";
import type { Context, Isolation, ReadAnswer } from "../verbs.ts";

export interface PollJoin {
  readonly topicNames: readonly string[];
  readonly topicRegex: string | null;
  readonly instanceId: string | null;
  /** Tells programs apart that use one member's name: the one that joined last has it. Null is one of its own kind. */
  readonly incarnation: string | null;
  readonly assignor: string | null;
  readonly reset: ResetPolicy;
  readonly sessionMs: number | null;
  readonly rebalanceMs: number | null;
}

export interface PolledAssignment {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface PollJoined {
  readonly memberEpoch: number;
  readonly assignment: readonly PolledAssignment[];
  readonly heartbeatIntervalMs: number;
  /** Topics that it named and that are not there (yet): of them nothing comes. */
  readonly unknownTopics: readonly string[];
}

export interface PollCommit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface PollRequest {
  readonly memberEpoch: number;
  /** As it joined. */
  readonly incarnation: string | null;
  /** The same as in the poll before where its answer was lost. */
  readonly pollId: string;
  readonly commit: readonly PollCommit[];
  readonly bytesMin: number;
  readonly bytesMax: number;
  readonly waitMs: number;
  readonly isolation: Isolation;
  readonly signal: AbortSignal;
}

/** One partition's part of a poll: what was read from `from` on, of which records below `to` may be given. */
export interface PollRead {
  readonly answer: ReadAnswer;
  readonly from: number;
  readonly to: number;
}

/** Makes an answer of what was read; says how far it gives each partition, in order. */
export type PollRender<T> = (reads: readonly PollRead[]) => Promise<{
  readonly given: readonly number[];
  readonly value: T;
}>;

export interface Polled<T> {
  readonly memberEpoch: number;
  /** Null: as it was told before. */
  readonly assignment: readonly PolledAssignment[] | null;
  readonly next: readonly PollCommit[];
  /** As when it joined. */
  readonly unknownTopics: readonly string[];
  readonly value: T;
}

export interface PollVerbs {
  /** Joins, or joins again: it goes on from what was committed. */
  join(context: Context, group: string, memberId: string, join: PollJoin): Promise<PollJoined>;
  /**
   * @throws Refusal fenced_member_epoch and unknown_member_id: join again; fenced_instance_id: another has the member's name, or
   *   a newer poll came, and this program should give up.
   */
  poll<T>(
    context: Context,
    group: string,
    memberId: string,
    request: PollRequest,
    render: PollRender<T>,
  ): Promise<Polled<T>>;
  leave(context: Context, group: string, memberId: string): Promise<void>;
}
