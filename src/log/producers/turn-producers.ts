/**
 * Producers within one turn: what the partition knows, and over it what the turn's own batches and markers add. The
 * partition takes the additions up once the turn's commit has settled; until then nothing here has changed it.
 */
import type { AbortedTransaction } from "../../storage/storage.ts";
import {
  afterBatch,
  afterMarker,
  type Arrival,
  checkMarker,
  type DataBatch,
  judgeBatch,
  type Marker,
  type Missed,
  type ProducerBatch,
  type ProducerState,
  type Verification,
} from "./producers.ts";

/** What a turn asks of the partition's memory of producers. */
export interface KnownProducers {
  state(producerId: bigint): ProducerState | null;
  verification(producerId: bigint): Verification | null;
  missed(producerId: bigint): Missed | null;
  /** First offsets of open transactions by producer, ascending. */
  readonly open: ReadonlyMap<bigint, number>;
}

export class TurnProducers {
  /** The state of every producer that the turn changed. */
  readonly changed = new Map<bigint, ProducerState>();
  /** Transactions that the turn's markers aborted. */
  readonly aborted: AbortedTransaction[] = [];
  /** Where batches of unknown producers failed; the earliest of each. */
  readonly missed = new Map<bigint, Missed>();
  /** Producers whose verifications were used up, by a first batch or by a marker. */
  readonly unverified = new Set<bigint>();
  readonly #known: KnownProducers;
  /** Copied when the turn opens or ends its first transaction. */
  #open: Map<bigint, number> | null = null;

  constructor(known: KnownProducers) {
    this.#known = known;
  }

  /** As `judgeBatch`. */
  judge(batch: DataBatch, guard: object | null): ProducerBatch | null {
    return judgeBatch(this.#state(batch.producerId), batch, this.#arrival(batch, guard));
  }

  /** A batch that was judged is given its place. */
  append(batch: DataBatch, baseOffset: number, timestampMs: number): void {
    const { producerId } = batch;
    const before = this.#state(producerId);
    const after = afterBatch(before, batch, baseOffset, timestampMs);
    this.changed.set(producerId, after);
    if (!batch.transactional) return;
    this.unverified.add(producerId);
    if (after.transactionStart === baseOffset) this.#openForChange().set(producerId, baseOffset);
  }

  /** A batch was judged and is not appended after all. */
  miss({ producerId, producerEpoch: epoch, baseSequence: sequence }: DataBatch): void {
    if (sequence < 0 || this.#state(producerId)) return;
    const before = this.#missed(producerId);
    if (before?.epoch === epoch && before.sequence <= sequence) return;
    this.missed.set(producerId, { epoch, sequence });
  }

  /** As `checkMarker`. */
  check(marker: Marker): void {
    checkMarker(this.#state(marker.producerId), marker);
  }

  /** A marker that was checked is given its place; a transaction without records leaves no trace but its epochs. */
  end(marker: Marker, offset: number, nowMs: number): void {
    const { producerId, commit } = marker;
    const before = this.#state(producerId);
    this.changed.set(producerId, afterMarker(before, marker, nowMs));
    this.unverified.add(producerId);
    const first = before?.transactionStart ?? -1;
    if (first < 0) return;
    const open = this.#openForChange();
    open.delete(producerId);
    if (commit) return;
    const [stillOpen = offset + 1] = open.values();
    this.aborted.push({ producerId, first, last: offset, lastStable: stillOpen });
  }

  #state(producerId: bigint): ProducerState | null {
    return this.changed.get(producerId) ?? this.#known.state(producerId);
  }

  #arrival({ producerId, transactional }: DataBatch, guard: object | null): Arrival {
    const used = !transactional || this.unverified.has(producerId);
    const verification = used ? null : this.#known.verification(producerId);
    return { verification, guard, missed: this.#missed(producerId) };
  }

  #missed(producerId: bigint): Missed | null {
    return this.missed.get(producerId) ?? this.#known.missed(producerId);
  }

  #openForChange(): Map<bigint, number> {
    return (this.#open ??= new Map(this.#known.open));
  }
}
