/**
 * Transactional clients for a node that is killed again and again: writers to the inputs, movers from an input to an output
 * (consume, transform, produce, commit the offset with it), readers of all. Frame by frame, so that every outcome is known.
 *
 * - Each chooses a version of the protocol for each of its sessions, ends some transactions by abort, and begins again after any
 *   failure. Two movers share a transactional id and an input: who begins last fences the other.
 */
import { nearestNumber } from "../../src/lib/int64.ts";
import type { Random } from "../../src/lib/random.ts";
import { walkBatches } from "../../src/records/batch.ts";
import { readRecords } from "../../src/records/batch-read.ts";
import { connectKafka, type KafkaConnection } from "../conformance/kafka-connection.ts";
import type { Topic } from "../conformance/kafka-records.ts";
import { type Identity, TransactionalClient } from "../conformance/kafka-transactional.ts";
import type { Transaction, TransactionHistory } from "./transaction-history.ts";

const TIMEOUT_MS = 3_000;
const SENDS_MAX = 4;
const MOVED_MAX = 5;
const GROUP = "movers";
const NOT_STABLE = 88;
const PASSING = new Set([14, 15, 16, 51]);
/** Whoever says so has not committed it, and nobody can any more. */
const ENDED = new Set([47, 48, 90]);

export interface LoadWorld {
  readonly address: string;
  readonly random: Random;
  readonly history: TransactionHistory;
  readonly inputs: readonly Topic[];
  readonly outputs: readonly Topic[];
  stopping: boolean;
}

/** A failure that clients meet: begin again. */
class Failed extends Error {}

/** What one place shows to who reads committed records, and the offset to go on from. */
export async function committedIn(
  client: TransactionalClient,
  topic: Topic,
  from: number,
): Promise<{ found: [number, string][]; next: number }> {
  const part = await client.read(topic, from, 1);
  if (part.errorCode !== 0) throw new Failed(`Fetch says ${part.errorCode}`);
  const records = part.records ?? new Uint8Array();
  const found: [number, string][] = [];
  let next = from;
  const waiting = [...(part.abortedTransactions ?? [])].sort(
    (a, b) => a.firstOffset - b.firstOffset,
  );
  const aborted = new Set<bigint>();
  for (const { at, header } of walkBatches(records)) {
    next = Math.max(next, header.baseOffset + header.lastOffsetDelta + 1);
    while ((waiting[0]?.firstOffset ?? Infinity) <= header.baseOffset) {
      aborted.add(waiting.shift()?.producerId ?? -1n);
    }
    const within = [...readRecords(records, at, { decompressedBytesMax: 1e7 })];
    if (header.control) {
      // The second int16 of a marker's key: 0 aborts.
      if (within[0]?.key?.[3] === 0) aborted.delete(header.producerId);
    } else if (!header.transactional || !aborted.has(header.producerId)) {
      for (const { offset, value } of within) {
        if (offset >= from) found.push([offset, new TextDecoder().decode(value ?? undefined)]);
      }
    }
  }
  return { found, next };
}

/** Runs sessions until the world stops; each has a connection of its own. */
async function sessions(
  world: LoadWorld,
  id: string,
  session: (client: TransactionalClient) => Promise<void>,
  pauseMs = 20,
): Promise<void> {
  while (!world.stopping) {
    let connection: KafkaConnection | null = null;
    try {
      connection = await connectKafka(world.address);
      await session(new TransactionalClient(connection, id));
    } catch (error) {
      if (!isOrdinary(error)) throw error;
      await Bun.sleep(world.random.next() * pauseMs);
    } finally {
      connection?.close();
    }
  }
}

function isOrdinary(error: unknown): boolean {
  if (error instanceof Failed) return true;
  const words = error instanceof Error ? error.message : "";
  return words.includes("connection closed") || words.includes("ECONN") || "code" in Object(error);
}

/** A producer's place in its sequences, one a topic. */
class Session {
  readonly #client: TransactionalClient;
  readonly #world: LoadWorld;
  readonly #joins: boolean;
  readonly name: string;
  #producer: Identity;
  readonly #sequences = new Map<string, number>();

  constructor(client: TransactionalClient, world: LoadWorld, producer: Identity) {
    this.#client = client;
    this.#world = world;
    this.#producer = producer;
    this.#joins = world.random.next() < 0.5;
    this.name = `${client.id} ${producer.producerId}/${producer.producerEpoch}`;
  }

  async send(transaction: Transaction, topic: Topic, value: string): Promise<void> {
    if (!this.#joins) await this.#add(topic);
    const sequence = this.#sequences.get(topic.name) ?? 0;
    this.#sequences.set(topic.name, sequence + 1);
    transaction.writes.push({ place: topic.name, value });
    const given = { sequence, version: this.#joins ? 12 : 9 };
    for (;;) {
      const offset = await this.#client.produce(this.#producer, topic, value, given);
      if (offset >= 0) return;
      // The transaction before is still being completed, or the coordinator still loads.
      if (![51, 19, 14, 15, 16].includes(-offset)) throw new Failed(`Produce says ${-offset}`);
      await Bun.sleep(5);
    }
  }

  async #add(topic: Topic): Promise<void> {
    for (;;) {
      const [code = -1] = await this.#client.add(this.#producer, topic.name, [0]);
      if (code === 0) return;
      if (!PASSING.has(code)) throw new Failed(`AddPartitionsToTxn says ${code}`);
      await Bun.sleep(5);
    }
  }

  async commitOffset(topic: Topic, offset: number): Promise<void> {
    if (!this.#joins) {
      let code = 51;
      while (PASSING.has(code)) code = await this.#client.addOffsets(this.#producer, GROUP);
      if (code !== 0) throw new Failed(`AddOffsetsToTxn says ${code}`);
    }
    const version = this.#joins ? 5 : 3;
    const code = await this.#client.commitOffset(
      this.#producer,
      GROUP,
      topic.name,
      offset,
      version,
    );
    if (code !== 0) throw new Failed(`TxnOffsetCommit says ${code}`);
  }

  async end(transaction: Transaction, commit: boolean): Promise<void> {
    const { history } = this.#world;
    if (commit) history.committing(transaction);
    transaction.outcome = commit ? "unknown" : "aborted";
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#client.end(this.#producer, commit, this.#joins ? 5 : 3);
      if (answer.errorCode === 0) {
        if (commit) transaction.outcome = "committed";
        if (this.#joins) {
          this.#producer = answer;
          this.#sequences.clear();
        }
        return;
      }
      if (PASSING.has(answer.errorCode)) {
        await Bun.sleep(5);
        continue;
      }
      if (tries === 1 && ENDED.has(answer.errorCode)) transaction.outcome = "aborted";
      throw new Failed(`EndTxn says ${answer.errorCode}`);
    }
  }
}

/** Writes unique values to the inputs, in transactions of a few. */
export function writer(world: LoadWorld, name: string): Promise<void> {
  let number = 0;
  return sessions(world, `writer-${name}`, async (client) => {
    const session = new Session(client, world, await client.begin(TIMEOUT_MS));
    while (!world.stopping) {
      const transaction = world.history.begin(session.name);
      const sends = 1 + Math.floor(world.random.next() * SENDS_MAX);
      try {
        for (let sent = 0; sent < sends; sent += 1) {
          number += 1;
          await session.send(transaction, pick(world, world.inputs), `${name}-${number}`);
        }
        await session.end(transaction, world.random.next() < 0.8);
      } finally {
        // Never asked to commit: whoever comes next under this id aborts it.
        if (transaction.outcome === "open") transaction.outcome = "aborted";
      }
      await Bun.sleep(world.random.next() * 10);
    }
  });
}

/** Movers of one input fence each other: who was fenced lets the other work for a while. */
const FENCED_PAUSE_MS = 1_000;

/** Moves one input to the outputs, exactly once. */
export function mover(world: LoadWorld, input: Topic): Promise<void> {
  const session = async (client: TransactionalClient): Promise<void> => {
    const own = new Session(client, world, await client.begin(TIMEOUT_MS));
    await client.locateGroup(GROUP);
    let offset = await committed(client, input);
    while (!world.stopping) {
      const { found, next } = await committedIn(client, input, offset);
      const taken = found.slice(0, 1 + Math.floor(world.random.next() * MOVED_MAX));
      const to = taken.length < found.length ? (taken.at(-1)?.[0] ?? offset) + 1 : next;
      if (to === offset) {
        await Bun.sleep(5);
        continue;
      }
      // Asleep for longer than its time: a zombie when it wakes.
      if (world.random.next() < 0.01) await Bun.sleep(TIMEOUT_MS + 200);
      const transaction = world.history.begin(
        own.name,
        taken.map(([, value]) => value),
      );
      const commit = world.random.next() < 0.85;
      try {
        for (const [, value] of taken) {
          // Each attempt is told from the others.
          const attempt = world.history.transactions.length;
          await own.send(transaction, pick(world, world.outputs), `${value}#${attempt}`);
        }
        await own.commitOffset(input, to);
        await own.end(transaction, commit);
      } finally {
        if (transaction.outcome === "open") transaction.outcome = "aborted";
      }
      if (commit) offset = to;
    }
  };
  return sessions(world, `mover-${input.name}`, session, FENCED_PAUSE_MS);
}

export async function committed(client: TransactionalClient, input: Topic): Promise<number> {
  for (;;) {
    const { offset, code } = await client.committed(GROUP, input.name, true);
    if (code === 0) return Math.max(0, nearestNumber(offset));
    if (code !== NOT_STABLE && !PASSING.has(code)) throw new Failed(`OffsetFetch says ${code}`);
    await Bun.sleep(10);
  }
}

/** Follows every place, and tells the history what it sees. */
export async function reader(world: LoadWorld, name: string): Promise<void> {
  const positions = new Map<string, number>();
  await sessions(world, `reader-${name}`, async (client) => {
    while (!world.stopping) await readOn(world, name, client, positions);
  });
}

/** One round over all places; true when there was something new. */
export async function readOn(
  world: LoadWorld,
  name: string,
  client: TransactionalClient,
  positions: Map<string, number>,
): Promise<boolean> {
  let any = false;
  for (const topic of [...world.inputs, ...world.outputs]) {
    const from = positions.get(topic.name) ?? 0;
    const { found, next } = await committedIn(client, topic, from);
    for (const [offset, value] of found) world.history.polled(name, topic.name, offset, value);
    positions.set(topic.name, next);
    any ||= next > from;
  }
  if (!any) await Bun.sleep(5);
  return any;
}

function pick(world: LoadWorld, topics: readonly Topic[]): Topic {
  const topic = topics[Math.floor(world.random.next() * topics.length)];
  if (!topic) throw new Error("there is a topic");
  return topic;
}
