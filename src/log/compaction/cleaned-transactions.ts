/**
 * What compaction makes of transactions (Kafka's CleanedTransactionMetadata).
 *
 * - Records of aborted transactions go. Only what lies below the last stable offset is ever compacted, so that every
 *   transaction met is decided.
 * - A marker is spent once a pass has come by without a batch of its transaction before it; it is then given a delete
 *   horizon, and goes behind that, together with what is remembered of an aborted transaction: until then readers that are
 *   under way find it.
 * - The last batch of a producer that is still known stays as a header, since the next sequence follows it; of one that has
 *   no batch, the marker with its epoch.
 */
import type { BatchHeader } from "../../records/batch.ts";
import type { AbortedTransaction, DropAborted, Row } from "../../storage/storage.ts";
import type { Partition } from "../partition.ts";

export class CleanedTransactions {
  readonly #partition: Partition;
  /** Those that have records in the rows of this step, by producer. */
  #aborted = new Map<bigint, AbortedTransaction[]>();
  /** Producers of which a batch was passed since their last marker. */
  readonly #open = new Set<bigint>();
  #forgotten: DropAborted[] = [];

  constructor(partition: Partition) {
    this.#partition = partition;
  }

  /** Learns what was aborted in these rows. Throws StorageFault. */
  async look(rows: readonly Row[]): Promise<void> {
    const [first] = rows;
    const last = rows.at(-1);
    if (!first || !last) return;
    const { aborted } = this.#partition.producers;
    const found = await aborted.within(first.base, last.last + 1);
    this.#aborted = Map.groupBy(found, ({ producerId }) => producerId);
  }

  /** Whether the batch holds records that were aborted. */
  isAborted({ transactional, control, producerId, baseOffset }: BatchHeader): boolean {
    if (!transactional || control) return false;
    const own = this.#aborted.get(producerId) ?? [];
    return own.some(({ first, last }) => baseOffset >= first && baseOffset <= last);
  }

  /** Comes by a batch, in order; `spent` is a marker of which no batch was passed. */
  pass({ transactional, control, producerId }: BatchHeader): "spent" | null {
    if (control) return this.#open.delete(producerId) ? null : "spent";
    if (transactional) this.#open.add(producerId);
    return null;
  }

  /** The marker goes. */
  forget({ producerId, baseOffset }: BatchHeader): void {
    const own = this.#aborted.get(producerId) ?? [];
    if (own.some(({ last }) => last === baseOffset))
      this.#forgotten.push({ type: "unaborted", last: baseOffset });
  }

  /** What storage may forget since the last time. */
  forgotten(): readonly DropAborted[] {
    const forgotten = this.#forgotten;
    this.#forgotten = [];
    return forgotten;
  }

  isLastOfProducer(header: BatchHeader): boolean {
    const { producerId, producerEpoch, control, baseOffset, lastOffsetDelta } = header;
    if (producerId < 0n) return false;
    const state = this.#partition.producers.memory.state(producerId);
    if (!state) return false;
    const last = state.batches.at(-1);
    if (!last) return control && producerEpoch === state.epoch;
    return baseOffset + lastOffsetDelta === last.baseOffset + last.count - 1;
  }
}
