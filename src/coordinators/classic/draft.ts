/**
 * A classic group while one step works on it: the state it came from stays as it is, what changes is copied first.
 */
import { present } from "../../lib/assert.ts";
import { without } from "../../lib/collections.ts";
import { Refusal } from "../../lib/refusal.ts";
import type {
  ClassicGroup,
  ClassicGroupState,
  ClassicInput,
  ClassicMember,
  ClassicProtocol,
  JoinAnswer,
  SyncAnswer,
} from "./state.ts";
import type { GroupEnv } from "../groups/group.ts";
import { classicGroupRecord } from "../groups/records.ts";
import {
  type CoordinatorRecord,
  reply,
  type Reply,
  type Step,
  type Ticket,
  type TimerChange,
} from "../step.ts";

const noAssignment = new Uint8Array();

type Fields = {
  -readonly [Name in Exclude<keyof ClassicGroup, "members">]: ClassicGroup[Name];
};

export class ClassicDraft {
  readonly env: GroupEnv;
  readonly group: Fields;
  #members: ReadonlyMap<string, ClassicMember>;
  #copied: Map<string, ClassicMember> | null = null;
  readonly #records: CoordinatorRecord[] = [];
  readonly #replies: Reply[] = [];
  readonly #timers: TimerChange<ClassicInput>[] = [];

  constructor(group: ClassicGroup, env: GroupEnv) {
    const { members, ...fields } = group;
    this.group = fields;
    this.#members = members;
    this.env = env;
  }

  get members(): ReadonlyMap<string, ClassicMember> {
    return this.#members;
  }

  finish(): Step<ClassicGroup, ClassicInput> {
    return {
      next: this.#snapshot(),
      records: this.#records,
      replies: this.#replies,
      timers: this.#timers,
      effects: [],
    };
  }

  #snapshot(): ClassicGroup {
    return { ...this.group, members: this.#members };
  }

  isIn(...states: readonly ClassicGroupState[]): boolean {
    return states.includes(this.group.state);
  }

  enter(state: ClassicGroupState): void {
    this.group.initial = state === "PreparingRebalance" && this.group.state === "Empty";
    this.group.joinedInWait = false;
    this.group.state = state;
    this.group.stateSinceMs = this.env.nowMs;
  }

  member(id: string): ClassicMember {
    return present(this.#members.get(id), "a member that is named is there");
  }

  put(member: ClassicMember): void {
    this.#copied ??= new Map(this.#members);
    this.#members = this.#copied.set(member.id, member);
  }

  change(id: string, change: Partial<ClassicMember>): ClassicMember {
    const member = { ...this.member(id), ...change };
    this.put(member);
    return member;
  }

  /** Takes a member (or one that was to join) out; who waits in its name is told so. */
  remove(id: string): void {
    const { group } = this;
    const member = this.#members.get(id);
    if (member) {
      this.#copied ??= new Map(this.#members);
      this.#copied.delete(id);
      this.#members = this.#copied;
      const gone = new Refusal("unknown_member_id", "The member has left the group.");
      if (member.joining) this.answer(member.joining, gone);
      if (member.syncing) this.answer(member.syncing, gone);
    }
    if (group.leader === id) group.leader = this.#members.keys().next().value ?? null;
    if (group.pendingJoins.has(id)) group.pendingJoins = without(group.pendingJoins, id);
    if (group.pendingSyncs.has(id)) group.pendingSyncs = without(group.pendingSyncs, id);
    this.#timers.push({ name: sessionTimer(id), afterMs: null });
  }

  /** Gives a member another id; it keeps its place, and leads if it led. */
  rename(id: string, newId: string): void {
    const { group } = this;
    this.#copied = new Map(
      [...this.#members].map(([key, member]) =>
        key === id ? [newId, { ...member, id: newId }] : [key, member],
      ),
    );
    this.#members = this.#copied;
    if (group.leader === id) group.leader = newId;
    if (group.pendingSyncs.has(id)) group.pendingSyncs = without(group.pendingSyncs, id).add(newId);
    this.#timers.push({ name: sessionTimer(id), afterMs: null });
  }

  /** The member that holds this instance id now. */
  holderOf(instanceId: string): ClassicMember | null {
    return holderOf(this.#members, instanceId);
  }

  awaitingJoin(): number {
    let count = 0;
    for (const { joining } of this.#members.values()) if (joining) count += 1;
    return count;
  }

  hasEverybodyJoined(): boolean {
    return this.group.pendingJoins.size === 0 && this.awaitingJoin() === this.#members.size;
  }

  rebalanceTimeoutMs(): number {
    let most = 0;
    for (const member of this.#members.values()) most = Math.max(most, member.rebalanceTimeoutMs);
    return most;
  }

  /** Protocols that every member takes part in. */
  sharedProtocols(): ReadonlySet<string> {
    const counts = new Map<string, number>();
    for (const { protocols } of this.#members.values()) {
      // A member may name a protocol twice; it counts once.
      const names = new Set(protocols.map(({ name }) => name));
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const { size } = this.#members;
    return new Set([...counts].filter(([, count]) => count === size).map(([name]) => name));
  }

  /** Whether somebody with these protocols can be in the group with those who are. */
  supports(protocolType: string, protocols: readonly ClassicProtocol[]): boolean {
    if (this.isIn("Empty")) return protocolType !== "" && protocols.length > 0;
    if (this.group.protocolType !== protocolType) return false;
    // All have left while it prepares: whoever comes now begins anew.
    if (this.#members.size === 0) return protocols.length > 0;
    const shared = this.sharedProtocols();
    return protocols.some(({ name }) => shared.has(name));
  }

  answer<Answer>(ticket: Ticket<Answer>, answer: Answer | Refusal): void {
    this.#replies.push(reply(ticket, answer));
  }

  answerJoin(member: ClassicMember, answer: JoinAnswer | Refusal): void {
    if (!member.joining) return;
    this.answer(member.joining, answer);
    this.change(member.id, { joining: null });
  }

  answerSync(member: ClassicMember, answer: SyncAnswer | Refusal): boolean {
    if (!member.syncing) return false;
    this.answer(member.syncing, answer);
    this.change(member.id, { syncing: null });
    return true;
  }

  /** The member's session begins anew. */
  touch(member: ClassicMember, afterMs: number = member.sessionTimeoutMs): void {
    this.expect(member.id, afterMs);
  }

  /** A member id was handed out: its place is kept this long. */
  expect(memberId: string, forMs: number): void {
    const input: ClassicInput = { type: "session-timeout", memberId };
    this.#timers.push({ name: sessionTimer(memberId), afterMs: forMs, input });
  }

  setTimer(name: "join" | "sync", afterMs: number, input: ClassicInput): void {
    this.#timers.push({ name, afterMs, input });
  }

  cancelTimer(name: "join" | "sync"): void {
    this.#timers.push({ name, afterMs: null });
  }

  /** Writes the group as it stands now. */
  store(): void {
    this.#records.push(classicGroupRecord(this.#snapshot()));
  }

  /** Writes that there is such a group, before its first generation. */
  storeNew(): void {
    const none = { generation: 0, protocolType: null, protocol: null, leader: null };
    this.#records.push(classicGroupRecord({ ...this.#snapshot(), ...none, members: new Map() }));
  }

  get hasRecords(): boolean {
    return this.#records.length > 0;
  }

  /** Nobody has an assignment any more; who waited for one hears `why`. */
  resetAssignments(why: Refusal): void {
    for (const member of this.#members.values()) {
      this.answerSync(this.change(member.id, { assignment: noAssignment }), why);
    }
  }
}

export function sessionTimer(memberId: string): string {
  return `session ${memberId}`;
}

/** @throws Refusal where the member is not who it says (`ClassicGroup.validateMember`). */
export function checkMember(
  members: ReadonlyMap<string, ClassicMember>,
  memberId: string,
  instanceId: string | null,
): void {
  if (instanceId !== null) {
    const holder = holderOf(members, instanceId);
    if (holder && holder.id !== memberId) throw fenced(instanceId);
    if (!holder) throw unknownMember(memberId);
  }
  if (!members.has(memberId)) throw unknownMember(memberId);
}

function holderOf(
  members: ReadonlyMap<string, ClassicMember>,
  instanceId: string,
): ClassicMember | null {
  for (const member of members.values()) if (member.instanceId === instanceId) return member;
  return null;
}

export function fenced(instanceId: string): Refusal {
  return new Refusal(
    "fenced_instance_id",
    `Another member has joined as "${instanceId}" since; this one must stop.`,
  );
}

export function unknownMember(memberId: string): Refusal {
  return new Refusal(
    "unknown_member_id",
    `The group has no member "${memberId}"; join again without a member id.`,
  );
}
