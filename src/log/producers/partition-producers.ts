/**
 * One partition's producers and transactions beside its log: learnt at a start, kept up with every commit, stored now and
 * then.
 *
 * - At a start storage knows the producers as of some offset; the batches since are read back, headers alone. They are
 *   stored again before that becomes more than a few MiB, when the log has been silent for a while, and before a trim.
 * - Until they are learnt nothing past what storage knew counts as stable.
 */
import { Refusal } from "../../lib/refusal.ts";
import {
  type Bounds,
  type PartitionId,
  type PutProducers,
  type StoredProducer,
  StorageFault,
} from "../../storage/storage.ts";
import { AbortedIndex } from "../transactions/aborted-index.ts";
import type { BehindLog } from "./behind-logs.ts";
import type { LogNode } from "../log-node.ts";
import { ProducerMemory } from "./memory.ts";
import type { Turn } from "../appending/turn.ts";

/** Read back at once. */
const LEARN_BYTES = 1024 * 1024;

export class PartitionProducers {
  readonly memory: ProducerMemory;
  readonly aborted: AbortedIndex;
  readonly #node: LogNode;
  readonly #partition: PartitionId;
  readonly #log: BehindLog;

  constructor(
    node: LogNode,
    log: BehindLog,
    state: Bounds & { readonly id: PartitionId },
    stored: readonly StoredProducer[],
  ) {
    const { limits, producers: total, storage, clock } = node;
    this.#node = node;
    this.#partition = state.id;
    this.#log = log;
    const shared = { limits, total, nowMs: clock.nowMs() };
    this.memory = new ProducerMemory(stored, state.producersEnd, shared);
    this.aborted = new AbortedIndex(storage, state.id, state.abortedEnd, limits.abortedCached);
  }

  /** Every batch below it belongs to no open transaction. */
  lastStable(highWatermark: number, logStart: number): number {
    const { firstUnstable, knownEnd } = this.memory;
    return Math.max(logStart, Math.min(highWatermark, firstUnstable, knownEnd));
  }

  /**
   * Reads back what was appended past what memory knows, up to where storage ends; a later `logEnd` says that nothing was
   * appended from there on. Throws StorageFault.
   */
  async learn(bounds: Bounds, logEnd: number): Promise<void> {
    const { end, abortedEnd, logStart, endPosition } = bounds;
    const { memory } = this;
    const { storage, clock } = this.#node;
    let from = Math.max(memory.knownEnd, logStart);
    let behindBytes = 0;
    while (from < end) {
      const { rows } = await storage.read(this.#partition, from, LEARN_BYTES);
      const [first] = rows;
      if (first) behindBytes = Math.max(behindBytes, endPosition - first.position);
      for (const { data } of rows) memory.learn(data, clock.nowMs());
      from = (rows.at(-1)?.last ?? end) + 1;
      await clock.turn();
    }
    memory.knownEnd = Math.max(memory.knownEnd, end, logEnd);
    this.aborted.forget(abortedEnd);
    if (memory.unstoredCount > 0) this.#node.behind.grew(this.#log, behindBytes);
  }

  /** What the next commit should bring to storage; null while that can wait. */
  due(): PutProducers | null {
    const { producersBehindBytes, producersUnstored } = this.#node.limits;
    const { memory } = this;
    const due =
      memory.unstoredCount >= producersUnstored ||
      this.#node.behind.bytesOf(this.#log) >= producersBehindBytes;
    return due ? this.unstored() : null;
  }

  /** What storage does not know; null when it knows all. */
  unstored(): PutProducers | null {
    return this.memory.unstoredCount > 0 ? this.memory.unstored() : null;
  }

  /** Storage has what `unstored` gave. */
  stored(): void {
    this.memory.stored();
    this.#node.behind.stored(this.#log);
  }

  /** Runs `store`; what could not be stored is in the log, and tried again later. */
  async tryToStore(store: () => Promise<void>): Promise<void> {
    try {
      await store();
    } catch (error) {
      // The log is gone, or another's.
      if (error instanceof Refusal) return;
      if (!(error instanceof StorageFault)) throw error;
      const what = "producers could not be stored; the log has them, they are stored later";
      this.#node.logger.warn(what, { partition: this.#partition, error });
    }
  }

  /** A turn's commit has settled, and with it what was `due`. */
  settled(turn: Turn, due: PutProducers | null, bytes: number): void {
    if (due) this.stored();
    this.memory.settled(turn.producers, turn.end, turn.start.nowMs);
    if (turn.producers.aborted.length > 0) this.aborted.add(turn.producers.aborted);
    if (this.memory.unstoredCount > 0) this.#node.behind.grew(this.#log, bytes);
  }

  close(): void {
    this.memory.close();
    this.#node.behind.stored(this.#log);
  }
}
