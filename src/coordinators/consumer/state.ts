/**
 * A consumer group of KIP-848 as a value, and the one place where it changes: `applyEvent`.
 *
 * - Every change is an event, and every event is one record of `__consumer_offsets`: a step applies the events that it
 *   appends, a replay applies those that it reads, so that both end in the same state.
 * - What is not an event is soft: it is gone after a restart, and nothing goes wrong without it.
 * - A member is replaced, never changed; the maps of a group are copied once a step (`ConsumerDraft`).
 */
import { type Assignment, noAssignment } from "./assignors/assignor.ts";
import type { ClassicProtocol } from "../classic/state.ts";

/** Topic id to partition to the assignment epoch at which the member got it. */
export type EpochAssignment = ReadonlyMap<string, ReadonlyMap<number, number>>;

export const nothingOwned: EpochAssignment = new Map();

/** Kafka's member states; a state of a newer program is `unknown`, and its member has to rejoin. */
export type MemberState = "stable" | "unrevoked" | "unreleased" | "unknown";

/** What a member that joined by JoinGroup has beside the others. */
export interface ClassicFacts {
  readonly sessionTimeoutMs: number;
  /** By preference; the metadata is Kafka's ConsumerProtocolSubscription. */
  readonly protocols: readonly ClassicProtocol[];
}

/** What a member said of itself: the record ConsumerGroupMemberMetadata. */
export interface MemberFacts {
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Sorted, each once. */
  readonly topicNames: readonly string[];
  /** RE2; an empty one is none. */
  readonly topicRegex: string | null;
  readonly rebalanceTimeoutMs: number;
  readonly assignor: string | null;
  /** Null: the member speaks the consumer protocol. */
  readonly classic: ClassicFacts | null;
}

/** Where a member stands: the record ConsumerGroupCurrentMemberAssignment. */
export interface MemberProgress {
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly state: MemberState;
  readonly assigned: EpochAssignment;
  /** Partitions it still has to give up. */
  readonly revoking: EpochAssignment;
}

export interface ConsumerMember extends MemberFacts, MemberProgress {
  readonly id: string;
}

/** What a pattern matched at a time. */
export interface ResolvedRegex {
  /** Sorted. */
  readonly topicNames: readonly string[];
  /** Of the list of topics that it was matched with. */
  readonly version: number;
  readonly atMs: number;
}

export interface ConsumerGroup {
  readonly type: "consumer";
  readonly id: string;
  readonly epoch: number;
  /** Of the topics subscribed to, by `metadataHash`; another one means another assignment. */
  readonly metadataHash: number;
  readonly members: ReadonlyMap<string, ConsumerMember>;
  readonly targetEpoch: number;
  /** When the target was computed; 0: never. */
  readonly targetAtMs: number;
  readonly targets: ReadonlyMap<string, Assignment>;
  readonly regexes: ReadonlyMap<string, ResolvedRegex>;
  readonly soft: SoftState;
}

export interface SoftState {
  /** The version of the topics that `metadataHash` was last compared with; -1: none yet. */
  readonly checkedVersion: number;
  /** Patterns are being matched at the moment, unless that took so long that it is asked for anew. */
  readonly resolvingUntilMs: number;
  /** Classic members that were told to rejoin and have a timer for it. */
  readonly rejoining: ReadonlySet<string>;
}

/** The group as a draft or a replay changes it. */
export interface MutableConsumerGroup {
  type: "consumer";
  id: string;
  epoch: number;
  metadataHash: number;
  members: Map<string, ConsumerMember>;
  targetEpoch: number;
  targetAtMs: number;
  /** Copied before they are changed. */
  targets: ReadonlyMap<string, Assignment>;
  regexes: ReadonlyMap<string, ResolvedRegex>;
  soft: SoftState;
}

/** One change of a group, which is one record; `… -gone` are tombstones. */
export type ConsumerEvent =
  | { readonly type: "group"; readonly epoch: number; readonly metadataHash: number }
  | { readonly type: "group-gone" }
  | { readonly type: "member"; readonly memberId: string; readonly facts: MemberFacts }
  | { readonly type: "member-gone"; readonly memberId: string }
  | { readonly type: "target-epoch"; readonly epoch: number; readonly atMs: number }
  | { readonly type: "target-epoch-gone" }
  | { readonly type: "target"; readonly memberId: string; readonly assignment: Assignment }
  | { readonly type: "target-gone"; readonly memberId: string }
  | { readonly type: "progress"; readonly memberId: string; readonly progress: MemberProgress }
  | { readonly type: "progress-gone"; readonly memberId: string }
  | { readonly type: "regex"; readonly pattern: string; readonly resolved: ResolvedRegex }
  | { readonly type: "regex-gone"; readonly pattern: string };

/** The end of a time that a member had for something. */
export type ConsumerTimeout =
  | {
      readonly type: "consumer-timeout";
      /** It was silent, did not join again, or did not ask for its assignment. */
      readonly reason: "session" | "rejoin" | "sync";
      readonly memberId: string;
    }
  /** It did not give up what it had to, unless it has left that epoch since. */
  | {
      readonly type: "consumer-rebalance-timeout";
      readonly memberId: string;
      readonly epoch: number;
    };

/** What a group asks of the outside: to match patterns with topic names, and post what came of it. */
export interface ConsumerEffect {
  readonly type: "resolve-regexes";
  readonly patterns: readonly string[];
}

/** What came of it. */
export interface RegexesResolved {
  readonly type: "regexes-resolved";
  readonly matched: ReadonlyMap<string, readonly string[]>;
  /** `image.topicsIndex` as it was when the names were taken. */
  readonly version: number;
}

const nothingSaid: MemberFacts = {
  instanceId: null,
  rackId: null,
  clientId: "",
  clientHost: "",
  topicNames: [],
  topicRegex: null,
  rebalanceTimeoutMs: -1,
  assignor: null,
  classic: null,
};

/** A member that has joined and has got nothing yet. */
const nothingDone: MemberProgress = {
  epoch: 0,
  previousEpoch: 0,
  state: "stable",
  assigned: nothingOwned,
  revoking: nothingOwned,
};

export function newMember(id: string): ConsumerMember {
  return { id, ...nothingSaid, ...nothingDone };
}

export function newConsumerGroup(id: string): MutableConsumerGroup {
  return {
    type: "consumer",
    id,
    // As in Kafka: 0 is no epoch of a member.
    epoch: 1,
    metadataHash: 0,
    members: new Map(),
    targetEpoch: 0,
    targetAtMs: 0,
    targets: new Map(),
    regexes: new Map(),
    soft: { checkedVersion: -1, resolvingUntilMs: 0, rejoining: new Set() },
  };
}

/**
 * A copy that may be changed by events. Members are copied at once, for nearly every event is about one; the others with the
 * first event that changes them: of a large group a heartbeat that does not should cost little.
 */
export function draftOf(group: ConsumerGroup): MutableConsumerGroup {
  const draft = { ...group, members: new Map(group.members) };
  const key = factsKeys.get(group);
  if (key) factsKeys.set(draft, key);
  return draft;
}

const targetsOwned = new WeakMap<MutableConsumerGroup, Map<string, Assignment>>();
const regexesOwned = new WeakMap<MutableConsumerGroup, Map<string, ResolvedRegex>>();

function ownTargets(group: MutableConsumerGroup): Map<string, Assignment> {
  const known = targetsOwned.get(group);
  if (known) return known;
  const own = new Map(group.targets);
  targetsOwned.set(group, own);
  group.targets = own;
  return own;
}

function ownRegexes(group: MutableConsumerGroup): Map<string, ResolvedRegex> {
  factsKeys.delete(group);
  const known = regexesOwned.get(group);
  if (known) return known;
  const own = new Map(group.regexes);
  regexesOwned.set(group, own);
  group.regexes = own;
  return own;
}

const factsKeys = new WeakMap<ConsumerGroup, object>();

/**
 * Something that stays the same from one version of the group to the next for as long as nothing that members say, and nothing
 * that their patterns have matched, has changed: what is computed from that is computed once.
 */
export function factsKey(group: ConsumerGroup): object {
  const known = factsKeys.get(group);
  if (known) return known;
  const key = {};
  factsKeys.set(group, key);
  return key;
}

/**
 * Changes the group by one event. Events of a compacted log come with gaps: what names a member that is not known makes it,
 * what removes one does nothing. False: the group is gone.
 */
export function applyEvent(group: MutableConsumerGroup, event: ConsumerEvent): boolean {
  switch (event.type) {
    case "group":
      group.epoch = event.epoch;
      group.metadataHash = event.metadataHash;
      return true;
    case "group-gone":
      return false;
    case "member": {
      factsKeys.delete(group);
      const topicNames = shared(group, event.facts.topicNames);
      const member = memberOf(group, event.memberId);
      group.members.set(event.memberId, { ...member, ...event.facts, topicNames });
      return true;
    }
    case "member-gone":
      factsKeys.delete(group);
      group.members.delete(event.memberId);
      return true;
    case "target-epoch":
      group.targetEpoch = event.epoch;
      group.targetAtMs = event.atMs;
      return true;
    case "target-epoch-gone":
      group.targetEpoch = 0;
      group.targetAtMs = 0;
      return true;
    case "target":
      ownTargets(group).set(event.memberId, event.assignment);
      return true;
    case "target-gone":
      ownTargets(group).delete(event.memberId);
      return true;
    case "progress":
      if (!group.members.has(event.memberId)) factsKeys.delete(group);
      group.members.set(event.memberId, { ...memberOf(group, event.memberId), ...event.progress });
      return true;
    case "progress-gone": {
      const member = group.members.get(event.memberId);
      if (member) group.members.set(event.memberId, { ...member, ...nothingDone });
      return true;
    }
    case "regex":
      ownRegexes(group).set(event.pattern, event.resolved);
      return true;
    case "regex-gone":
      ownRegexes(group).delete(event.pattern);
      return true;
    default:
      return event satisfies never;
  }
}

/** The same list as a member has already, where one has: what is done for each subscription is then done once. */
function shared(group: MutableConsumerGroup, topicNames: readonly string[]): readonly string[] {
  for (const member of group.members.values()) {
    if (sameTexts(member.topicNames, topicNames)) return member.topicNames;
  }
  return topicNames;
}

export function sameTexts(left: readonly string[], right: readonly string[]): boolean {
  if (left === right) return true;
  return left.length === right.length && left.every((text, at) => text === right[at]);
}

function memberOf(group: MutableConsumerGroup, memberId: string): ConsumerMember {
  return group.members.get(memberId) ?? newMember(memberId);
}

/** Kafka's names, as described; `Dead` is for groups that are not there. */
export function stateOf(group: ConsumerGroup): "Empty" | "Assigning" | "Reconciling" | "Stable" {
  if (group.members.size === 0) return "Empty";
  if (group.epoch > group.targetEpoch) return "Assigning";
  for (const member of group.members.values()) {
    if (!isReconciled(member, group.targetEpoch)) return "Reconciling";
  }
  return "Stable";
}

/** Whether the member has what the target of that epoch gives it. */
export function isReconciled(member: ConsumerMember, targetEpoch: number): boolean {
  return member.state === "stable" && member.epoch === targetEpoch;
}

/** The member with that instance id; null for a dynamic one and one that is not there. */
export function staticMember(
  group: ConsumerGroup,
  instanceId: string | null,
): ConsumerMember | null {
  if (instanceId === null) return null;
  for (const member of group.members.values()) {
    if (member.instanceId === instanceId) return member;
  }
  return null;
}

export function targetOf(group: ConsumerGroup, memberId: string): Assignment {
  return group.targets.get(memberId) ?? noAssignment;
}
