/**
 * What one partition knows of its producers: their states, their open transactions, and how far storage is behind.
 *
 * - Changed once a commit has settled, or while the newest batches are read back at a start; `knownEnd` says up to which
 *   offset it is complete.
 * - Storage is brought up with what changed since the last time (`unstored`); between two such entries only the log knows.
 * - An id without an open transaction is forgotten `producerMs` after its last batch (Kafka's `producer.id.expiration.ms`), or
 *   earlier when there are too many: those that have been silent longest.
 */
import { present } from "../../lib/assert.ts";
import { readMarker } from "../../records/control.ts";
import { walkBatches } from "../../records/batch.ts";
import type { PutProducers, StoredProducer } from "../../storage/storage.ts";
import { producerState, storedProducer } from "./codec.ts";
import {
  afterBatch,
  afterMarker,
  type DataBatch,
  type Missed,
  type ProducerState,
  type Verification,
} from "./producers.ts";
import type { LogLimits } from "../limits.ts";
import type { KnownProducers, TurnProducers } from "./turn-producers.ts";
import { Verifications } from "../transactions/verification.ts";

interface Known {
  state: ProducerState;
  /** When this node last heard of it. */
  heardMs: number;
}

interface Tables {
  readonly known: Map<bigint, Known>;
  readonly open: Map<bigint, number>;
  readonly missed: Map<bigint, Missed>;
  readonly changed: Set<bigint>;
  readonly gone: Set<bigint>;
  readonly verifications: Verifications;
}

const NONE_OPEN: ReadonlyMap<bigint, number> = new Map();
/** Producers whose first batch failed; past it the oldest are forgotten. */
const MISSED_MAX = 1000;
/** When there are too many this share of a partition's goes. */
const EVICTED_SHARE = 1 / 8;

/** What memories of one node share: how many producers all of them know. */
export interface ProducerCount {
  count: number;
}

export class ProducerMemory implements KnownProducers {
  /** Memory is complete up to this offset. */
  knownEnd: number;
  readonly #limits: LogLimits;
  readonly #total: ProducerCount;
  /** Made with the first producer: most partitions never see one, and empty tables cost 0.6 KiB each. */
  #tables: Tables | null = null;

  /** As storage has it: `stored` is as of `end`. */
  constructor(
    stored: readonly StoredProducer[],
    end: number,
    shared: { readonly limits: LogLimits; readonly total: ProducerCount; readonly nowMs: number },
  ) {
    const { limits, total, nowMs } = shared;
    this.knownEnd = end;
    this.#limits = limits;
    this.#total = total;
    total.count += stored.length;
    if (stored.length === 0) return;
    const tables = this.#made();
    for (const each of stored)
      tables.known.set(each.id, { state: producerState(each), heardMs: nowMs });
    const open = stored.filter(({ transactionStart }) => transactionStart >= 0);
    open.sort((one, other) => one.transactionStart - other.transactionStart);
    for (const { id, transactionStart } of open) tables.open.set(id, transactionStart);
  }

  /** Nothing is known, and nothing that storage would have to be told. */
  get isEmpty(): boolean {
    return !this.#tables || (this.#tables.known.size === 0 && this.unstoredCount === 0);
  }

  get open(): ReadonlyMap<bigint, number> {
    return this.#tables?.open ?? NONE_OPEN;
  }

  /** The coordinator's words that were given and not used. */
  get verifications(): Verifications {
    return this.#made().verifications;
  }

  /** How many producers storage has to be told about. */
  get unstoredCount(): number {
    return this.#tables ? this.#tables.changed.size + this.#tables.gone.size : 0;
  }

  /** The first offset of the oldest open transaction, Infinity when none is open. */
  get firstUnstable(): number {
    if (this.open.size === 0) return Infinity;
    const [first = Infinity] = this.open.values();
    return first;
  }

  state(producerId: bigint): ProducerState | null {
    return this.#tables?.known.get(producerId)?.state ?? null;
  }

  verification(producerId: bigint): Verification | null {
    return this.#tables?.verifications.pending(producerId) ?? null;
  }

  *states(): Iterable<readonly [bigint, ProducerState]> {
    for (const [id, { state }] of this.#tables?.known ?? []) yield [id, state];
  }

  missed(producerId: bigint): Missed | null {
    return this.#tables?.missed.get(producerId) ?? null;
  }

  /** Batches were not appended: those of unknown producers have to come again, in their order. */
  failed(batches: Iterable<DataBatch>): void {
    for (const { producerId, producerEpoch: epoch, baseSequence: sequence } of batches) {
      const before = this.missed(producerId);
      const isFirst = before?.epoch !== epoch || sequence < before.sequence;
      if (sequence < 0 || this.state(producerId) || !isFirst) continue;
      this.#miss(producerId, { epoch, sequence });
    }
  }

  /** A turn's commit has settled. */
  settled(turn: TurnProducers, end: number, nowMs: number): void {
    for (const [id, missed] of turn.missed) this.#miss(id, missed);
    for (const [id, state] of turn.changed) this.#set(id, state, nowMs);
    for (const id of turn.unverified) this.#tables?.verifications.used(id);
    this.knownEnd = end;
  }

  /** Reads batches back that were appended past `knownEnd`: nothing is judged again. */
  learn(rows: Uint8Array, nowMs: number): void {
    for (const { at, header } of walkBatches(rows)) {
      const { producerId, baseOffset, lastOffsetDelta } = header;
      if (baseOffset < this.knownEnd) continue;
      this.knownEnd = baseOffset + lastOffsetDelta + 1;
      if (producerId < 0n) continue;
      const before = this.state(producerId);
      // Of a commit whose outcome was unknown: the batch or the marker that used the word up is met here.
      if (header.transactional) this.#tables?.verifications.used(producerId);
      if (!header.control) {
        this.#set(producerId, afterBatch(before, header, baseOffset, header.maxTimestamp), nowMs);
        continue;
      }
      const marker = readMarker(rows, at);
      if (!marker) continue;
      const { producerEpoch, maxTimestamp } = header;
      const { coordinatorEpoch } = marker;
      const after = afterMarker(before, { producerEpoch, coordinatorEpoch }, maxTimestamp);
      this.#set(producerId, after, nowMs);
    }
  }

  /** What storage has to be told, as of now. */
  unstored(): PutProducers {
    const { changed: ids, gone } = this.#made();
    const changed = [...ids].map((id) =>
      storedProducer(id, present(this.state(id), "what changed is known")),
    );
    return { type: "producers", end: this.knownEnd, changed, gone: [...gone] };
  }

  /** Storage has been told so. Whatever changed since is known to be `unstored` yet: it comes afterwards. */
  stored(): void {
    this.#tables?.changed.clear();
    this.#tables?.gone.clear();
  }

  /** Forgets ids that have been silent since before `beforeMs`, unless a transaction of theirs is open. */
  expire(beforeMs: number): void {
    for (const [id, { state, heardMs }] of this.#tables?.known ?? []) {
      if (state.transactionStart >= 0 || Math.max(heardMs, state.lastTimestamp) >= beforeMs)
        continue;
      this.#forget(id);
    }
  }

  /** The log is gone: its producers count no more. */
  close(): void {
    this.#total.count -= this.#tables?.known.size ?? 0;
    this.#tables = null;
  }

  #miss(id: bigint, missed: Missed): void {
    const table = this.#made().missed;
    table.delete(id);
    table.set(id, missed);
    if (table.size <= MISSED_MAX) return;
    const [oldest = id] = table.keys();
    table.delete(oldest);
  }

  #set(id: bigint, state: ProducerState, nowMs: number): void {
    const tables = this.#made();
    const known = tables.known.get(id);
    const { transactionStart } = state;
    if (transactionStart !== (known?.state.transactionStart ?? -1)) {
      tables.open.delete(id);
      if (transactionStart >= 0) tables.open.set(id, transactionStart);
    }
    tables.changed.add(id);
    tables.gone.delete(id);
    if (known) {
      known.state = state;
      known.heardMs = nowMs;
      return;
    }
    tables.missed.delete(id);
    tables.known.set(id, { state, heardMs: nowMs });
    this.#total.count += 1;
    const { producersPerPartition, producersPerNode } = this.#limits;
    const tooMany =
      tables.known.size > producersPerPartition || this.#total.count > producersPerNode;
    if (tooMany) this.#evict();
  }

  #evict(): void {
    const silent = [...this.#made().known].filter(([, { state }]) => state.transactionStart < 0);
    silent.sort(([, one], [, other]) => one.heardMs - other.heardMs);
    for (const [id] of silent.slice(0, Math.ceil(silent.length * EVICTED_SHARE))) this.#forget(id);
  }

  #forget(id: bigint): void {
    const { known, changed, gone } = this.#made();
    if (known.delete(id)) this.#total.count -= 1;
    changed.delete(id);
    gone.add(id);
  }

  #made(): Tables {
    return (this.#tables ??= {
      known: new Map(),
      open: new Map(),
      missed: new Map(),
      changed: new Set(),
      gone: new Set(),
      verifications: new Verifications(this),
    });
  }
}
