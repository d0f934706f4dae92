/**
 * One node's whole life under a seed: clients that append and read, and a disk that is slow, full or failing, a process that
 * is killed, a power that is cut. The same seed gives the same trace, step by step.
 */
import type { Broker } from "../../src/broker/verbs.ts";
import type { Random } from "../../src/lib/random.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { Cleaner } from "../../src/log/compaction/cleaner.ts";
import type { LogLimits } from "../../src/log/limits.ts";
import type { Partition } from "../../src/log/partition.ts";
import { RetentionPass } from "../../src/log/retention.ts";
import {
  noTransactions,
  type TransactionVerifier,
} from "../../src/log/transactions/verification.ts";
import { type IoFault, MemoryDisk } from "../../src/storage/memory/disk.ts";
import { MemoryMetadataDisk } from "../../src/storage/memory/metadata.ts";
import { slowStorage } from "./faulty-storage.ts";
import { CompactedLedger, DELETE_RETENTION_MS } from "./compacted-ledger.ts";
import { isKeyed } from "./keyed.ts";
import { Ledger, Violation } from "./ledger.ts";
import { openTestNode, somebody, type TestNode } from "./test-node.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** All but the newest row may be compacted at once. */
const compacting = {
  "segment.ms": "1",
  "min.cleanable.dirty.ratio": "0.3",
  "delete.retention.ms": String(DELETE_RETENTION_MS),
};

export const topics = [
  { name: "synced", partitions: 2, configs: {} },
  { name: "relaxed", partitions: 1, configs: { "kedge.durability": "relaxed" } },
  { name: "trimmed", partitions: 1, configs: { "retention.bytes": "2000" } },
  { name: "transactional", partitions: 2, configs: {} },
  { name: "compacted", partitions: 2, configs: { ...compacting, "cleanup.policy": "compact" } },
  {
    name: "compacted-deleted",
    partitions: 1,
    configs: { ...compacting, "cleanup.policy": "compact,delete", "retention.bytes": "2000" },
  },
] as const;

export interface Place {
  readonly topic: string;
  readonly index: number;
}

const everywhere: readonly Place[] = topics.flatMap(({ name, partitions }) =>
  Array.from({ length: partitions }, (_, index) => ({ topic: name, index })),
);

/** What one seed's world is like: they differ, so that each thing has worlds in which it happens often. */
interface Nature {
  /** Where clients write and read. */
  readonly places: readonly Place[];
  /** How often somebody trims a compacted log as it is compacted, a step. */
  readonly trims: number;
  readonly limits: Partial<LogLimits>;
}

function natureOf(random: Random): Nature {
  const half = (): boolean => random.next() < 0.5;
  return {
    places: half() ? everywhere : everywhere.filter(({ topic }) => isKeyed(topic)),
    trims: half() ? 0.2 : 0,
    limits: {
      // Room for four keys, so that a pass ends in the midst of a batch.
      ...(half() ? { cleanerBufferBytes: 120 } : {}),
      ...(half()
        ? { producersBehindBytes: 250, producersBehindBytesPerNode: 900 }
        : { retentionCheckMs: 60_000 }),
    },
  };
}

/** The node between two starts. */
export interface Life {
  readonly number: number;
  readonly test: TestNode;
  readonly retention: RetentionPass;
  readonly cleaner: Cleaner;
  compacting: boolean;
  over: boolean;
}

export class World {
  readonly random: Random;
  readonly nature: Nature;
  readonly clock = new VirtualClock();
  readonly disk = new MemoryDisk();
  readonly trace: string[] = [];
  readonly ledgers = new Map<string, Ledger>();
  /** The transaction coordinator: it outlives every node. */
  verifier: TransactionVerifier = noTransactions;
  #life: Life | null = null;
  #lives = 0;
  #failure: unknown = null;
  #failing = false;
  readonly #metadata = new MemoryMetadataDisk();
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
    this.random = seededRandom(seed);
    this.nature = natureOf(this.random);
    for (const { name, partitions, configs } of topics) {
      for (let index = 0; index < partitions; index += 1) {
        const place = `${name}/${index}`;
        const relaxed = "kedge.durability" in configs;
        const ledger = isKeyed(name)
          ? new CompactedLedger(place, () => this.clock.monotonicMs())
          : new Ledger(place, relaxed);
        this.ledgers.set(place, ledger);
      }
    }
  }

  get life(): Life {
    if (!this.#life) throw new Error("the node is running");
    return this.#life;
  }

  get broker(): Broker {
    return this.life.test.broker;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.random.next() * items.length)];
    if (item === undefined) throw new Error("there is something to pick from");
    return item;
  }

  chance(share: number): boolean {
    return this.random.next() < share;
  }

  ledger(topic: string, index: number): Ledger {
    const ledger = this.ledgers.get(`${topic}/${index}`);
    if (!ledger) throw new Error("every partition has a ledger");
    return ledger;
  }

  logOf(topic: string, index: number): Partition {
    const { test } = this.life;
    const id = test.broker.listTopics(somebody).find(({ name }) => name === topic)?.id ?? "";
    const log = test.logs.log(id, index);
    if (!log) throw new Violation(`${topic}/${index} has no log`);
    return log;
  }

  /** Whatever goes wrong in there ends the run at its next step. */
  watch(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  /** Throws what went wrong since the last look. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  note(what: string): void {
    this.trace.push(`${this.clock.nowMs() % 1e9} ${what}`);
  }

  /** Starts the node on what the disk holds; in the first life it makes its topics. */
  async start(): Promise<void> {
    this.#lives += 1;
    const opening = openTestNode({
      disk: this.disk,
      metadata: this.#metadata,
      clock: this.clock,
      // Another process draws other numbers: a topic id is never given twice.
      seed: this.#seed + this.#lives * 1_000_003,
      limits: {
        retentionCheckMs: 2000,
        receiptsCached: 40,
        tailCacheBytes: 4000,
        wakeSlice: 3,
        abortedCached: 2,
        ...this.nature.limits,
      },
      verifier: { verify: (request) => this.verifier.verify(request) },
      wrap: (storage) => slowStorage(storage, this.clock, this.random),
    });
    const test = await this.until(opening);
    const retention = new RetentionPass(test.node, () => test.logs.all());
    const cleaner = new Cleaner(test.node, () => test.logs.all());
    this.#life = { number: this.#lives, test, retention, cleaner, compacting: false, over: false };
    this.note(`life ${this.#lives} begins, power lost: ${test.storage.powerLost}`);
    if (this.#lives > 1 && this.chance(0.15)) {
      // Killed before it was ready.
      await this.clock.advance(Math.floor(this.random.next() * 6));
      this.crash(false);
      return this.start();
    }
    await this.until(test.resumed);
    retention.start();
    if (this.#lives > 1) return;
    for (const { name, partitions, configs } of topics) {
      const topic = { name, partitions, replicationFactor: 1, configs: { ...configs } };
      await this.until(test.broker.createTopic(somebody, topic));
    }
  }

  /** Looks over all logs for what is to be compacted, unless it does already. */
  async compact(): Promise<void> {
    const { life } = this;
    if (life.compacting) return;
    life.compacting = true;
    await life.cleaner.run();
    life.compacting = false;
  }

  /** The next commit meets a disk that fails; nothing can be written afterwards in this life. */
  failDisk(fault: IoFault): void {
    this.disk.ioFault = fault;
    this.#failing = true;
  }

  get diskFailed(): boolean {
    return this.#failing && this.disk.ioFault === null;
  }

  /** The process ends between two instructions; with the power, unsynced commits may be gone. */
  crash(power: boolean): void {
    const keepUnsynced = Math.floor(this.random.next() * 4);
    this.note(power ? `the power goes, keeping ${keepUnsynced}` : "the process is killed");
    this.#end();
    this.disk.full = false;
    this.disk.ioFault = null;
    this.#failing = false;
    if (power) this.disk.crash({ loseUnsynced: true, keepUnsynced });
    else this.disk.crash();
    if (power) for (const ledger of this.ledgers.values()) ledger.powerCut();
  }

  /** Ends as it should: what was accepted is finished first. */
  async stop(): Promise<void> {
    this.note("the node stops");
    this.life.retention.stop();
    await this.until(this.life.cleaner.stop());
    await this.until(this.life.test.storage.close());
    this.#end();
  }

  #end(): void {
    this.life.over = true;
    this.life.retention.stop();
    void this.life.cleaner.stop();
    this.clock.abandon();
    for (const { sent } of this.ledgers.values()) {
      for (const each of sent) if (each.state === "pending") each.state = "unknown";
    }
  }

  /** Lets time pass until this has happened; a minute is too long for anything. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const settled = promise.finally(() => {
      done = true;
    });
    settled.catch(() => {});
    for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 10) {
      await this.clock.settle();
      if (done) return settled;
      await this.clock.advance(10);
    }
    throw new Violation("something takes longer than a minute");
  }
}
