/**
 * One run of transactions under a seed: movers that consume, transform and produce, exactly once, while the node is killed, the
 * disk is slow or loses answers, movers fall asleep and others take over; then peace, in which all must be done.
 *
 * Held all the time: who reads committed records sees no value that nobody tried to commit, none twice, and never another at
 * the same place; an identity that was taken over commits nothing any more. Held in the end: every input is in the output
 * once, offsets and outputs agree, one-shot transactions are whole, and no partition is held up by an open transaction.
 */
import type { TransactionVerbs } from "../../src/broker/transactions/verbs.ts";
import type { ProducerIdentity } from "../../src/coordinators/transactions/state.ts";
import { Refusal } from "../../src/lib/refusal.ts";
import { committedOf } from "./committed-reads.ts";
import { Violation } from "./ledger.ts";
import { held, Run } from "./run.ts";
import { somebody, type TestNode } from "./test-node.ts";
import { isOrdinary, Mover, PairWriter } from "./transaction-worker.ts";

export const INPUT = "in";
export const OUTPUT = "out";
export const PAIRS = ["left", "right"] as const;
export const INPUTS = 2;
export const OUTPUTS = 2;
export const GROUP = "movers";
const INPUT_RECORDS = 30;
const MOVERS = 3;
const STEP_MS = 600;
const PEACE_MS = 240_000;

export interface TransactionRunResult {
  readonly trace: readonly string[];
  readonly commits: number;
  readonly fenced: number;
  readonly lives: number;
}

/** Throws Violation, its message naming the seed and the last steps, when an invariant is broken. */
export function runTransactions(seed: number, steps: number): Promise<TransactionRunResult> {
  const run = new TransactionRun(seed);
  return held(`transaction seed ${seed}`, run, () => run.run(steps));
}

export class TransactionRun extends Run {
  /** Values that one-shot transactions were told to have written. */
  readonly pairs: string[] = [];
  #names = 0;
  #commits = 0;
  #fenced = 0;
  #asked = 0;
  readonly #movers: Mover[] = [];
  readonly #attempted = new Set<string>();
  readonly #committed = new Set<string>();
  /** What was seen, by place. */
  readonly #seen = new Map<string, string>();
  readonly #places = new Map<string, string>();
  /** By transactional id: the identity that took it over last, and when. */
  readonly #owners = new Map<string, { identity: ProducerIdentity; at: number }>();

  constructor(seed: number) {
    super(seed, {
      limits: { producersBehindBytes: 250, producersBehindBytesPerNode: 900, abortedCached: 2 },
    });
  }

  get transactions(): TransactionVerbs {
    return this.broker.transactions;
  }

  /** Nothing happens by chance in peace. */
  override chance(share: number): boolean {
    return !this.isPeace && super.chance(share);
  }

  /** A moment in the order in which things are asked and answered. */
  asks(): number {
    this.#asked += 1;
    return this.#asked;
  }

  began(transactionalId: string, identity: ProducerIdentity, asked: number): void {
    const before = this.#owners.get(transactionalId);
    const older =
      before &&
      before.at < asked &&
      before.identity.producerId === identity.producerId &&
      before.identity.producerEpoch >= identity.producerEpoch;
    if (older) throw new Violation(`${transactionalId} was given an epoch twice`);
    this.#owners.set(transactionalId, { identity, at: this.asks() });
    this.#fenced += before ? 1 : 0;
  }

  /** An end that was asked for after somebody else took over must not have worked. */
  ended(transactionalId: string, of: ProducerIdentity, asked: number, commit: boolean): void {
    const owner = this.#owners.get(transactionalId);
    const stale =
      owner &&
      owner.at < asked &&
      owner.identity.producerId === of.producerId &&
      owner.identity.producerEpoch > of.producerEpoch;
    if (stale) throw new Violation(`${transactionalId} was ended by one that had been fenced`);
    this.note(`${transactionalId} ${commit ? "commits" : "aborts"} at ${of.producerEpoch}`);
  }

  mayCommit(values: readonly string[]): void {
    for (const value of values) this.#attempted.add(value);
  }

  committed(values: readonly string[]): void {
    this.#commits += 1;
    for (const value of values) this.#committed.add(value);
  }

  /** The stable offset of one input partition, -1 before any. @throws Refusal while a transaction may change it. */
  committedOffset(partition: number): number {
    const fetched = this.broker.groups.fetchOffsets(somebody, GROUP, {
      topics: [{ topic: INPUT, topicId: null, partitions: [partition] }],
      requireStable: true,
      memberId: null,
      memberEpoch: -1,
    });
    const found = fetched.topics[0]?.partitions[0];
    if (found?.refusal) throw new Refusal("unstable_offset_commit", "not yet");
    return found?.offset ?? -1;
  }

  async inputs(partition: number, from: number, count: number): Promise<string[]> {
    const found = await this.call(() => committedOf(this.broker, INPUT, partition, from));
    return found.slice(0, count).map(([, value]) => value);
  }

  async run(steps: number): Promise<TransactionRunResult> {
    await this.start();
    const writer = new PairWriter(this);
    writer.start();
    for (let index = 0; index < MOVERS; index += 1) this.#mover(index % INPUTS);
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      await this.clock.advance(Math.floor(this.random() * STEP_MS));
      if (step % 10 === 0) await this.until(this.#look());
      this.checkClients();
    }
    await this.#settle(writer);
    const { trace } = this;
    return { trace, commits: this.#commits, fenced: this.#fenced, lives: this.lives };
  }

  async #step(): Promise<void> {
    const dice = this.random();
    const at = Math.floor(this.random() * this.#movers.length);
    const mover = this.#movers[at];
    if (dice < 0.06 && mover) {
      mover.over = true;
      this.note(`${mover.name} crashes`);
      this.#movers.splice(at, 1);
      this.#mover(mover.partition);
    } else if (dice < 0.1) await this.restart();
    else if (dice < 0.12) this.disk.full = !this.disk.full;
  }

  #mover(partition: number): void {
    this.#names += 1;
    const mover = new Mover(this, `m${this.#names}`, partition);
    this.#movers.push(mover);
    this.note(`${mover.name} comes for partition ${partition}`);
    mover.start();
  }

  protected async prepare({ broker }: TestNode): Promise<void> {
    for (const [name, partitions] of [
      [INPUT, INPUTS],
      [OUTPUT, OUTPUTS],
      [PAIRS[0], 1],
      [PAIRS[1], 1],
    ] as const) {
      const topic = { name, partitions, replicationFactor: 1, configs: {} };
      await this.until(broker.createTopic(somebody, topic));
    }
    for (let partition = 0; partition < INPUTS; partition += 1) await this.#fill(partition);
  }

  async #fill(partition: number): Promise<void> {
    const encoder = new TextEncoder();
    const records = Array.from({ length: INPUT_RECORDS }, (_, at) => ({
      key: null,
      value: encoder.encode(`${partition}/${at}${"x".repeat(at % 3)}`),
      headers: [],
      timestampMs: 1,
    }));
    for (;;) {
      const ends = await this.until(committedOf(this.broker, INPUT, partition, 0));
      if (ends.length > 0) return;
      const payload = { type: "records", records } as const;
      const append = this.broker.append(somebody, { topic: INPUT, partition, acks: -1, payload });
      await this.until(append).catch((error: unknown) => {
        if (!isOrdinary(error)) throw error;
      });
    }
  }

  /** What can be seen now must be what was seen before, and more. */
  async #look(): Promise<void> {
    const places = [
      ...Array.from({ length: OUTPUTS }, (_, index) => [OUTPUT, index] as const),
      ...PAIRS.map((topic) => [topic, 0] as const),
    ];
    for (const [topic, partition] of places) {
      let found: [number, string][];
      try {
        found = await committedOf(this.broker, topic, partition, 0);
      } catch (error) {
        if (isOrdinary(error)) return;
        throw error;
      }
      for (const [offset, value] of found)
        this.#see(`${topic}/${partition}@${offset}`, topic, value);
    }
  }

  #see(place: string, topic: string, value: string): void {
    const before = this.#seen.get(place);
    if (before !== undefined && before !== value) {
      throw new Violation(`${place} was ${before} and is ${value}`);
    }
    this.#seen.set(place, value);
    if (!this.#attempted.has(value))
      throw new Violation(`${value} at ${place} was never committed`);
    const name = `${topic === OUTPUT ? OUTPUT : topic} ${value}`;
    const other = this.#places.get(name);
    if (other !== undefined && other !== place) {
      throw new Violation(`${value} is at ${other} and at ${place}`);
    }
    this.#places.set(name, place);
  }

  /** No more faults: what is left is moved, and nothing stays open. */
  async #settle(writer: PairWriter): Promise<void> {
    this.beginPeace();
    writer.over = true;
    for (let waitedMs = 0; waitedMs < PEACE_MS; waitedMs += 1_000) {
      await this.clock.advance(1_000);
      this.checkClients();
      if (this.#isDone()) break;
    }
    if (!this.#isDone()) throw new Violation("not everything was moved in peace");
    for (const mover of this.#movers) mover.over = true;
    await this.clock.advance(60_000);
    this.checkClients();
    await this.until(this.#look());
    this.#whole();
  }

  #isDone(): boolean {
    try {
      for (let partition = 0; partition < INPUTS; partition += 1) {
        if (this.committedOffset(partition) !== INPUT_RECORDS) return false;
      }
      return true;
    } catch (error) {
      if (isOrdinary(error)) return false;
      throw error;
    }
  }

  #whole(): void {
    const outputs = [...this.#places].filter(([name]) => name.startsWith(`${OUTPUT} `));
    if (outputs.length !== INPUTS * INPUT_RECORDS) {
      throw new Violation(`${outputs.length} values in the output, not ${INPUTS * INPUT_RECORDS}`);
    }
    for (const value of this.#committed) {
      if (!this.#places.has(`${OUTPUT} ${value}`)) throw new Violation(`${value} is lost`);
    }
    for (const value of this.pairs) {
      for (const topic of PAIRS) {
        if (!this.#places.has(`${topic} ${value}`))
          throw new Violation(`${value} is not in ${topic}`);
      }
    }
    const [left, right] = PAIRS.map(
      (topic) => [...this.#places.keys()].filter((name) => name.startsWith(`${topic} `)).length,
    );
    if (left !== right) throw new Violation(`${left} values on the left, ${right} on the right`);
    for (const log of this.node?.logs.all() ?? []) {
      if (log.lastStable === log.highWatermark) continue;
      throw new Violation(`a partition is held up at ${log.lastStable} of ${log.highWatermark}`);
    }
  }
}
