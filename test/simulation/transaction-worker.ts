/**
 * Who takes part in a run of transactions: a mover (consume, transform, produce, commit the offset with it), and a writer of
 * one-shot transactions. Their requests take time on the way, their answers get lost, and they fall asleep and go on as
 * zombies, while another mover takes over their transactional id.
 */
import { partitionsOf } from "../../src/coordinators/transactions/partitions.ts";
import type { ProducerIdentity } from "../../src/coordinators/transactions/state.ts";
import { Refusal } from "../../src/lib/refusal.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";
import { StorageFault } from "../../src/storage/storage.ts";
import { Violation } from "./ledger.ts";
import { somebody } from "./test-node.ts";
import { GROUP, INPUT, OUTPUT, OUTPUTS, PAIRS, type TransactionRun } from "./transaction-run.ts";

const TIMEOUT_MS = 4_000;
const MOVED_MAX = 4;
const encoder = new TextEncoder();

/** A request failed in a way that clients meet: begin again from the start. */
export function isOrdinary(error: unknown): boolean {
  return error instanceof Refusal || error instanceof StorageFault;
}

/** Moves one partition of the input, under that partition's transactional id. */
export class Mover {
  readonly name: string;
  readonly partition: number;
  over = false;
  readonly #run: TransactionRun;
  /** Version 2 of the protocol (KIP-890), or the one before. */
  readonly #joins: boolean;
  readonly #transactionalId: string;

  constructor(run: TransactionRun, name: string, partition: number) {
    this.#run = run;
    this.name = name;
    this.partition = partition;
    this.#joins = run.chance(0.6);
    this.#transactionalId = `mover-${partition}`;
  }

  start(): void {
    this.#run.watch(this.#live());
  }

  async #live(): Promise<void> {
    while (!this.over) {
      try {
        await this.#session();
      } catch (error) {
        if (!isOrdinary(error)) throw error;
        await this.#run.pause(50);
      }
    }
  }

  /** From taking the transactional id over to the first failure. */
  async #session(): Promise<void> {
    const run = this.#run;
    const init = { transactionalId: this.#transactionalId, timeoutMs: TIMEOUT_MS, expected: null };
    const asked = run.asks();
    let producer = await run.call(() => run.transactions.initProducerId(somebody, init));
    run.began(this.#transactionalId, producer, asked);
    run.note(`${this.name} is ${producer.producerId}/${producer.producerEpoch}`);
    let offset = Math.max(0, run.committedOffset(this.partition));
    const sequences = new Map<number, number>();
    while (!this.over) {
      const inputs = await run.inputs(
        this.partition,
        offset,
        1 + Math.floor(run.random() * MOVED_MAX),
      );
      if (inputs.length === 0) {
        await run.pause(500);
        continue;
      }
      if (run.chance(0.08)) await run.pause(run.random() * 3 * TIMEOUT_MS); // A zombie, when it wakes.
      await this.#move(producer, inputs, offset, sequences);
      const commit = !run.chance(0.15);
      const next = await this.#end(producer, commit, inputs);
      if (commit) offset += inputs.length;
      if (next.producerEpoch !== producer.producerEpoch) sequences.clear();
      producer = next;
    }
  }

  async #move(
    producer: ProducerIdentity,
    inputs: readonly string[],
    offset: number,
    sequences: Map<number, number>,
  ): Promise<void> {
    const run = this.#run;
    const ask = { transactionalId: this.#transactionalId, producer, clientVersion: 0 } as const;
    const support = this.#joins ? "joins" : "default";
    const byPartition = Map.groupBy(inputs, (value) => value.length % OUTPUTS);
    if (!this.#joins) {
      const partitions = partitionsOf([{ topic: OUTPUT, partitions: [...byPartition.keys()] }]);
      await run.call(() => run.transactions.addPartitions(somebody, { ...ask, partitions }));
      await run.call(() => run.transactions.addOffsets(somebody, GROUP, ask));
    }
    await Promise.all(
      Array.from(byPartition, async ([partition, values]) => {
        const sequence = sequences.get(partition) ?? 0;
        sequences.set(partition, sequence + values.length);
        const bytes = batchOf(values, producer, sequence);
        const append = () =>
          run.broker.append(somebody, {
            topic: OUTPUT,
            partition,
            acks: -1,
            payload: { type: "batch", bytes: bytes.slice() },
            transactional: { transactionalId: this.#transactionalId, support },
          });
        // As producers do: the same batch again, which is known.
        await run.call(append).catch((error: unknown) => {
          if (!isOrdinary(error)) throw error;
          return run.call(append);
        });
      }),
    );
    const owner = { ...producer, transactionalId: this.#transactionalId, support } as const;
    const to = offset + inputs.length;
    const refusals = await run.call(() =>
      run.broker.groups.commitOffsetsIn(somebody, owner, {
        group: GROUP,
        member: { memberId: "", generation: -1, instanceId: null },
        offsets: [
          {
            topic: INPUT,
            topicId: null,
            partition: this.partition,
            offset: to,
            leaderEpoch: -1,
            metadata: "",
          },
        ],
        knowsMemberEpochs: false,
        retentionMs: null,
      }),
    );
    const refusal = refusals[0];
    if (refusal) throw new Refusal(refusal, "the offset was not committed");
  }

  /** Asks again until somebody says how it ended, as clients do; a failure leaves it unknown. */
  async #end(
    producer: ProducerIdentity,
    commit: boolean,
    inputs: readonly string[],
  ): Promise<ProducerIdentity> {
    const run = this.#run;
    const clientVersion = this.#joins ? 2 : 0;
    const ask = {
      transactionalId: this.#transactionalId,
      producer,
      clientVersion,
      commit,
    } as const;
    if (commit) run.mayCommit(inputs);
    for (let tries = 0; ; tries += 1) {
      const asked = run.asks();
      try {
        const next = await run.call(() => run.transactions.end(somebody, ask));
        run.ended(this.#transactionalId, producer, asked, commit);
        if (commit) run.committed(inputs);
        return next;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const passing =
          error.code === "concurrent_transactions" ||
          error.code === "request_timed_out" ||
          error.code.startsWith("coordinator_");
        if (!passing || tries > 20) throw error;
        await run.pause(100);
      }
    }
  }
}

/** Writes the same value to two topics at once, again and again under one key until it is told that it stands. */
export class PairWriter {
  readonly #run: TransactionRun;
  over = false;

  constructor(run: TransactionRun) {
    this.#run = run;
  }

  start(): void {
    this.#run.watch(this.#live());
  }

  async #live(): Promise<void> {
    for (let number = 0; !this.over; number += 1) {
      const value = `pair-${number}`;
      this.#run.mayCommit([value]);
      await this.#write(value);
      this.#run.pairs.push(value);
      await this.#run.pause(this.#run.random() * 1_500);
    }
  }

  async #write(value: string): Promise<void> {
    const run = this.#run;
    const records = [{ key: null, value: encoder.encode(value), headers: [], timestampMs: 1 }];
    const parts = PAIRS.map((topic) => ({ topic, partition: 0, records }));
    for (;;) {
      try {
        const request = { parts, offsets: null, key: value };
        const answer = await run.call(() => run.transactions.transact(somebody, request));
        if (answer.appended.length !== parts.length) throw new Violation("a part has no answer");
        return;
      } catch (error) {
        if (!isOrdinary(error)) throw error;
        await run.pause(200);
      }
    }
  }
}

function batchOf(
  values: readonly string[],
  { producerId, producerEpoch }: ProducerIdentity,
  baseSequence: number,
): Uint8Array {
  const records = values.map((value) => ({
    key: null,
    value: encoder.encode(value),
    headers: [],
    timestampMs: 1_699_999_999_999,
  }));
  return encodeBatch(records, { producerId, producerEpoch, baseSequence, transactional: true });
}
