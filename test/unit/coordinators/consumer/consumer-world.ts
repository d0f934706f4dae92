/**
 * A consumer group under test: steps it with a clock of its own, and holds after every step that a replay of its records,
 * whole and compacted, gives the same state.
 */
import { expect } from "bun:test";
import { Image } from "../../../../src/cluster/image.ts";
import { stepClassicGroup } from "../../../../src/coordinators/classic/group.ts";
import type {
  ClassicGroup,
  ClassicInput,
  JoinAnswer,
  JoinRequest,
  LeaveAnswer,
  SyncAnswer,
} from "../../../../src/coordinators/classic/state.ts";
import {
  type ConsumerInput,
  type ConsumerStep,
  replayConsumerEvent,
  resumeConsumerGroup,
  stepClassicInput,
  stepConsumerInput,
} from "../../../../src/coordinators/consumer/group.ts";
import { consumerEvent } from "../../../../src/coordinators/consumer/records.ts";
import type {
  ConsumerHeartbeat,
  ConsumerHeartbeatAnswer,
} from "../../../../src/coordinators/consumer/request.ts";
import type { ConsumerGroup } from "../../../../src/coordinators/consumer/state.ts";
import {
  defaultGroupConfig,
  type GroupConfig,
  type GroupEnv,
} from "../../../../src/coordinators/groups/group.ts";
import type { CoordinatorRecord, Ticket } from "../../../../src/coordinators/step.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";

/** Topic name to partitions, as a test writes them. */
export type Owned = Readonly<Record<string, readonly number[]>>;

export type Says = Partial<Omit<ConsumerHeartbeat, "owned">> & { readonly owned?: Owned | null };

export interface Heard {
  readonly epoch: number;
  /** Null: nothing was said of it. */
  readonly assigned: Owned | null;
}

interface SetTimer {
  readonly dueMs: number;
  readonly input: ConsumerInput | ClassicInput;
}

export class ConsumerWorld {
  readonly image = new Image();
  readonly records: CoordinatorRecord[] = [];
  readonly timers = new Map<string, SetTimer>();
  group: ConsumerGroup | ClassicGroup | null = null;
  config: GroupConfig = {
    ...defaultGroupConfig,
    consumer: { ...defaultGroupConfig.consumer, assignmentIntervalMs: 0 },
  };
  nowMs = 1_000_000;
  effects: ConsumerStep["effects"] = [];
  #tickets = 0;

  constructor(topics: Readonly<Record<string, number>> = {}) {
    for (const [name, partitions] of Object.entries(topics)) this.addTopic(name, partitions);
  }

  get env(): GroupEnv {
    return { nowMs: this.nowMs, config: this.config, image: this.image };
  }

  /** The group, which must be a consumer group. */
  get consumer(): ConsumerGroup {
    if (this.group?.type !== "consumer") throw new Error("the group is not a consumer group");
    return this.group;
  }

  addTopic(name: string, partitions: number): void {
    const { image } = this;
    image.apply(image.index + 1, { type: "topic", version: 0, name, id: idOf(name) });
    for (let index = 0; index < partitions; index += 1) this.addPartition(name, index);
  }

  addPartition(name: string, index: number): void {
    const leadership = { replicas: [1], inSyncReplicas: [1], leader: 1, leaderEpoch: 0 };
    this.image.apply(this.image.index + 1, {
      type: "partition",
      version: 0,
      topicId: idOf(name),
      index,
      ...leadership,
      partitionEpoch: 0,
    });
  }

  removeTopic(name: string): void {
    this.image.apply(this.image.index + 1, { type: "remove-topic", version: 0, id: idOf(name) });
  }

  /** A heartbeat of the consumer protocol. @throws Refusal */
  says(memberId: string, says: Says): Heard {
    const { owned, ...rest } = says;
    const request: ConsumerHeartbeat = {
      memberId,
      newMemberId: `made-${this.#tickets}`,
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      topicNames: null,
      topicRegex: null,
      assignor: null,
      clientId: "client",
      clientHost: "/127.0.0.1",
      sessionTimeoutMs: null,
      ...rest,
      owned: owned ? byId(owned) : null,
    };
    const answer = this.#ask<ConsumerHeartbeatAnswer>((ticket) => {
      this.#take(
        stepConsumerInput(
          "g",
          this.group,
          { type: "consumer-heartbeat", request, ticket },
          this.env,
        ),
      );
    });
    const { assignment } = answer;
    return {
      epoch: answer.memberEpoch,
      assigned: assignment && this.#named(assignment),
    };
  }

  joins(memberId: string, topicNames: readonly string[] | null, says: Says = {}): Heard {
    return this.says(memberId, { rebalanceTimeoutMs: 60_000, topicNames, owned: {}, ...says });
  }

  joinsClassic(memberId: string, request: Partial<JoinRequest>): JoinAnswer {
    return this.#ask((ticket) =>
      this.post({
        type: "join",
        ticket,
        request: {
          memberId,
          newMemberId: `made-${this.#tickets}`,
          instanceId: null,
          clientId: "client",
          clientHost: "/127.0.0.1",
          protocolType: "consumer",
          protocols: [],
          rebalanceTimeoutMs: 60_000,
          sessionTimeoutMs: 10_000,
          memberIdRequired: true,
          canSkipAssignment: true,
          ...request,
        },
      }),
    );
  }

  /** A JoinGroup whose answer may come later, with the id that it gets. */
  hears(request: Partial<JoinRequest>, newMemberId: string): void {
    tolerant(() => this.joinsClassic(request.memberId ?? "", { ...request, newMemberId }));
  }

  /** The leader's SyncGroup. */
  syncsWith(
    memberId: string,
    generation: number,
    assignments: ReadonlyMap<string, Uint8Array>,
  ): void {
    const names = { protocolType: "consumer", protocol: "range", instanceId: null };
    const request = { memberId, generation, assignments, ...names };
    tolerant(() => this.#ask<SyncAnswer>((ticket) => this.post({ type: "sync", request, ticket })));
  }

  syncs(memberId: string, generation: number, instanceId: string | null = null): SyncAnswer {
    const request = {
      memberId,
      generation,
      instanceId,
      protocolType: "consumer",
      protocol: "range",
      assignments: new Map(),
    };
    return this.#ask((ticket) => this.post({ type: "sync", request, ticket }));
  }

  beats(memberId: string, generation: number): "heard" {
    const member = { memberId, generation, instanceId: null };
    return this.#ask((ticket) => this.post({ type: "heartbeat", member, ticket }));
  }

  leaves(memberId: string, instanceId: string | null = null): readonly LeaveAnswer[] {
    const members = [{ memberId, instanceId, reason: null }];
    return this.#ask((ticket) => this.post({ type: "leave", members, ticket }));
  }

  /** Steps any input, as the driver would. */
  post(input: ConsumerInput | ClassicInput): void {
    if (isConsumerInput(input)) this.#take(stepConsumerInput("g", this.group, input, this.env));
    else if (this.group?.type === "consumer")
      this.#take(stepClassicInput(this.group, input, this.env));
    else this.#take({ ...stepClassicGroup("g", this.group, input, this.env), effects: [] });
  }

  /** Lets time pass: timers that are due are stepped, in order. */
  passes(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.timers]
        .filter(([, { dueMs }]) => dueMs <= endMs)
        .toSorted(([, left], [, right]) => left.dueMs - right.dueMs);
      if (!next) break;
      const [name, { dueMs, input }] = next;
      this.timers.delete(name);
      this.nowMs = dueMs;
      this.post(input);
    }
    this.nowMs = endMs;
  }

  /** Loses everything that is not a record. */
  restarts(): void {
    this.timers.clear();
    this.group = replay(this.records);
    if (this.group) this.#take(resumeConsumerGroup(this.group, this.env));
  }

  /** Answers the last effect as the outside does. */
  resolves(matched: Readonly<Record<string, readonly string[]>>): void {
    this.effects = [];
    this.post({
      type: "regexes-resolved",
      matched: new Map(Object.entries(matched)),
      version: this.image.topicsIndex,
    });
  }

  #ask<Answer>(ask: (ticket: Ticket<Answer>) => void): Answer {
    let answer: Answer | Refusal | null = null;
    ask({ number: (this.#tickets += 1), settle: (given) => (answer = given) });
    if (answer === null) throw new Error("nothing was answered");
    if ((answer as unknown) instanceof Refusal) throw answer;
    return answer;
  }

  #take(step: ConsumerStep): void {
    this.group = step.next;
    this.records.push(...step.records);
    if (step.effects.length > 0) this.effects = step.effects;
    for (const change of step.timers) {
      if (change.afterMs === null) this.timers.delete(change.name);
      else
        this.timers.set(change.name, { dueMs: this.nowMs + change.afterMs, input: change.input });
    }
    for (const reply of step.replies) reply.deliver();
    if (this.group?.type !== "consumer") return;
    const { soft: _soft, ...kept } = this.group;
    for (const records of [this.records, compacted(this.records)]) {
      const { soft: _none, ...read } = replay(records) ?? { soft: null };
      expect(read).toEqual(kept);
    }
  }

  #named(assignment: ReadonlyMap<string, ReadonlyMap<number, number>>): Owned {
    return Object.fromEntries(
      [...assignment]
        .map(
          ([id, list]) =>
            [
              this.image.topicById(id)?.name ?? id,
              [...list.keys()].toSorted((left, right) => left - right),
            ] as const,
        )
        .toSorted(([left], [right]) => (left < right ? -1 : 1)),
    );
  }
}

function replay(records: readonly CoordinatorRecord[]): ConsumerGroup | null {
  let group: ConsumerGroup | null = null;
  for (const record of records) {
    const read = consumerEvent(record);
    if (read) group = replayConsumerEvent(read.groupId, group, read.event);
  }
  return group;
}

/** The last record of each key, in the order of the log; tombstones are gone. */
function compacted(records: readonly CoordinatorRecord[]): CoordinatorRecord[] {
  const last = new Map(records.map((record, at) => [Buffer.from(record.key).toString("hex"), at]));
  const kept = new Set(last.values());
  return records.filter((record, at) => kept.has(at) && record.value !== null);
}

function isConsumerInput(input: ConsumerInput | ClassicInput): input is ConsumerInput {
  return input.type.startsWith("consumer-") || input.type === "regexes-resolved";
}

/** Whoever waits may be answered later. */
function tolerant(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof Error && error.message === "nothing was answered")) throw error;
  }
}

/** A topic id made of its name: 22 characters. */
export function idOf(name: string): string {
  return name.padEnd(21, "_").slice(0, 21) + "A";
}

function byId(owned: Owned): Map<string, Set<number>> {
  return new Map(Object.entries(owned).map(([name, list]) => [idOf(name), new Set(list)]));
}

/** What was refused, by name. */
export function refused(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  throw new Error("nothing was refused");
}
