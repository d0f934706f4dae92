/**
 * Writing the markers of a prepared transaction: every partition of it, tried again until each has one, then the coordinator
 * is told.
 *
 * - A partition whose topic is gone needs none: a deleted topic never holds up a transaction.
 * - A prepared transaction that is announced again (its coordinator was loaded anew) is the one that is already under way.
 * - At most `MARKERS_AT_ONCE` of one transaction are on their way at a time; partitions of one transaction share the
 *   storage's commit.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import { Refusal } from "../../lib/refusal.ts";
import { StorageFault } from "../../storage/storage.ts";
import { eachPartition } from "./partitions.ts";
import {
  markerOf,
  type ProducerIdentity,
  type Transaction,
  type TransactionMarker,
} from "./state.ts";

const MARKERS_AT_ONCE = 64;
const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 2_000;

export interface MarkerPlace {
  readonly topic: string;
  readonly index: number;
}

export interface TransactionMarkersOptions {
  /** Appends one marker, synced; `gone` where there is no such partition (any more). May throw Refusal or StorageFault. */
  readonly write: (place: MarkerPlace, marker: TransactionMarker) => Promise<"written" | "gone">;
  /** Tells the coordinator that all have been written; false when it does not take that now. */
  readonly done: (transactionalId: string, producer: ProducerIdentity) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Job {
  readonly producer: ProducerIdentity;
  readonly finished: Promise<void>;
}

export class TransactionMarkers {
  readonly #options: TransactionMarkersOptions;
  readonly #jobs = new Map<string, Job>();
  #closed = false;

  constructor(options: TransactionMarkersOptions) {
    this.#options = options;
  }

  /** Transactions whose markers are being written. */
  get size(): number {
    return this.#jobs.size;
  }

  /** Begins to write the markers of a prepared transaction. */
  begin(transaction: Transaction): void {
    const { transactionalId, producerId, producerEpoch } = transaction;
    const known = this.#jobs.get(transactionalId)?.producer;
    if (known?.producerId === producerId && known.producerEpoch === producerEpoch) return;
    const producer = { producerId, producerEpoch };
    const finished = this.#run(transaction, producer).finally(() => {
      if (this.#jobs.get(transactionalId)?.producer === producer) {
        this.#jobs.delete(transactionalId);
      }
    });
    this.#jobs.set(transactionalId, { producer, finished });
  }

  /** Resolves once the markers now being written for this id are all there; at once when there are none. */
  finished(transactionalId: string): Promise<void> {
    return this.#jobs.get(transactionalId)?.finished ?? Promise.resolve();
  }

  /** Gives up what could not be written; the next start takes it up. */
  close(): void {
    this.#closed = true;
  }

  async #run(transaction: Transaction, producer: ProducerIdentity): Promise<void> {
    const marker = markerOf(transaction);
    if (!marker) return;
    const places = [...eachPartition(transaction.partitions)];
    const take = async (): Promise<void> => {
      for (let place = places.pop(); place; place = places.pop()) await this.#write(place, marker);
    };
    const workers = Math.min(MARKERS_AT_ONCE, places.length);
    await Promise.all(Array.from({ length: workers }, take));
    await this.#insist(() => this.#options.done(transaction.transactionalId, producer));
  }

  async #write(place: MarkerPlace, marker: TransactionMarker): Promise<void> {
    await this.#insist(async () => {
      try {
        await this.#options.write(place, marker);
        return true;
      } catch (error) {
        if (!(error instanceof Refusal) && !(error instanceof StorageFault)) throw error;
        this.#options.logger.debug("a transaction's marker could not be written; trying again", {
          ...place,
          error,
        });
        return false;
      }
    });
  }

  /** Tries until it works, waiting longer each time, unless the node ends. */
  async #insist(attempt: () => boolean | Promise<boolean>): Promise<void> {
    let waitMs = RETRY_MS_MIN;
    while (!this.#closed && !(await attempt())) {
      await new Promise<void>((resolve) => this.#options.clock.after(waitMs, resolve));
      waitMs = Math.min(waitMs * 2, RETRY_MS_MAX);
    }
  }
}
