/**
 * A producer that does what Kafka's Java client does when it hears nothing or is told to try again, and never anything else: the
 * same batch, the same end, once more, on a new connection where it has waited too long. What it sent on the connection that it
 * left may still arrive, long after.
 *
 * - Batches of one partition go out together; after a failure they go again one at a time, in order.
 * - Whatever the node goes through, it must never be told anything final: the client has done nothing wrong.
 * - Left out in version 1 of the protocol: requests that arrive late, from which only version 2 protects.
 */
import { noPartitions, partitionsOf } from "../../src/coordinators/transactions/partitions.ts";
import type { ProducerIdentity } from "../../src/coordinators/transactions/state.ts";
import { Refusal } from "../../src/lib/refusal.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";
import { StorageFault } from "../../src/storage/storage.ts";
import { Violation } from "./ledger.ts";
import { INPUT, PARTITIONS, type RetriesRun, TOPIC } from "./retries-run.ts";
import { somebody } from "./test-node.ts";

/** Longer than any run: only the client ends its transactions. */
const TIMEOUT_MS = 15 * 60 * 1_000;
/** After it the client leaves the connection. */
const REQUEST_MS = 1_500;
const WAY_MS = 10;
const LATE_MS = 5_000;
const LATE_SHARE = 0.05;
const BACKOFF_MS = 100;
const BATCHES_MAX = 3;
const encoder = new TextEncoder();

/** What Kafka's client tries again (RetriableException). */
const PASSING: ReadonlySet<string> = new Set([
  "concurrent_transactions",
  "coordinator_load_in_progress",
  "coordinator_not_available",
  "not_coordinator",
  "not_enough_replicas",
  "not_leader_or_follower",
  "request_timed_out",
  "throttling_quota_exceeded",
  "unstable_offset_commit",
]);

class Disconnected extends Error {}

/** Requests arrive in the order in which they were sent; one that waits too long ends the connection for all. */
class Connection {
  isLeft = false;
  readonly #run: RetriesRun;
  readonly #lateShare: number;
  readonly #requestMs: number;
  #isBroken = false;
  readonly #end = Promise.withResolvers<never>();
  #line: Promise<void> = Promise.resolve();

  constructor(run: RetriesRun, lateShare: number, requestMs: number) {
    this.#run = run;
    this.#lateShare = lateShare;
    this.#requestMs = requestMs;
    this.#end.promise.catch(() => {});
    run.whenKilled(() => this.#breaks());
  }

  async send<Answer>(request: () => Promise<Answer>): Promise<Answer> {
    const run = this.#run;
    const wayMs = run.random() * (run.chance(this.#lateShare) ? LATE_MS : WAY_MS);
    this.#line = this.#line.then(() => run.pause(wayMs));
    const answered = this.#line.then(async () => {
      if (this.#isBroken) return this.#end.promise;
      const answer = await request();
      await run.pause(run.random() * WAY_MS);
      return answer;
    });
    answered.catch(() => {}); // Whoever has left does not hear of it.
    let waits = true;
    run.later(this.#requestMs, () => {
      if (waits) this.leave();
    });
    try {
      return await Promise.race([answered, this.#end.promise]);
    } finally {
      waits = false;
    }
  }

  leave(): void {
    this.isLeft = true;
    this.#end.reject(new Disconnected());
  }

  /** The node to which it led is gone: what is on its way does not arrive. */
  #breaks(): void {
    this.#isBroken = true;
    this.leave();
  }
}

interface Batch {
  readonly partition: number;
  readonly value: string;
  readonly bytes: Uint8Array;
}

export class RetryingProducer {
  readonly name: string;
  over = false;
  /** It has its identity: what is still under way of it cannot take the id from another. */
  hasBegun = false;
  readonly #run: RetriesRun;
  /** Version 2 of the protocol (KIP-890), or the one before. */
  readonly #joins: boolean;
  #connection: Connection;
  #producer: ProducerIdentity = { producerId: -1n, producerEpoch: -1 };
  readonly #sequences = new Map<number, number>();
  #values = 0;
  /** The process has crashed; another one goes on under its transactional id. */
  #isDead = false;

  constructor(run: RetriesRun, name: string, joins: boolean) {
    this.#run = run;
    this.name = name;
    this.#joins = joins;
    this.#connection = this.#connected();
  }

  get group(): string {
    return `group-${this.name}`;
  }

  start(): void {
    this.#run.watch(this.#live());
  }

  /** Whoever comes after it takes the id over; what it has sent may still arrive. */
  crash(): RetryingProducer {
    this.#isDead = true;
    this.#connection.leave();
    const next = new RetryingProducer(this.#run, this.name, this.#joins);
    next.#values = this.#values + 1_000;
    return next;
  }

  async #live(): Promise<void> {
    try {
      await this.#init();
      while (!this.over) {
        await this.#transaction();
        if (this.#run.chance(0.3)) await this.#run.pause(this.#run.random() * 200);
      }
      this.#run.left(this.name);
    } catch (error) {
      if (!(error instanceof Disconnected && this.#isDead)) throw error;
    }
  }

  async #init(): Promise<void> {
    const init = { transactionalId: this.name, timeoutMs: TIMEOUT_MS, expected: null };
    const run = this.#run;
    this.#producer = await this.#insist("begin", () =>
      run.transactions.initProducerId(somebody, init),
    );
    this.hasBegun = true;
    this.#connection = this.#connected();
  }

  async #transaction(): Promise<void> {
    const run = this.#run;
    const value = `${this.name}/${(this.#values += 1)}`;
    const partitions = Array.from({ length: PARTITIONS }, (_, at) => at).filter(() =>
      run.chance(0.5),
    );
    const offset = run.chance(0.3) ? this.#values : null;
    const isEmpty = partitions.length === 0 && offset === null;
    // Of an empty one clients say nothing, or that it is aborted, to be sure (version 2).
    if (isEmpty && (!this.#joins || run.chance(0.5))) return;
    const commit = !isEmpty && run.chance(0.75);
    if (!this.#joins) await this.#add(partitions, offset !== null);
    const lanes = partitions.map((partition) => this.#lane(partition, value));
    // As the client does: offsets follow the records.
    const written = (await Promise.all(lanes)).flat();
    if (offset !== null) await this.#commitOffset(offset);
    run.ends(value, written, commit, offset === null ? null : { group: this.group, offset });
    await this.#end(commit);
    run.ended(value, commit);
  }

  /** Sends some batches to one partition, all at once; then again what failed, one by one. */
  async #lane(partition: number, value: string): Promise<string[]> {
    const count = 1 + Math.floor(this.#run.random() * BATCHES_MAX);
    const first = this.#sequences.get(partition) ?? 0;
    this.#sequences.set(partition, first + count);
    const batches = Array.from({ length: count }, (_, at) => ({
      partition,
      value: `${value}/${partition}/${at}`,
      bytes: this.#batch(`${value}/${partition}/${at}`, first + at),
    }));
    const sent = await Promise.allSettled(batches.map((batch) => this.#once(batch)));
    let hasFailed = false;
    for (const [at, outcome] of sent.entries()) {
      if (outcome.status === "fulfilled") continue;
      const error: unknown = outcome.reason;
      const isBehind =
        hasFailed && error instanceof Refusal && error.code === "out_of_order_sequence_number";
      if (!isBehind) this.#mustPass(error, `produce to ${partition}`);
      hasFailed = true;
      const batch = batches[at];
      if (batch) await this.#insist(`produce to ${partition} again`, () => this.#append(batch));
    }
    return batches.map((batch) => `${partition} ${batch.value}`);
  }

  #once(batch: Batch): Promise<unknown> {
    return this.#there().send(() => this.#append(batch));
  }

  #batch(value: string, baseSequence: number): Uint8Array {
    const record = { key: null, value: encoder.encode(value), headers: [], timestampMs: 1 };
    return encodeBatch([record], { ...this.#producer, baseSequence, transactional: true });
  }

  #append({ partition, bytes }: Batch): Promise<unknown> {
    return this.#run.broker.append(somebody, {
      topic: TOPIC,
      partition,
      acks: -1,
      payload: { type: "batch", bytes: bytes.slice() },
      transactional: { transactionalId: this.name, support: this.#joins ? "joins" : "default" },
    });
  }

  async #add(partitions: readonly number[], offsets: boolean): Promise<void> {
    const run = this.#run;
    const ask = {
      transactionalId: this.name,
      producer: this.#producer,
      clientVersion: 0,
      partitions:
        partitions.length > 0 ? partitionsOf([{ topic: TOPIC, partitions }]) : noPartitions,
    } as const;
    if (partitions.length > 0) {
      await this.#insist("add partitions", () => run.transactions.addPartitions(somebody, ask));
    }
    if (!offsets) return;
    await this.#insist("add offsets", () => run.transactions.addOffsets(somebody, this.group, ask));
  }

  async #commitOffset(offset: number): Promise<void> {
    const support = this.#joins ? "joins" : "default";
    const owner = { ...this.#producer, transactionalId: this.name, support } as const;
    const place = { topic: INPUT, topicId: null, partition: 0, leaderEpoch: -1, metadata: "" };
    await this.#insist("commit an offset", async () => {
      const [refusal] = await this.#run.broker.groups.commitOffsetsIn(somebody, owner, {
        group: this.group,
        member: { memberId: "", generation: -1, instanceId: null },
        offsets: [{ ...place, offset }],
        knowsMemberEpochs: false,
        retentionMs: null,
      });
      if (refusal) throw new Refusal(refusal, "the offset was not committed");
    });
  }

  async #end(commit: boolean): Promise<void> {
    const producer = this.#producer;
    const clientVersion = this.#joins ? 2 : 0;
    const ask = { transactionalId: this.name, producer, clientVersion, commit } as const;
    const next = await this.#insist(commit ? "commit" : "abort", () =>
      this.#run.transactions.end(somebody, ask),
    );
    const raised = next.producerEpoch - producer.producerEpoch;
    if (raised !== (this.#joins ? 1 : 0)) {
      throw new Violation(`${this.name} was raised by ${raised} epochs`);
    }
    if (raised > 0) this.#sequences.clear();
    this.#producer = next;
  }

  /** Asks until it is answered. @throws Violation when it is told something that Kafka's client would not try again. */
  async #insist<Answer>(what: string, request: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      try {
        return await this.#there().send(request);
      } catch (error) {
        this.#mustPass(error, what);
      }
      await this.#run.pause(BACKOFF_MS);
    }
  }

  #mustPass(error: unknown, what: string): void {
    if (error instanceof Disconnected && this.#isDead) throw error;
    if (error instanceof Disconnected || error instanceof StorageFault) return;
    if (!(error instanceof Refusal)) throw error;
    const { code, message } = error;
    this.#run.note(`${this.name} ${what}: ${code}`);
    if (PASSING.has(code)) return;
    const { producerEpoch } = this.#producer;
    const asked = `${this.name}, at epoch ${producerEpoch}, which wanted to ${what}`;
    throw new Violation(`${asked}, was told ${code}: ${message}`);
  }

  #there(): Connection {
    if (this.#isDead) throw new Disconnected();
    if (this.#connection.isLeft) this.#connection = this.#connected();
    return this.#connection;
  }

  #connected(): Connection {
    // What begins is never late, nor given up: after another one it would fence its own producer, in Kafka too.
    if (!this.hasBegun) return new Connection(this.#run, 0, Infinity);
    return new Connection(this.#run, this.#joins ? LATE_SHARE : 0, REQUEST_MS);
  }
}
