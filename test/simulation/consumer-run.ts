/**
 * One run of a consumer group under a seed: members of KIP-848, of the classic protocol and by HTTP come, go, stand still and
 * crash; the group is upgraded and downgraded by who is in it, the topic grows, the coordinator is killed; then peace.
 *
 * Held all the time: no partition belongs to two members; nobody who is in the group believes to own what the coordinator does
 * not know it to own; a commit that was kept is never undone by an older one. In peace the group becomes whole.
 */
import { Refusal } from "../../src/lib/refusal.ts";
import { defaultGroupConfig } from "../../src/coordinators/groups/group.ts";
import {
  ConsumerClient,
  KINDS,
  type Kind,
  REBALANCE_MS,
  SESSION_MS,
  TOPIC,
} from "./consumer-client.ts";
import { Violation } from "./ledger.ts";
import { held, Run } from "./run.ts";
import { somebody, type TestNode } from "./test-node.ts";

const CLIENTS = 4;
const PARTITIONS_MAX = 8;
const STEP_MS = 700;

export interface ConsumerRunResult {
  readonly trace: readonly string[];
  readonly epochs: number;
  readonly commits: number;
  readonly lives: number;
  /** How often the group was seen to be of another kind than before. */
  readonly changes: number;
}

/** Throws Violation, its message naming the seed and the last steps, when an invariant is broken. */
export function runConsumers(seed: number, steps: number): Promise<ConsumerRunResult> {
  const run = new ConsumerRun(seed);
  return held(`consumer group seed ${seed}`, run, () => run.run(steps));
}

export class ConsumerRun extends Run {
  partitions = 3;
  topicId = "";
  readonly #clients: ConsumerClient[] = [];
  readonly #kept = new Map<number, number>();
  readonly #attempted = new Map<number, number>();
  readonly #epochs = new Set<number>();
  #kind = "";
  #changes = 0;
  #names = 0;
  #commits = 0;

  constructor(seed: number) {
    const consumer = {
      ...defaultGroupConfig.consumer,
      sessionTimeoutMs: SESSION_MS,
      heartbeatIntervalMs: 2000,
    };
    super(seed, {
      groups: { initialRebalanceDelayMs: 500, sessionTimeoutMinMs: 1000, consumer },
    });
  }

  attempted(partition: number, offset: number): void {
    this.#attempted.set(partition, Math.max(offset, this.#attempted.get(partition) ?? 0));
  }

  kept(partition: number, offset: number): void {
    const before = this.#kept.get(partition) ?? 0;
    if (offset < before) {
      throw new Violation(`partition ${partition} goes back from ${before} to ${offset}`);
    }
    this.#commits += 1;
    this.#kept.set(partition, offset);
  }

  /** What the group has committed. @throws Refusal while the coordinator loads. */
  committed(): Map<number, number> {
    const fetched = this.broker.groups.fetchOffsets(somebody, "g", {
      topics: null,
      requireStable: true,
      memberId: null,
      memberEpoch: -1,
    });
    const found = new Map<number, number>();
    for (const { partition, offset } of fetched.topics[0]?.partitions ?? []) {
      const least = this.#kept.get(partition) ?? -1;
      const most = this.#attempted.get(partition) ?? -1;
      if (offset < least || offset > most) {
        throw new Violation(
          `partition ${partition} is told at ${offset}, not in ${least}..${most}`,
        );
      }
      found.set(partition, offset);
    }
    return found;
  }

  /** Looks at the group as its coordinator has it now. */
  check(): void {
    this.checkClients();
    const members = this.#members();
    if (!members) return;
    if (members.type !== this.#kind) {
      this.note(`the group is ${members.type}`);
      this.#kind = members.type;
      this.#changes += 1;
    }
    if (members.type !== "consumer") return;
    this.#epochs.add(members.epoch);
    const owners = new Map<number, string>();
    for (const { id, assigned, revoking } of members.members.values()) {
      for (const held of [assigned, revoking]) {
        for (const partition of held.get(this.topicId)?.keys() ?? []) {
          const owner = owners.get(partition);
          if (owner !== undefined) {
            throw new Violation(`partition ${partition} belongs to ${owner} and ${id}`);
          }
          owners.set(partition, id);
        }
      }
    }
    for (const { over, memberId, owned, name } of this.#clients) {
      if (over || !members.members.has(memberId)) continue;
      for (const partition of owned) {
        if (owners.get(partition) === memberId) continue;
        throw new Violation(`${name} believes to own ${partition}, which it does not`);
      }
    }
  }

  #members() {
    try {
      return this.node?.groups.driver.state("g")?.members ?? null;
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  }

  async run(steps: number): Promise<ConsumerRunResult> {
    await this.start();
    for (let at = 0; at < CLIENTS; at += 1) this.#clients.push(this.#client(at));
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      await this.clock.advance(Math.floor(this.random() * STEP_MS));
      this.check();
    }
    await this.#settle();
    return {
      trace: this.trace,
      epochs: this.#epochs.size,
      commits: this.#commits,
      lives: this.lives,
      changes: this.#changes,
    };
  }

  async #step(): Promise<void> {
    const dice = this.random();
    const client = this.#clients[Math.floor(this.random() * this.#clients.length)];
    if (dice < 0.06) client?.crash();
    else if (dice < 0.12 && client) this.watch(client.leave());
    else if (dice < 0.14) this.disk.full = !this.disk.full;
    else if (dice < 0.17) await this.restart();
    else if (dice < 0.18 && this.partitions < PARTITIONS_MAX) await this.#grow();
    this.#refill();
  }

  async #grow(): Promise<void> {
    this.partitions += 1;
    this.note(`the topic has ${this.partitions} partitions`);
    const change = { partitions: this.partitions };
    await this.until(this.broker.alterTopic(somebody, TOPIC, change));
  }

  #refill(): void {
    for (const [at, client] of this.#clients.entries()) {
      if (client.over && (this.isPeace || this.chance(0.3))) this.#clients[at] = this.#client(at);
    }
  }

  /** The first place is static; kinds come in waves, so that the group changes its own. */
  #client(at: number): ConsumerClient {
    this.#names += 1;
    const wave = Math.floor(this.#names / 6) % 3;
    const pool: readonly Kind[] =
      wave === 0 ? ["classic"] : wave === 1 ? KINDS : ["consumer", "poll"];
    const kind = pool[Math.floor(this.random() * pool.length)] ?? "consumer";
    const instanceId = at === 0 && kind !== "poll" ? "static" : null;
    const client = new ConsumerClient(this, `${kind}${this.#names}`, kind, instanceId);
    this.note(`${client.name} comes at place ${at}`);
    client.start();
    return client;
  }

  protected async prepare({ broker }: TestNode): Promise<void> {
    const { partitions } = this;
    const topic = { name: TOPIC, partitions, replicationFactor: 1, configs: {} };
    this.topicId = (await this.until(broker.createTopic(somebody, topic))).id;
  }

  async #settle(): Promise<void> {
    this.beginPeace();
    for (let waitedMs = 0; waitedMs < 120_000 + 6 * REBALANCE_MS; waitedMs += 1000) {
      this.#refill();
      await this.clock.advance(1000);
      this.check();
      if (this.#isWhole()) return;
    }
    const view = JSON.stringify(this.#members(), (_key, value: unknown) =>
      value instanceof Map ? Object.fromEntries(value) : value,
    );
    throw new Violation(`the group is stuck: ${view}`);
  }

  #isWhole(): boolean {
    const members = this.#members();
    const live = this.#clients.filter(({ over }) => !over);
    const owned = live.flatMap((client) => [...client.owned]);
    const isSettled =
      members?.type === "classic"
        ? members.state === "Stable"
        : members?.epoch === members?.targetEpoch;
    return (
      isSettled &&
      members?.members.size === live.length &&
      owned.length === this.partitions &&
      new Set(owned).size === this.partitions
    );
  }
}
