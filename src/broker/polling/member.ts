/**
 * What a node remembers of a group member that polls (an HTTP member): which partitions it was told of, how far it was given
 * them, and what its last poll gave.
 *
 * - None of it is kept on disk. A member that is met without it (after a restart) goes on from what it has committed: it may
 *   see records again, it misses none.
 * - The last poll is remembered by its offsets, not its records: asked again, the same records are read again.
 */
import type { EpochAssignment } from "../../coordinators/consumer/state.ts";

/** Where a member begins that has committed nothing: `none` refuses. */
export type ResetPolicy = "earliest" | "latest" | "none";

export interface HeldPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** The next offset to be given; null: it has to be looked up. */
  position: number | null;
}

/** What one poll gave of one partition: offsets from `from`, below `to`. */
export interface GivenRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

interface LastPoll {
  readonly pollId: string;
  readonly ranges: readonly GivenRange[];
}

type TopicNames = (topicId: string) => string | null;

export class PollingMember {
  readonly memberId: string;
  readonly reset: ResetPolicy;
  /** How long it may be silent; null: as the group says. */
  readonly sessionMs: number | null;
  /** Topics that it named, there or not. */
  readonly topicNames: readonly string[];
  epoch: number;
  last: LastPoll | null = null;
  /** A heartbeat has failed, and may have been heard all the same: what it holds has to be looked up. */
  isUnsure = false;
  /** The assignment has changed since the member was told it. */
  isNews = true;
  #held = new Map<string, HeldPartition>();
  /** The same by what records are read by. */
  #byTopic = new Map<string, Map<number, HeldPartition>>();
  #turn = 0;

  constructor(
    memberId: string,
    epoch: number,
    terms: Pick<PollingMember, "reset" | "sessionMs" | "topicNames">,
  ) {
    this.memberId = memberId;
    this.epoch = epoch;
    this.reset = terms.reset;
    this.sessionMs = terms.sessionMs;
    this.topicNames = terms.topicNames;
  }

  /** Takes a new assignment; true when it has lost something, which it should say it no longer owns. */
  assign(assignment: EpochAssignment, nameOf: TopicNames): boolean {
    const held = new Map<string, HeldPartition>();
    const byTopic = new Map<string, Map<number, HeldPartition>>();
    for (const [topicId, partitions] of assignment) {
      const topic = nameOf(topicId);
      if (topic === null) continue;
      const inTopic = new Map<number, HeldPartition>();
      byTopic.set(topic, inTopic);
      for (const partition of partitions.keys()) {
        const key = `${topicId} ${partition}`;
        const each = this.#held.get(key) ?? { topic, topicId, partition, position: null };
        held.set(key, each);
        inTopic.set(partition, each);
      }
    }
    const kept = [...this.#held.keys()].filter((key) => held.has(key)).length;
    const lost = kept < this.#held.size;
    if (lost || held.size > kept) this.isNews = true;
    this.#held = held;
    this.#byTopic = byTopic;
    return lost;
  }

  /** Everything it holds; each time another comes first, so that none starves. */
  held(): HeldPartition[] {
    const all = [...this.#held.values()];
    const at = all.length === 0 ? 0 : this.#turn++ % all.length;
    return [...all.slice(at), ...all.slice(0, at)];
  }

  holds(topic: string, partition: number): HeldPartition | null {
    return this.#byTopic.get(topic)?.get(partition) ?? null;
  }

  /** By topic id, as heartbeats say it. */
  owned(): Map<string, Set<number>> {
    const owned = new Map<string, Set<number>>();
    for (const { topicId, partition } of this.#held.values()) {
      const partitions = owned.get(topicId) ?? new Set();
      owned.set(topicId, partitions.add(partition));
    }
    return owned;
  }

  /** Partitions by topic, both in order. */
  assignment(): { readonly topic: string; readonly partitions: readonly number[] }[] {
    const byTopic = new Map<string, number[]>();
    for (const { topic, partition } of this.#held.values()) {
      const partitions = byTopic.get(topic);
      if (partitions) partitions.push(partition);
      else byTopic.set(topic, [partition]);
    }
    return [...byTopic]
      .map(([topic, list]) => ({ topic, partitions: list.toSorted((left, right) => left - right) }))
      .toSorted((left, right) => (left.topic < right.topic ? -1 : 1));
  }
}
