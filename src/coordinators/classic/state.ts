/**
 * The state of a classic group: members who join, a leader among them who assigns, a generation that counts the times they did.
 *
 * - `Empty` has no members, `PreparingRebalance` waits for everybody to join, `CompletingRebalance` for the leader's assignment;
 *   in `Stable` everybody has theirs. (Kafka's `Dead` is a group that is not there.)
 * - What members say to each other, subscriptions and assignments, is opaque here.
 */
import type { Refusal } from "../../lib/refusal.ts";
import type { Ticket } from "../step.ts";

export type ClassicGroupState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

/** A way to share work that a member can take part in, with what it says about itself to the leader. */
export interface ClassicProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

export interface ClassicMember {
  readonly id: string;
  /** A static member's name, which outlives its member id. */
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** In the member's order of preference. */
  readonly protocols: readonly ClassicProtocol[];
  readonly assignment: Uint8Array;
  /** It has not been part of a generation yet. */
  readonly isNew: boolean;
  /** Its JoinGroup that waits for the others; null: it has not joined the coming generation. */
  readonly joining: Ticket<JoinAnswer> | null;
  /** Its SyncGroup that waits for the leader's. */
  readonly syncing: Ticket<SyncAnswer> | null;
}

export interface ClassicGroup {
  readonly type: "classic";
  readonly id: string;
  readonly state: ClassicGroupState;
  /** When the state began, wall time. */
  readonly stateSinceMs: number;
  /** In PreparingRebalance: it is the first one of an empty group, which waits a little for others to come. */
  readonly initial: boolean;
  /** During that wait somebody new came. */
  readonly joinedInWait: boolean;
  readonly generation: number;
  /** `consumer`, `connect`, …; null for a group that never had a member, such as one of simple commits. */
  readonly protocolType: string | null;
  /** The protocol chosen for this generation. */
  readonly protocol: string | null;
  readonly leader: string | null;
  /** By member id, in the order they came. */
  readonly members: ReadonlyMap<string, ClassicMember>;
  /** Member ids handed out to be joined with (KIP-394). */
  readonly pendingJoins: ReadonlySet<string>;
  /** Members of this generation that have not asked for their assignment yet. */
  readonly pendingSyncs: ReadonlySet<string>;
  /** The topics that the members read, where their protocol is `consumer` and could be read; else null. */
  readonly subscribed: ReadonlySet<string> | null;
}

export interface JoinRequest {
  /** Empty when the member has none yet. */
  readonly memberId: string;
  /** The id that it gets in that case. */
  readonly newMemberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly protocolType: string;
  readonly protocols: readonly ClassicProtocol[];
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** A member without an id is given one to come back with (JoinGroup from version 4 on). */
  readonly memberIdRequired: boolean;
  /** A leader can be told to leave the assignment as it is (JoinGroup from version 9 on). */
  readonly canSkipAssignment: boolean;
}

export interface JoinAnswer {
  readonly memberId: string;
  readonly generation: number;
  readonly protocolType: string | null;
  readonly protocol: string | null;
  readonly leader: string | null;
  /** Everybody, for the leader; empty for the others. */
  readonly members: readonly JoinedMember[];
  readonly skipAssignment: boolean;
}

export interface JoinedMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly metadata: Uint8Array;
}

/** A member as it names itself, in whichever generation it believes to be. */
export interface MemberIdentity {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generation: number;
}

export interface SyncRequest extends MemberIdentity {
  /** Null where the client did not say (before version 5). */
  readonly protocolType: string | null;
  readonly protocol: string | null;
  /** The leader's; empty from the others. */
  readonly assignments: ReadonlyMap<string, Uint8Array>;
}

export interface SyncAnswer {
  readonly protocolType: string | null;
  readonly protocol: string | null;
  readonly assignment: Uint8Array;
}

export interface LeavingMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly reason: string | null;
}

export type ClassicInput =
  | { readonly type: "join"; readonly request: JoinRequest; readonly ticket: Ticket<JoinAnswer> }
  | { readonly type: "sync"; readonly request: SyncRequest; readonly ticket: Ticket<SyncAnswer> }
  | {
      readonly type: "heartbeat";
      readonly member: MemberIdentity;
      readonly ticket: Ticket<"heard">;
    }
  | {
      readonly type: "leave";
      readonly members: readonly LeavingMember[];
      /** One answer a member, in order: null, or why not. */
      readonly ticket: Ticket<readonly LeaveAnswer[]>;
    }
  /** The rebalance timeout, or the wait before the first rebalance, is over. */
  | { readonly type: "join-timeout" }
  | { readonly type: "initial-wait"; readonly waitMs: number; readonly remainingMs: number }
  | { readonly type: "sync-timeout"; readonly generation: number }
  | { readonly type: "session-timeout"; readonly memberId: string }
  /** The leader's assignments could not be kept. */
  | { readonly type: "assignment-refused"; readonly generation: number; readonly why: Refusal };

export type LeaveAnswer = "unknown_member_id" | "fenced_instance_id" | null;

export function emptyClassicGroup(id: string, nowMs: number): ClassicGroup {
  return {
    type: "classic",
    id,
    state: "Empty",
    stateSinceMs: nowMs,
    initial: false,
    joinedInWait: false,
    generation: 0,
    protocolType: null,
    protocol: null,
    leader: null,
    members: new Map(),
    pendingJoins: new Set(),
    pendingSyncs: new Set(),
    subscribed: null,
  };
}
