/**
 * One run of a classic group under a seed: clients that come, go and crash, a coordinator that is killed, a disk that is slow
 * or full or loses an answer; then peace, in which the group must become whole again.
 *
 * Held all the time: a partition has one owner a generation; a commit that was kept is never undone, and what is told is never
 * less than it or more than what anybody tried.
 */
import type { GroupVerbs } from "../../src/broker/group-verbs.ts";
import { GroupClient, PARTITIONS, REBALANCE_MS, STATIC_SESSION_MS, TOPIC } from "./group-client.ts";
import { Violation } from "./ledger.ts";
import { held, Run } from "./run.ts";
import { somebody, type TestNode } from "./test-node.ts";

const CLIENTS = 4;
const STEP_MS = 700;

export interface GroupRunResult {
  readonly trace: readonly string[];
  readonly generations: number;
  readonly commits: number;
  readonly lives: number;
}

/** Throws Violation, its message naming the seed and the last steps, when an invariant is broken. */
export function runGroup(seed: number, steps: number): Promise<GroupRunResult> {
  const run = new GroupRun(seed);
  return held(`group seed ${seed}`, run, () => run.run(steps));
}

export class GroupRun extends Run {
  #names = 0;
  readonly #clients: GroupClient[] = [];
  /** Who owns what, by generation and partition. */
  readonly #owners = new Map<string, GroupClient>();
  readonly #kept = new Map<number, number>();
  readonly #attempted = new Map<number, number>();
  readonly #generations = new Set<number>();
  #commits = 0;

  constructor(seed: number) {
    super(seed, {
      groups: { initialRebalanceDelayMs: 500, sessionTimeoutMinMs: 1000, offsetsCheckMs: 20_000 },
    });
  }

  get groups(): GroupVerbs {
    return this.broker.groups;
  }

  assigned(client: GroupClient, generation: number, partitions: readonly number[]): void {
    this.note(`${client.name} owns ${partitions.join(",")} in generation ${generation}`);
    this.#generations.add(generation);
    for (const partition of partitions) {
      const place = `${generation} ${partition}`;
      const owner = this.#owners.get(place);
      const same =
        owner === client ||
        (owner && owner.instanceId !== null && owner.instanceId === client.instanceId);
      if (owner && !same) {
        throw new Violation(
          `partition ${partition} of generation ${generation} belongs to ${owner.name} and ${client.name}`,
        );
      }
      this.#owners.set(place, client);
    }
  }

  attempted(partition: number, offset: number): void {
    this.#attempted.set(partition, Math.max(offset, this.#attempted.get(partition) ?? 0));
  }

  kept(partition: number, offset: number, generation: number): void {
    const before = this.#kept.get(partition) ?? 0;
    if (offset < before) {
      throw new Violation(
        `partition ${partition} goes back from ${before} to ${offset} in generation ${generation}`,
      );
    }
    this.#commits += 1;
    this.#kept.set(partition, offset);
  }

  /** What the group has committed. @throws Refusal while the coordinator loads. */
  committed(): Map<number, number> {
    const partitions = Array.from({ length: PARTITIONS }, (_, index) => index);
    const wanted = {
      topics: [{ topic: TOPIC, topicId: null, partitions }],
      requireStable: true,
      memberId: null,
      memberEpoch: -1,
    };
    const fetched = this.groups.fetchOffsets(somebody, "g", wanted);
    const found = new Map<number, number>();
    for (const { partition, offset } of fetched.topics[0]?.partitions ?? []) {
      const least = this.#kept.get(partition) ?? -1;
      const most = this.#attempted.get(partition) ?? -1;
      if (offset < least || offset > most) {
        throw new Violation(
          `partition ${partition} is told at ${offset}, kept at ${least}, tried to ${most}`,
        );
      }
      if (offset >= 0) found.set(partition, offset);
    }
    return found;
  }

  async run(steps: number): Promise<GroupRunResult> {
    await this.start();
    for (let index = 0; index < CLIENTS; index += 1) this.#come();
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      await this.clock.advance(Math.floor(this.random() * STEP_MS));
      this.checkClients();
    }
    await this.#settle();
    return {
      trace: this.trace,
      generations: this.#generations.size,
      commits: this.#commits,
      lives: this.lives,
    };
  }

  async #step(): Promise<void> {
    const dice = this.random();
    const client = this.#clients[Math.floor(this.random() * this.#clients.length)];
    if (dice < 0.06) client?.crash();
    else if (dice < 0.1 && client) this.watch(client.leave());
    else if (dice < 0.13) this.disk.full = !this.disk.full;
    else if (dice < 0.17) await this.restart();
    this.#refill();
  }

  #refill(): void {
    for (const [at, client] of this.#clients.entries()) {
      if (client.over && (this.isPeace || this.chance(0.3))) this.#clients[at] = this.#client(at);
    }
  }

  #come(): void {
    this.#clients.push(this.#client(this.#clients.length));
  }

  /** The first two places are static members. */
  #client(at: number): GroupClient {
    this.#names += 1;
    const client = new GroupClient(this, `c${this.#names}`, at < 2 ? `static-${at}` : null);
    this.note(`${client.name} comes at place ${at}`);
    client.start();
    return client;
  }

  protected async prepare({ broker }: TestNode): Promise<void> {
    const topic = { name: TOPIC, partitions: PARTITIONS, replicationFactor: 1, configs: {} };
    await this.until(broker.createTopic(somebody, topic));
  }

  /** Without faults every client is in the group before long, and every partition has its owner. */
  async #settle(): Promise<void> {
    this.beginPeace();
    for (
      let waitedMs = 0;
      waitedMs < 30_000 + 4 * (STATIC_SESSION_MS + REBALANCE_MS);
      waitedMs += 1000
    ) {
      this.#refill();
      await this.clock.advance(1000);
      this.checkClients();
      if (this.#isWhole()) break;
    }
    if (!this.#isWhole()) {
      const view = JSON.stringify(this.groups.describeClassic(somebody, "g"));
      throw new Violation(`the group is stuck: ${view}`);
    }
    await this.clock.advance(5000);
    this.checkClients();
    this.committed();
    const driver = this.node?.groups.driver;
    if (this.#isWhole() && driver && driver.waiting > 2 * CLIENTS) {
      throw new Violation(`${driver.waiting} requests are never answered`);
    }
  }

  #isWhole(): boolean {
    const generations = new Set(this.#clients.map(({ generation }) => generation));
    const owned = this.#clients.flatMap((client) => client.owned);
    const state = this.node?.groups.driver.state("g")?.members;
    return (
      generations.size === 1 &&
      new Set(owned).size === PARTITIONS &&
      owned.length === PARTITIONS &&
      state?.type === "classic" &&
      state.state === "Stable" &&
      state.members.size === CLIENTS
    );
  }
}
