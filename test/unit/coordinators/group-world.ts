/**
 * One group on paper: inputs go in, what comes out is kept, timers fire when time is moved.
 */
import type { Int64 } from "../../../src/lib/int64.ts";
import type { ClassicGroup, ClassicProtocol } from "../../../src/coordinators/classic/state.ts";
import type {
  JoinAnswer,
  JoinRequest,
  LeaveAnswer,
  LeavingMember,
  SyncAnswer,
} from "../../../src/coordinators/classic/state.ts";
import {
  defaultGroupConfig,
  type Group,
  type GroupConfig,
  type GroupEnv,
  type GroupInput,
} from "../../../src/coordinators/groups/group.ts";
import { groupCore, stepGroup } from "../../../src/coordinators/groups/groups.ts";
import type { NewOffset, OffsetOutcome } from "../../../src/coordinators/offsets/state.ts";
import type { CoordinatorRecord, Ticket, Transaction } from "../../../src/coordinators/step.ts";
import { Image } from "../../../src/cluster/image.ts";
import { Refusal } from "../../../src/lib/refusal.ts";

/** An answer that has come: what was granted, or the refusal's name. */
export type Came<Answer> = Answer | string;

export class Asked<Answer> {
  answer: Came<Answer> | null = null;
  refusal: Refusal | null = null;

  get granted(): Answer {
    if (this.answer === null || typeof this.answer === "string") {
      throw new Error(`not granted: ${String(this.answer)}`);
    }
    return this.answer;
  }
}

export class GroupWorld {
  group: Group | null = null;
  readonly records: (CoordinatorRecord & { readonly transaction: Transaction | null })[] = [];
  readonly config: GroupConfig;
  readonly image = new Image();
  nowMs = 1_000_000;
  readonly #timers = new Map<string, { atMs: number; input: GroupInput }>();
  #tickets = 0;
  #ids = 0;

  constructor(config: Partial<GroupConfig> = {}) {
    this.config = { ...defaultGroupConfig, initialRebalanceDelayMs: 0, ...config };
  }

  get env(): GroupEnv {
    return { nowMs: this.nowMs, config: this.config, image: this.image };
  }

  get state(): string {
    return this.group ? this.classic.state : "Dead";
  }

  /** The group, which is there and classic. */
  get classic(): ClassicGroup {
    if (this.group?.members.type !== "classic") throw new Error("there is no classic group");
    return this.group.members;
  }

  get timers(): string[] {
    return [...this.#timers.keys()].toSorted();
  }

  step(input: GroupInput): void {
    const step = stepGroup("g", this.group, input, this.env);
    this.group = step.next;
    for (const record of step.records) {
      this.records.push({ ...record, transaction: step.transaction ?? null });
    }
    for (const change of step.timers) {
      if (change.afterMs === null) this.#timers.delete(change.name);
      else {
        const atMs = this.nowMs + change.afterMs;
        this.#timers.set(change.name, { atMs, input: change.input });
      }
    }
    for (const reply of step.replies) reply.deliver();
  }

  /** Lets time pass; timers fire in order. */
  pass(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    for (;;) {
      const next = [...this.#timers]
        .filter(([, { atMs }]) => atMs <= untilMs)
        .toSorted(([, one], [, other]) => one.atMs - other.atMs)[0];
      if (!next) break;
      const [name, { atMs, input }] = next;
      this.#timers.delete(name);
      this.nowMs = atMs;
      this.step(input);
    }
    this.nowMs = untilMs;
  }

  /** What a coordinator that starts anew makes of the records. */
  replayed(): Group | null {
    let group: Group | null = null;
    for (const [offset, { key, value, transaction }] of this.records.entries()) {
      const record = { key, value, offset, timestampMs: this.nowMs, transaction };
      group = groupCore.replay(group, record);
    }
    return group;
  }

  knows(record: CoordinatorRecord): boolean {
    return groupCore.keyOf(record) !== null;
  }

  ask<Answer>(make: (ticket: Ticket<Answer>) => GroupInput): Asked<Answer> {
    const asked = new Asked<Answer>();
    this.#tickets += 1;
    const settle = (answer: Answer | Refusal): void => {
      if (asked.answer !== null) throw new Error("a ticket is answered once");
      if (answer instanceof Refusal) {
        asked.refusal = answer;
        asked.answer = answer.code;
      } else asked.answer = answer;
    };
    this.step(make({ number: this.#tickets, settle }));
    return asked;
  }

  join(given: Partial<JoinRequest> = {}): Asked<JoinAnswer> {
    this.#ids += 1;
    const request: JoinRequest = {
      memberId: "",
      newMemberId: `m${this.#ids}`,
      instanceId: null,
      clientId: "client",
      clientHost: "/127.0.0.1",
      protocolType: "consumer",
      protocols: [protocol("range", ["t"])],
      rebalanceTimeoutMs: 60_000,
      sessionTimeoutMs: 10_000,
      memberIdRequired: false,
      canSkipAssignment: true,
      ...given,
    };
    return this.ask<JoinAnswer>((ticket) => ({ type: "join", request, ticket }));
  }

  sync(
    memberId: string,
    generation: number,
    assignments: Record<string, string> = {},
    given: { instanceId?: string; protocol?: string; protocolType?: string } = {},
  ): Asked<SyncAnswer> {
    const { instanceId = null, protocol: name = null, protocolType = null } = given;
    const request = {
      memberId,
      generation,
      instanceId,
      protocol: name,
      protocolType,
      assignments: new Map(Object.entries(assignments).map(([id, text]) => [id, bytes(text)])),
    };
    return this.ask<SyncAnswer>((ticket) => ({ type: "sync", request, ticket }));
  }

  heartbeat(memberId: string, generation: number, instanceId: string | null = null): Came<"heard"> {
    const member = { memberId, generation, instanceId };
    return (
      this.ask<"heard">((ticket) => ({ type: "heartbeat", member, ticket })).answer ?? "nothing"
    );
  }

  leave(...members: Partial<LeavingMember>[]): Came<readonly LeaveAnswer[]> | null {
    const leaving = members.map((each) => ({
      memberId: "",
      instanceId: null,
      reason: null,
      ...each,
    }));
    return this.ask<readonly LeaveAnswer[]>((ticket) => ({
      type: "leave",
      members: leaving,
      ticket,
    })).answer;
  }

  commit(
    offsets: readonly Partial<NewOffset>[],
    member: { memberId?: string; generation?: number; instanceId?: string | null } = {},
    transaction: Transaction | null = null,
  ): Came<readonly OffsetOutcome[]> | null {
    const identity = { memberId: "", generation: -1, instanceId: null, ...member };
    const given = offsets.map((each) => ({
      topic: "t",
      topicId: null,
      partition: 0,
      offset: 0,
      leaderEpoch: -1,
      metadata: "",
      ...each,
    }));
    return this.ask<readonly OffsetOutcome[]>((ticket) =>
      transaction
        ? { type: "transactional-commit", transaction, member: identity, offsets: given, ticket }
        : {
            type: "commit",
            member: identity,
            offsets: given,
            knowsMemberEpochs: true,
            retentionMs: null,
            ticket,
          },
    ).answer;
  }

  offset(topic = "t", partition = 0): Int64 | null {
    return this.group?.offsets.committed.get(topic)?.get(partition)?.offset ?? null;
  }

  /** Members m1, m2, … in a stable group of generation 1, each with its own id as assignment. */
  static stable(count: number, config: Partial<GroupConfig> = {}): GroupWorld {
    const world = new GroupWorld(config);
    const joins = Array.from({ length: count }, () => world.join());
    world.pass(0);
    const ids = joins.map((join) => join.granted.memberId);
    for (const id of ids.toReversed()) {
      world.sync(id, 1, Object.fromEntries(ids.map((each) => [each, each])));
    }
    return world;
  }
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** A consumer's protocol with its subscription (version 0). */
export function protocol(name: string, topics: readonly string[]): ClassicProtocol {
  const names = topics.map(bytes);
  const metadata = new Uint8Array(6 + names.reduce((sum, each) => sum + 2 + each.length, 0) + 4);
  const view = new DataView(metadata.buffer);
  view.setInt32(2, names.length);
  let at = 6;
  for (const each of names) {
    view.setInt16(at, each.length);
    metadata.set(each, at + 2);
    at += 2 + each.length;
  }
  return { name, metadata };
}
