/**
 * One run of a classic group under a seed: clients that come, go and crash, a coordinator that is killed, a disk that is slow
 * or full or loses an answer; then peace, in which the group must become whole again.
 *
 * Held all the time: a partition has one owner a generation; a commit that was kept is never undone, and what is told is never
 * less than it or more than what anybody tried.
 */
import type { GroupVerbs } from "../../src/broker/group-verbs.ts";
import { Refusal } from "../../src/lib/refusal.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { MemoryDisk } from "../../src/storage/memory-disk.ts";
import { MemoryMetadataDisk } from "../../src/storage/memory-metadata.ts";
import { slowStorage } from "./faulty-storage.ts";
import { GroupClient, PARTITIONS, REBALANCE_MS, STATIC_SESSION_MS, TOPIC } from "./group-client.ts";
import { Violation } from "./ledger.ts";
import { openTestNode, somebody, type TestNode } from "./test-node.ts";
import { VirtualClock } from "./virtual-clock.ts";

const CLIENTS = 4;
const STEP_MS = 700;

export interface GroupRunResult {
  readonly trace: readonly string[];
  readonly generations: number;
  readonly commits: number;
  readonly lives: number;
}

/** Throws Violation, its message naming the seed and the last steps, when an invariant is broken. */
export async function runGroup(seed: number, steps: number): Promise<GroupRunResult> {
  const run = new GroupRun(seed);
  try {
    return await run.run(steps);
  } catch (error) {
    const last = run.trace.slice(-40).join("\n  ");
    const what = error instanceof Violation ? error.message : String(error);
    throw new Violation(`group seed ${seed}: ${what}\n  ${last}`, { cause: error });
  }
}

export class GroupRun {
  readonly trace: string[] = [];
  readonly #clock = new VirtualClock();
  readonly #disk = new MemoryDisk();
  readonly #metadata = new MemoryMetadataDisk();
  readonly #seed: number;
  readonly #random;
  #node: TestNode | null = null;
  #lives = 0;
  #failure: unknown = null;
  #peace = false;
  #names = 0;
  readonly #clients: GroupClient[] = [];
  /** Who owns what, by generation and partition. */
  readonly #owners = new Map<string, GroupClient>();
  readonly #kept = new Map<number, number>();
  readonly #attempted = new Map<number, number>();
  readonly #generations = new Set<number>();
  #commits = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = seededRandom(seed);
  }

  get groups(): GroupVerbs {
    if (!this.#node) throw new Refusal("coordinator_not_available", "The node is away.");
    return this.#node.broker.groups;
  }

  get isPeace(): boolean {
    return this.#peace;
  }

  random(): number {
    return this.#random.next();
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  note(what: string): void {
    this.trace.push(`${this.#clock.nowMs() % 1e9} ${what}`);
  }

  watch(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }

  /** A request on its way there and back; what nobody answers because the node was killed times out. */
  async call<Answer>(request: () => Promise<Answer>): Promise<Answer> {
    await this.pause(Math.floor(this.random() * 20));
    const lost = !this.#peace && this.chance(0.04);
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#clock.after(30_000, () => reject(timedOut()));
      Promise.resolve().then(request).then(resolve, reject);
    });
    const settled = await answer;
    await this.pause(Math.floor(this.random() * 20));
    if (lost) throw timedOut();
    return settled;
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
    await this.#start();
    for (let index = 0; index < CLIENTS; index += 1) this.#come();
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      await this.#clock.advance(Math.floor(this.random() * STEP_MS));
      this.#check();
    }
    await this.#settle();
    return {
      trace: this.trace,
      generations: this.#generations.size,
      commits: this.#commits,
      lives: this.#lives,
    };
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
  }

  async #step(): Promise<void> {
    const dice = this.random();
    const client = this.#clients[Math.floor(this.random() * this.#clients.length)];
    if (dice < 0.06) client?.crash();
    else if (dice < 0.1 && client) this.watch(client.leave());
    else if (dice < 0.13) this.#disk.full = !this.#disk.full;
    else if (dice < 0.17) await this.#restart();
    this.#refill();
  }

  #refill(): void {
    for (const [at, client] of this.#clients.entries()) {
      if (client.over && (this.#peace || this.chance(0.3))) this.#clients[at] = this.#client(at);
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

  async #start(): Promise<void> {
    this.#lives += 1;
    const opening = openTestNode({
      disk: this.#disk,
      metadata: this.#metadata,
      clock: this.#clock,
      seed: this.#seed + this.#lives * 1_000_003,
      groups: { initialRebalanceDelayMs: 500, sessionTimeoutMinMs: 1000, offsetsCheckMs: 20_000 },
      wrap: (storage) => slowStorage(storage, this.#clock, this.#random),
    });
    this.note(`life ${this.#lives} begins`);
    const node = await this.#until(opening);
    node.groups.start();
    this.#node = node;
    if (this.#lives > 1) return;
    const topic = { name: TOPIC, partitions: PARTITIONS, replicationFactor: 1, configs: {} };
    await this.#until(node.broker.createTopic(somebody, topic));
  }

  /** The process is killed; the clients live on. */
  async #restart(): Promise<void> {
    this.note("the node is killed");
    const node = this.#node;
    this.#node = null;
    this.#disk.full = false;
    this.#disk.crash();
    node?.groups.close();
    await this.#start();
  }

  async #until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const settled = promise.finally(() => {
      done = true;
    });
    settled.catch(() => {});
    for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 10) {
      await this.#clock.advance(10);
      if (done) return settled;
    }
    throw new Violation("something takes longer than a minute");
  }

  /** Without faults every client is in the group before long, and every partition has its owner. */
  async #settle(): Promise<void> {
    this.note("peace");
    this.#peace = true;
    this.#disk.full = false;
    for (
      let waitedMs = 0;
      waitedMs < 30_000 + 4 * (STATIC_SESSION_MS + REBALANCE_MS);
      waitedMs += 1000
    ) {
      this.#refill();
      await this.#clock.advance(1000);
      this.#check();
      if (this.#isWhole()) break;
    }
    if (!this.#isWhole()) {
      const view = JSON.stringify(this.groups.describeClassic(somebody, "g"));
      throw new Violation(`the group is stuck: ${view}`);
    }
    await this.#clock.advance(5000);
    this.#check();
    this.committed();
    const driver = this.#node?.groups.driver;
    if (this.#isWhole() && driver && driver.waiting > 2 * CLIENTS) {
      throw new Violation(`${driver.waiting} requests are never answered`);
    }
  }

  #isWhole(): boolean {
    const generations = new Set(this.#clients.map(({ generation }) => generation));
    const owned = this.#clients.flatMap((client) => client.owned);
    const state = this.#node?.groups.driver.state("g")?.members;
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

function timedOut(): Refusal {
  return new Refusal("request_timed_out", "No answer came.");
}
