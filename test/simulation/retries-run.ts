/**
 * One run of producers that only try again, under a seed: requests that arrive long after their client has left, a disk that
 * is slow for longer than any request waits, is full, loses answers, a node that is killed, producers that crash and come back.
 *
 * Held all the time: nobody is told anything that Kafka's client would not try again. Held in the end: what was committed is
 * there once and whole, what was aborted is not, offsets agree, and no partition is held up by an open transaction.
 */
import type { TransactionVerbs } from "../../src/broker/transactions/verbs.ts";
import { committedOf } from "./committed-reads.ts";
import { Violation } from "./ledger.ts";
import { RetryingProducer } from "./retrying-producer.ts";
import { held, Run } from "./run.ts";
import { somebody, type TestNode } from "./test-node.ts";

export const TOPIC = "out";
export const INPUT = "in";
export const PARTITIONS = 3;
const PRODUCERS = 4;
const STEP_MS = 600;
const PEACE_MS = 240_000;
const SLOW_MS_MAX = 3_000;

export interface RetriesRunResult {
  readonly trace: readonly string[];
  readonly ended: number;
  readonly lives: number;
}

/** Throws Violation, its message naming the seed and the last steps, when an invariant is broken. */
export function runRetries(seed: number, steps: number): Promise<RetriesRunResult> {
  const run = new RetriesRun(seed);
  return held(`retries seed ${seed}`, run, () => run.run(steps));
}

interface Outcome {
  readonly written: readonly string[];
  readonly commit: boolean;
  readonly offset: { readonly group: string; readonly offset: number } | null;
  isKnown: boolean;
}

export class RetriesRun extends Run {
  readonly #producers = new Map<string, RetryingProducer>();
  readonly #outcomes = new Map<string, Outcome>();
  /** By group: what its offset may be, the newest that is certain first. */
  readonly #offsets = new Map<string, number[]>();
  readonly #left = new Set<string>();
  readonly #whenKilled: (() => void)[] = [];
  #ended = 0;

  constructor(seed: number) {
    super(seed, {
      slowMsMax: SLOW_MS_MAX,
      limits: { producersBehindBytes: 250, producersBehindBytesPerNode: 900, abortedCached: 2 },
    });
  }

  get transactions(): TransactionVerbs {
    return this.broker.transactions;
  }

  later(waitMs: number, fire: () => void): void {
    this.clock.after(waitMs, fire);
  }

  /** Called once, when the node that lives now is killed. */
  whenKilled(tell: () => void): void {
    this.#whenKilled.push(tell);
  }

  /** The end is asked for: from here on it may have come. */
  ends(value: string, written: string[], commit: boolean, offset: Outcome["offset"]): void {
    this.#outcomes.set(value, { written, commit, offset, isKnown: false });
    if (offset && commit)
      this.#offsets.set(offset.group, [...this.#offsetsOf(offset.group), offset.offset]);
  }

  ended(value: string, commit: boolean): void {
    this.#ended += 1;
    this.note(`${value} ${commit ? "is committed" : "is aborted"}`);
    const outcome = this.#outcomes.get(value);
    if (!outcome) throw new Violation(`${value} ended and never began`);
    outcome.isKnown = true;
    if (outcome.offset && commit) this.#offsets.set(outcome.offset.group, [outcome.offset.offset]);
  }

  left(name: string): void {
    this.#left.add(name);
  }

  async run(steps: number): Promise<RetriesRunResult> {
    await this.start();
    for (let at = 0; at < PRODUCERS; at += 1) {
      // One of them speaks version 1.
      const producer = new RetryingProducer(this, `p${at}`, at > 0);
      this.#producers.set(producer.name, producer);
      producer.start();
    }
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      await this.clock.advance(Math.floor(this.random() * STEP_MS));
      this.checkClients();
    }
    await this.#settle();
    const { trace, lives } = this;
    return { trace, ended: this.#ended, lives };
  }

  async #step(): Promise<void> {
    const dice = this.random();
    if (dice < 0.03) await this.restart();
    else if (dice < 0.05) this.disk.full = !this.disk.full;
    else if (dice < 0.08) this.#crash(`p${Math.floor(this.random() * PRODUCERS)}`);
  }

  #crash(name: string): void {
    const before = this.#producers.get(name);
    if (!before?.hasBegun) return;
    this.note(`${name} crashes and comes back`);
    const next = before.crash();
    this.#producers.set(name, next);
    next.start();
  }

  protected override async restart(): Promise<void> {
    for (const tell of this.#whenKilled.splice(0)) tell();
    await super.restart();
  }

  protected async prepare({ broker }: TestNode): Promise<void> {
    for (const [name, partitions] of [
      [TOPIC, PARTITIONS],
      [INPUT, 1],
    ] as const) {
      const topic = { name, partitions, replicationFactor: 1, configs: {} };
      await this.until(broker.createTopic(somebody, topic));
    }
  }

  /** No more faults: everybody ends what is open and leaves. */
  async #settle(): Promise<void> {
    this.beginPeace();
    for (const producer of this.#producers.values()) producer.over = true;
    for (let waitedMs = 0; waitedMs < PEACE_MS; waitedMs += 1_000) {
      await this.clock.advance(1_000);
      this.checkClients();
      if (this.#left.size === PRODUCERS) break;
    }
    if (this.#left.size < PRODUCERS) throw new Violation("somebody asks for ever");
    await this.clock.advance(60_000);
    this.#checkOffsets();
    await this.#checkRecords();
  }

  async #checkRecords(): Promise<void> {
    const seen = new Map<string, number>();
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const found = await this.until(committedOf(this.broker, TOPIC, partition, 0));
      for (const [, value] of found) {
        const name = `${partition} ${value}`;
        seen.set(name, (seen.get(name) ?? 0) + 1);
      }
    }
    for (const [value, { written, commit, isKnown }] of this.#outcomes) {
      const counts = new Set(written.map((name) => seen.get(name) ?? 0));
      for (const name of written) seen.delete(name);
      const wanted = isKnown ? [commit ? 1 : 0] : commit ? [0, 1] : [0];
      const isRight = counts.size <= 1 && [...counts].every((count) => wanted.includes(count));
      if (!isRight) throw new Violation(`${value} is there ${[...counts].join(" and ")} times`);
    }
    const [stray] = seen.keys();
    if (stray !== undefined) throw new Violation(`${stray} was never committed`);
    for (const log of this.node?.logs.all() ?? []) {
      if (log.lastStable === log.highWatermark) continue;
      throw new Violation(`a partition is held up at ${log.lastStable} of ${log.highWatermark}`);
    }
  }

  #checkOffsets(): void {
    for (const { group } of this.#producers.values()) {
      const fetched = this.broker.groups.fetchOffsets(somebody, group, {
        topics: [{ topic: INPUT, topicId: null, partitions: [0] }],
        requireStable: true,
        memberId: null,
        memberEpoch: -1,
      });
      const found = fetched.topics[0]?.partitions[0]?.offset ?? -1;
      if (this.#offsetsOf(group).includes(found)) continue;
      throw new Violation(`${group} is at ${found}, not at ${this.#offsetsOf(group).join(" or ")}`);
    }
  }

  #offsetsOf(group: string): number[] {
    return this.#offsets.get(group) ?? [-1];
  }
}
