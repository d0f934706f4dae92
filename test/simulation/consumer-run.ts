/**
 * One run of a consumer group under a seed: members of KIP-848, of the classic protocol and by HTTP come, go, stand still and
 * crash; the group is upgraded and downgraded by who is in it, the topic grows, the coordinator is killed; then peace.
 *
 * Held all the time: no partition belongs to two members; nobody who is in the group believes to own what the coordinator does
 * not know it to own; a commit that was kept is never undone by an older one. In peace the group becomes whole.
 */
import { Refusal } from "../../src/lib/refusal.ts";
import { defaultGroupConfig } from "../../src/coordinators/groups/group.ts";
import { ConsumerClient, KINDS, type Kind, REBALANCE_MS, SESSION_MS } from "./consumer-client.ts";
import { Violation } from "./ledger.ts";
import { GROUP, MembersRun, TOPIC } from "./members-run.ts";
import { held } from "./run.ts";
import { somebody } from "./test-node.ts";

const PARTITIONS_MAX = 8;

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

export class ConsumerRun extends MembersRun<ConsumerClient> {
  override partitions = 3;
  readonly #epochs = new Set<number>();
  #kind = "";
  #changes = 0;

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
    for (const { over, memberId, owned, name } of this.clients) {
      if (over || !members.members.has(memberId)) continue;
      for (const partition of owned) {
        if (owners.get(partition) === memberId) continue;
        throw new Violation(`${name} believes to own ${partition}, which it does not`);
      }
    }
  }

  #members() {
    try {
      return this.node?.groups.driver.state(GROUP)?.members ?? null;
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  }

  async run(steps: number): Promise<ConsumerRunResult> {
    await this.live(steps);
    await this.#settle();
    const { trace, commits, lives } = this;
    return { trace, epochs: this.#epochs.size, commits, lives, changes: this.#changes };
  }

  protected override async step(dice: number): Promise<void> {
    await super.step(dice);
    if (dice > 0.99 && this.partitions < PARTITIONS_MAX) await this.#grow();
  }

  async #grow(): Promise<void> {
    this.partitions += 1;
    this.note(`the topic has ${this.partitions} partitions`);
    const change = { partitions: this.partitions };
    await this.until(this.broker.alterTopic(somebody, TOPIC, change));
  }

  /** The first place is static; kinds come in waves, so that the group changes its own. */
  protected newClient(at: number, number: number): ConsumerClient {
    const wave = Math.floor(number / 6) % 3;
    const pool: readonly Kind[] =
      wave === 0 ? ["classic"] : wave === 1 ? KINDS : ["consumer", "poll"];
    const kind = pool[Math.floor(this.random() * pool.length)] ?? "consumer";
    const instanceId = at === 0 && kind !== "poll" ? "static" : null;
    return new ConsumerClient(this, `${kind}${number}`, kind, instanceId);
  }

  async #settle(): Promise<void> {
    this.beginPeace();
    for (let waitedMs = 0; waitedMs < 120_000 + 6 * REBALANCE_MS; waitedMs += 1000) {
      this.refill();
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
    const live = this.clients.filter(({ over }) => !over);
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
