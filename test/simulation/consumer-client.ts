/**
 * A consumer of a group as clients are, of one of three kinds: KIP-848's protocol, the classic one (eager, as it is spoken to a
 * consumer group and to a classic one), and polls by HTTP. Requests take time on the way, and answers may get lost.
 */
import type { JoinAnswer } from "../../src/coordinators/classic/state.ts";
import {
  readAssignment,
  writeAssignment,
} from "../../src/coordinators/classic/consumer-protocol.ts";
import { Refusal } from "../../src/lib/refusal.ts";
import type { ConsumerRun } from "./consumer-run.ts";
import { GROUP, type PartitionOffset, passing, TOPIC } from "./members-run.ts";
import { somebody } from "./test-node.ts";

export const KINDS = ["consumer", "classic", "poll"] as const;
export type Kind = (typeof KINDS)[number];

const HEARTBEAT_MS = 2000;
export const SESSION_MS = 6000;
export const REBALANCE_MS = 9000;

const fencing: ReadonlySet<string> = new Set([
  "fenced_member_epoch",
  "stale_member_epoch",
  "unknown_member_id",
  "illegal_generation",
  "group_id_not_found",
]);

const nothingChanged = {
  makesId: true,
  rackId: null,
  rebalanceTimeoutMs: -1,
  topicNames: null,
  topicRegex: null,
  assignor: null,
  sessionTimeoutMs: null,
};

export class ConsumerClient {
  readonly name: string;
  readonly kind: Kind;
  readonly instanceId: string | null;
  over = false;
  memberId: string;
  epoch = 0;
  /** What it believes to own. */
  owned: ReadonlySet<number> = new Set();
  readonly #run: ConsumerRun;
  readonly #positions = new Map<number, number>();
  #joined = false;
  /** After a failure it says everything, and so is told everything. */
  #full = false;
  /** How many partitions it shared out when it led; 0: it did not lead. */
  #shared = 0;
  #polls = 0;

  constructor(run: ConsumerRun, name: string, kind: Kind, instanceId: string | null) {
    this.#run = run;
    this.name = name;
    this.kind = kind;
    this.instanceId = instanceId;
    this.memberId = kind === "classic" ? "" : name;
  }

  start(): void {
    this.#run.watch(this.#live());
  }

  crash(): void {
    this.over = true;
    this.#run.note(`${this.name} crashes`);
  }

  async leave(): Promise<void> {
    this.over = true;
    this.#run.note(`${this.name} leaves`);
    const { groups, polling } = this.#run.broker;
    const leaves = (): Promise<unknown> => {
      if (this.kind === "poll") return polling.leave(somebody, GROUP, this.memberId);
      if (this.kind === "classic") {
        const member = { memberId: this.memberId, instanceId: this.instanceId, reason: null };
        return groups.leave(somebody, GROUP, [member]);
      }
      const memberEpoch = this.instanceId === null ? -1 : -2;
      return groups.consumerHeartbeat(somebody, GROUP, { ...this.#says(), memberEpoch });
    };
    await this.#run.call(leaves).catch(() => {});
  }

  async #live(): Promise<void> {
    await this.#run.pause(Math.floor(this.#run.random() * 2000));
    while (!this.over) {
      try {
        if (this.#joined) await this.#work();
        else await this.#join();
      } catch (error) {
        await this.#fail(error);
      }
    }
  }

  async #fail(error: unknown): Promise<void> {
    if (!(error instanceof Refusal)) throw error;
    if (this.over) return;
    const { code } = error;
    this.#full = true;
    if (code === "member_id_required") this.memberId = String(error.facts["memberId"]);
    else if (code === "fenced_instance_id") this.over = true;
    else if (fencing.has(code) || code === "rebalance_in_progress") {
      if (code === "unknown_member_id" && this.kind === "classic") this.memberId = "";
      this.#joined = false;
      // A classic member may go on with what it has while it joins again; the others give all up.
      if (code !== "rebalance_in_progress") this.owned = new Set();
    } else if (!passing.has(code) && code !== "unreleased_instance_id") throw error;
    await this.#run.pause(200);
  }

  async #join(): Promise<void> {
    this.owned = new Set();
    if (this.kind === "classic") return this.#joinClassic();
    const { groups, polling } = this.#run.broker;
    if (this.kind === "poll") {
      const terms = {
        topicRegex: null,
        instanceId: null,
        incarnation: null,
        assignor: null,
        reset: "earliest",
      } as const;
      const join = {
        ...terms,
        topicNames: [TOPIC],
        sessionMs: SESSION_MS,
        rebalanceMs: REBALANCE_MS,
      };
      const answer = await this.#run.call(() => polling.join(somebody, GROUP, this.memberId, join));
      this.epoch = answer.memberEpoch;
      this.#take(new Set(answer.assignment[0]?.partitions));
    } else {
      const says = {
        ...this.#says(),
        memberEpoch: 0,
        rebalanceTimeoutMs: REBALANCE_MS,
        topicNames: [TOPIC],
        owned: new Map<string, Set<number>>(),
      };
      const answer = await this.#run.call(() => groups.consumerHeartbeat(somebody, GROUP, says));
      this.epoch = answer.memberEpoch;
      this.#take(new Set(answer.assignment?.get(this.#run.topicId)?.keys()));
    }
    this.#joined = true;
  }

  async #joinClassic(): Promise<void> {
    const { groups } = this.#run.broker;
    const join = {
      group: GROUP,
      memberId: this.memberId,
      instanceId: this.instanceId,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: eagerSubscription }],
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      memberIdRequired: this.instanceId === null,
      canSkipAssignment: true,
    };
    const joined = await this.#run.call(() => groups.join(somebody, join));
    if (this.over) return;
    this.memberId = joined.memberId;
    const leads = joined.leader === joined.memberId && !joined.skipAssignment;
    this.#shared = leads ? this.#run.partitions : 0;
    const request = {
      memberId: joined.memberId,
      generation: joined.generation,
      instanceId: this.instanceId,
      protocolType: "consumer",
      protocol: joined.protocol,
      assignments: leads ? this.#assign(joined.members) : new Map<string, Uint8Array>(),
    };
    const answer = await this.#run.call(() => this.#run.groups.sync(somebody, GROUP, request));
    if (this.over) return;
    this.epoch = joined.generation;
    this.#joined = true;
    this.#take(new Set(readAssignment(answer.assignment)?.assigned[0]?.partitions));
  }

  #assign(members: JoinAnswer["members"]): Map<string, Uint8Array> {
    const ids = members.map(({ memberId }) => memberId).toSorted();
    const all = Array.from({ length: this.#run.partitions }, (_, at) => at);
    return new Map(
      ids.map((id, at) => {
        const partitions = all.filter((partition) => partition % ids.length === at);
        return [id, writeAssignment([{ topic: TOPIC, partitions }], 1)];
      }),
    );
  }

  async #work(): Promise<void> {
    const stalls = !this.#run.isPeace && this.#run.chance(0.03);
    await this.#run.pause(stalls ? 15_000 : HEARTBEAT_MS);
    if (this.over) return;
    if (this.kind === "poll") return this.#poll();
    const { memberId, instanceId, epoch: generation } = this;
    const member = { memberId, instanceId, generation };
    if (this.owned.size > 0 && this.#run.chance(0.7)) await this.#run.commit(member, this.#read());
    // A leader watches the topics that it shares out.
    if (this.#shared > 0 && this.#shared !== this.#run.partitions) return this.#join();
    if (this.kind === "classic") {
      return this.#run.call(() => this.#run.groups.heartbeat(somebody, GROUP, member));
    }
    const owned = new Map([[this.#run.topicId, this.owned]]);
    const isFull = this.#full;
    this.#full = false;
    const says = {
      ...this.#says(),
      ...(isFull && { rebalanceTimeoutMs: REBALANCE_MS, topicNames: [TOPIC] }),
      memberEpoch: this.epoch,
      owned: isFull || this.#run.chance(0.8) ? owned : null,
    };
    const answer = await this.#run.call(() =>
      this.#run.groups.consumerHeartbeat(somebody, GROUP, says),
    );
    if (this.over) return;
    this.epoch = answer.memberEpoch;
    if (answer.assignment) this.#take(new Set(answer.assignment.get(this.#run.topicId)?.keys()));
  }

  /** What it had of a poll it is done with when it polls again. */
  async #poll(): Promise<void> {
    const offsets = this.#read();
    const polling = this.owned;
    this.owned = new Set();
    this.#polls += 1;
    const request = {
      memberEpoch: this.epoch,
      incarnation: null,
      pollId: `${this.name} ${this.#polls}`,
      commit: offsets.map((each) => ({ ...each, topic: TOPIC })),
      bytesMin: 1,
      bytesMax: 1000,
      waitMs: 500,
      isolation: "read_committed",
      signal: new AbortController().signal,
    } as const;
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await this.#run.call(async () => {
          const polled = await this.#run.broker.polling.poll(
            somebody,
            GROUP,
            this.memberId,
            request,
            async () => ({
              given: [],
              value: 0,
            }),
          );
          // A poll that is asked again commits no more than once.
          if (tries === 0) for (const each of offsets) this.#run.kept(each);
          return polled;
        });
        if (this.over) return;
        this.epoch = answer.memberEpoch;
        return this.#take(answer.assignment ? new Set(answer.assignment[0]?.partitions) : polling);
      } catch (error) {
        if (!(error instanceof Refusal) || !passing.has(error.code) || this.over) throw error;
        await this.#run.pause(200);
      }
    }
  }

  #take(assigned: ReadonlySet<number>): void {
    for (const partition of assigned) {
      if (!this.owned.has(partition)) this.#positions.delete(partition);
    }
    this.owned = assigned;
    this.#run.note(`${this.name} owns ${[...assigned].join(",")} in epoch ${this.epoch}`);
    this.#run.check();
  }

  /** What was read goes on from what was committed. */
  #read(): PartitionOffset[] {
    const committed = this.#run.committed();
    return [...this.owned].map((partition) => {
      const from = this.#positions.get(partition) ?? committed.get(partition) ?? 0;
      const offset = from + 1 + Math.floor(this.#run.random() * 5);
      this.#positions.set(partition, offset);
      this.#run.attempted({ partition, offset });
      return { partition, offset };
    });
  }

  #says() {
    const { memberId, instanceId } = this;
    return { ...nothingChanged, memberId, instanceId, owned: null };
  }
}

/** ConsumerProtocolSubscription 0: the topic, and nothing owned. */
const eagerSubscription = Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 1, 116, 0, 0, 0, 0);
