/**
 * One run of a classic group under a seed: clients that come, go and crash, a coordinator that is killed, a disk that is slow
 * or full or loses an answer; then peace, in which the group must become whole again.
 *
 * Held all the time: a partition has one owner a generation; a commit that was kept is never undone, and what is told is never
 * less than it or more than what anybody tried.
 */
import { GroupClient, PARTITIONS, REBALANCE_MS, STATIC_SESSION_MS } from "./group-client.ts";
import { Violation } from "./ledger.ts";
import { CLIENTS, GROUP, MembersRun } from "./members-run.ts";
import { held } from "./run.ts";
import { somebody } from "./test-node.ts";

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

export class GroupRun extends MembersRun<GroupClient> {
  override partitions = PARTITIONS;
  /** Who owns what, by generation and partition. */
  readonly #owners = new Map<string, GroupClient>();
  readonly #generations = new Set<number>();

  constructor(seed: number) {
    super(seed, {
      groups: { initialRebalanceDelayMs: 500, sessionTimeoutMinMs: 1000, offsetsCheckMs: 20_000 },
    });
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

  check(): void {
    this.checkClients();
  }

  async run(steps: number): Promise<GroupRunResult> {
    await this.live(steps);
    await this.#settle();
    const { trace, commits, lives } = this;
    return { trace, generations: this.#generations.size, commits, lives };
  }

  /** The first two places are static members. */
  protected newClient(at: number, number: number): GroupClient {
    return new GroupClient(this, `c${number}`, at < 2 ? `static-${at}` : null);
  }

  /** Without faults every client is in the group before long, and every partition has its owner. */
  async #settle(): Promise<void> {
    this.beginPeace();
    for (
      let waitedMs = 0;
      waitedMs < 30_000 + 4 * (STATIC_SESSION_MS + REBALANCE_MS);
      waitedMs += 1000
    ) {
      this.refill();
      await this.clock.advance(1000);
      this.checkClients();
      if (this.#isWhole()) break;
    }
    if (!this.#isWhole()) {
      const view = JSON.stringify(this.groups.describeClassic(somebody, GROUP));
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
    const generations = new Set(this.clients.map(({ generation }) => generation));
    const owned = this.clients.flatMap((client) => client.owned);
    const state = this.node?.groups.driver.state(GROUP)?.members;
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
