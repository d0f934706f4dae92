/**
 * Receipts in memory, node-wide bounded, over those in storage; and the requests of producers that came too early.
 *
 * - A partition that was empty when it was opened, and none of whose receipts were evicted since, needs no look-up in storage
 *   for a key that is not in memory: there is none.
 * - A look-up begins when the request arrives, so that it is done by the time its turn comes.
 * - A request that came before its predecessor waits for it, bounded in number and time, then is refused.
 */
import { LRUCache } from "lru-cache";
import { assert, present } from "../../lib/assert.ts";
import type { Deadlines, Expiring } from "../../lib/deadlines.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { PartitionId, Storage } from "../../storage/storage.ts";
import type { AppendRequest } from "../appending/append-request.ts";
import type { LogLimits } from "../limits.ts";
import { decodeReceipt, type Receipt } from "./receipts.ts";
import type { TurnReceipts } from "../appending/turn.ts";

interface Cached {
  readonly owner: PartitionReceipts;
  readonly receipt: Receipt;
  readonly expiresMs: number;
}

/** All partitions' receipts, the least recently used evicted first. */
export class ReceiptCache {
  readonly #cached: LRUCache<string, Cached>;

  constructor(receiptsMax: number) {
    this.#cached = new LRUCache({
      max: receiptsMax,
      dispose: ({ owner }, _name, reason) => {
        if (reason === "evict") owner.complete = false;
      },
    });
  }

  get(partition: PartitionId, name: string, nowMs: number): Receipt | null {
    const cached = this.#cached.get(`${partition}/${name}`);
    return cached && cached.expiresMs > nowMs ? cached.receipt : null;
  }

  set(partition: PartitionId, name: string, cached: Cached): void {
    this.#cached.set(`${partition}/${name}`, cached);
  }
}

interface PartitionReceiptsOptions {
  readonly partition: PartitionId;
  readonly empty: boolean;
  readonly storage: Storage;
  readonly cache: ReceiptCache;
  readonly deadlines: Deadlines;
  readonly limits: LogLimits;
  readonly nowMs: () => number;
  readonly unqueued: (request: AppendRequest) => void;
}

/** What one partition remembers of idempotent requests. */
export class PartitionReceipts implements TurnReceipts {
  /** True while memory holds every receipt that storage has. */
  complete: boolean;
  readonly #partition: PartitionId;
  readonly #storage: Storage;
  readonly #cache: ReceiptCache;
  readonly #early: EarlyRequests;
  readonly #nowMs: () => number;
  readonly #prefetched = new WeakMap<AppendRequest, Promise<void>>();
  /** Counts the receipts that may have been stored: an answer of storage is good as long as this stands. */
  #changes = 0;

  constructor(options: PartitionReceiptsOptions) {
    this.#partition = options.partition;
    this.complete = options.empty;
    this.#storage = options.storage;
    this.#cache = options.cache;
    this.#nowMs = options.nowMs;
    this.#early = new EarlyRequests(options, (request) => this.receipt(request));
  }

  /** Begins to ask storage about a request that has just arrived, if memory does not know it. */
  prefetch(request: AppendRequest): void {
    if (this.isKnown(request)) return;
    // A failure shows itself when the request's turn comes and storage is asked again.
    this.#prefetched.set(
      request,
      this.#ask(request).catch(() => {}),
    );
  }

  /** Whether the request can be judged without asking storage. What memory knows now is kept for this turn. */
  isKnown(request: AppendRequest): boolean {
    if (request.receiptName === null || this.complete) return true;
    if (request.stored !== undefined && request.storedAt === this.#changes) return true;
    const cached = this.#cache.get(this.#partition, request.receiptName, this.#nowMs());
    if (!cached) return false;
    request.stored = cached;
    request.storedAt = this.#changes;
    return true;
  }

  /** Asks storage; afterwards the request can be judged. Throws StorageFault. */
  async lookUp(request: AppendRequest): Promise<void> {
    await this.#prefetched.get(request);
    if (!this.isKnown(request)) await this.#ask(request);
  }

  async #ask(request: AppendRequest): Promise<void> {
    const name = present(request.receiptName, "only idempotent requests are looked up");
    const askedAt = this.#changes;
    const stored = await this.#storage.receipt(this.#partition, storedKey(name));
    const live = stored && stored.expiresMs > this.#nowMs();
    request.stored = live ? decodeReceipt(stored.value) : null;
    request.storedAt = askedAt;
  }

  receipt(request: AppendRequest): Receipt | null {
    const name = present(request.receiptName, "only idempotent requests have receipts");
    return this.#cache.get(this.#partition, name, this.#nowMs()) ?? request.stored ?? null;
  }

  /** What is known under a receipt's name, without a request. Throws StorageFault. */
  async find(name: string): Promise<Receipt | null> {
    const cached = this.#cache.get(this.#partition, name, this.#nowMs());
    if (cached || this.complete) return cached;
    const stored = await this.#storage.receipt(this.#partition, storedKey(name));
    return stored && stored.expiresMs > this.#nowMs() ? decodeReceipt(stored.value) : null;
  }

  /** A receipt has been stored with its records. */
  settled(name: string, receipt: Receipt, expiresMs: number): void {
    this.#changes += 1;
    this.#cache.set(this.#partition, name, { owner: this, receipt, expiresMs });
  }

  /** Storage may hold receipts that were never settled here: whatever it answered before is asked again. */
  forget(): void {
    this.complete = false;
    this.#changes += 1;
  }

  park(request: AppendRequest): void {
    this.#early.add(request);
  }

  unpark(producerId: string, epoch: number, sequence: number): readonly AppendRequest[] {
    return this.#early.take(producerId, epoch, sequence);
  }

  /** Refuses everybody who waits for a predecessor: the partition is going away. */
  close(reason: Error): void {
    this.#early.close(reason);
  }
}

/** The key under which storage keeps the receipt of this name. */
export function storedKey(name: string): Uint8Array {
  return new TextEncoder().encode(name);
}

/** A request that waits for its predecessor; refuses it when nothing came. */
class EarlyRequest implements Expiring {
  readonly request: AppendRequest;
  readonly #owner: EarlyRequests;
  readonly #place: string;

  constructor(owner: EarlyRequests, place: string, request: AppendRequest) {
    this.#owner = owner;
    this.#place = place;
    this.request = request;
  }

  expire(): void {
    this.#owner.expired(this, this.#place);
  }
}

class EarlyRequests {
  readonly #limits: LogLimits;
  readonly #deadlines: Deadlines;
  readonly #unqueued: (request: AppendRequest) => void;
  readonly #receiptOf: (request: AppendRequest) => Receipt | null;
  /** By place: producer, epoch and sequence. A retry may wait at the same place as the first try. */
  readonly #places = new Map<string, EarlyRequest[]>();
  readonly #perProducer = new Map<string, number>();
  #size = 0;

  constructor(
    options: Pick<PartitionReceiptsOptions, "limits" | "deadlines" | "unqueued">,
    receiptOf: (request: AppendRequest) => Receipt | null,
  ) {
    this.#limits = options.limits;
    this.#deadlines = options.deadlines;
    this.#unqueued = options.unqueued;
    this.#receiptOf = receiptOf;
  }

  add(request: AppendRequest): void {
    const { idempotence } = request.input;
    if (idempotence?.type !== "sequence") return;
    const { producerId, epoch, sequence } = idempotence;
    const ofProducer = this.#perProducer.get(producerId) ?? 0;
    const { earlyRequestsPerPartition, earlyRequestsPerProducer, earlyRequestWaitMs } =
      this.#limits;
    if (this.#size >= earlyRequestsPerPartition || ofProducer >= earlyRequestsPerProducer) {
      throw this.#missing(request);
    }
    const place = placeOf(producerId, epoch, sequence);
    const early = new EarlyRequest(this, place, request);
    const there = this.#places.get(place);
    if (there) there.push(early);
    else this.#places.set(place, [early]);
    this.#size += 1;
    this.#perProducer.set(producerId, ofProducer + 1);
    this.#deadlines.add(early, earlyRequestWaitMs);
  }

  take(producerId: string, epoch: number, sequence: number): AppendRequest[] {
    if (this.#size === 0) return [];
    const place = placeOf(producerId, epoch, sequence);
    const early = this.#places.get(place);
    if (!early) return [];
    this.#places.delete(place);
    for (const each of early) this.#forget(each);
    return early.map(({ request }) => request);
  }

  expired(early: EarlyRequest, place: string): void {
    const left = (this.#places.get(place) ?? []).filter((other) => other !== early);
    if (left.length > 0) this.#places.set(place, left);
    else this.#places.delete(place);
    this.#forget(early);
    this.#unqueued(early.request);
    early.request.reject(this.#missing(early.request));
  }

  close(reason: Error): void {
    for (const early of [...this.#places.values()].flat()) {
      this.#forget(early);
      this.#unqueued(early.request);
      early.request.reject(reason);
    }
    this.#places.clear();
  }

  #missing(request: AppendRequest): Refusal {
    return missing(request, this.#receiptOf(request));
  }

  #forget(early: EarlyRequest): void {
    this.#deadlines.remove(early);
    this.#size -= 1;
    const { idempotence } = early.request.input;
    if (idempotence?.type !== "sequence") return;
    const left = (this.#perProducer.get(idempotence.producerId) ?? 1) - 1;
    if (left > 0) this.#perProducer.set(idempotence.producerId, left);
    else this.#perProducer.delete(idempotence.producerId);
  }
}

function placeOf(producerId: string, epoch: number, sequence: number): string {
  return `${epoch}:${sequence}:${producerId}`;
}

/** Tells the sequence that would be taken now. */
function missing(request: AppendRequest, receipt: Receipt | null): Refusal {
  const { idempotence } = request.input;
  assert(idempotence?.type === "sequence", "only sequences are early");
  const { epoch, sequence } = idempotence;
  const known = receipt?.type === "producer" && receipt.epoch === epoch;
  const expected = known ? receipt.lastSequence + 1 : 0;
  return new Refusal(
    "out_of_order_sequence_number",
    `Sequence ${expected} of this producer has not arrived, and this is ${sequence}; a new producer or epoch begins at 0.`,
    { sequence, expected },
  );
}
