/**
 * One partition's commits: guarded by what its leader believes, and settled truthfully when storage cannot say.
 *
 * - After a commit of unknown outcome the bounds are read back: the end tells whether it was applied. Applied, it is synced
 *   again and stands; not applied, it failed without effect; where neither can be learnt, the outcome stays unknown and
 *   nothing is appended until it is known.
 * - A guard that fails at a newer epoch means another writer: this partition writes no more until it leads again at a newer
 *   one. At an epoch of its own it has lost count, and reads back before it goes on.
 */
import type { Logger } from "../../lib/logger.ts";
import { Refusal } from "../../lib/refusal.ts";
import {
  type Bounds,
  type Durability,
  type Entry,
  Fenced,
  type Guard,
  type PartitionId,
  type Storage,
  StorageFault,
} from "../../storage/storage.ts";

export class Commits {
  readonly #storage: Storage;
  readonly #partition: PartitionId;
  readonly #logger: Logger;
  /** What storage holds, as last learnt. */
  #guard: Guard;
  /** True after an outcome that nobody could tell. */
  #doubt = false;
  #fenced = false;
  /** The newest epoch that this leader has written or tried to write: a newer one is another leader's. */
  #epochMax: number;

  constructor(storage: Storage, partition: PartitionId, guard: Guard, logger: Logger) {
    this.#storage = storage;
    this.#partition = partition;
    this.#guard = guard;
    this.#logger = logger;
    this.#epochMax = guard.epoch;
  }

  /** The partition leads again, at a newer epoch. */
  unfence(): void {
    this.#fenced = false;
    this.#doubt = true;
  }

  /** The partition as storage has it: where a change leaves it that moves neither the end nor the epoch. */
  get guard(): Guard {
    return this.#guard;
  }

  /** True when storage may be ahead of what the leader knows: `reread` first. */
  get inDoubt(): boolean {
    return this.#doubt;
  }

  /**
   * Applies the entries, after which the partition stands at `after`; `alone` where no other is about to commit.
   * @throws StorageFault whose outcome is true, or Refusal not_leader_or_follower (nothing was applied).
   */
  async commit(
    entries: readonly Entry[],
    after: Guard,
    durability: Durability,
    alone = false,
  ): Promise<void> {
    if (this.#fenced) throw deposed();
    this.#epochMax = Math.max(this.#epochMax, after.epoch);
    const change = { partition: this.#partition, guard: this.#guard, entries, durability, alone };
    try {
      await this.#storage.commit(change);
      this.#guard = after;
    } catch (error) {
      if (error instanceof Fenced) throw this.#fence(error.actual);
      if (!(error instanceof StorageFault) || error.outcome === "none") throw error;
      this.#doubt = true;
      await this.#settle(error, after, durability);
    }
  }

  /**
   * Applies entries that move neither the end nor the epoch, merely written: whoever loses them does the work again. An
   * unknown outcome is the caller's, since nothing here tells.
   * @throws StorageFault, or Refusal not_leader_or_follower (nothing was applied).
   */
  async inPlace(entries: readonly Entry[]): Promise<void> {
    if (this.#fenced) throw deposed();
    const change = { partition: this.#partition, guard: this.#guard, entries };
    try {
      await this.#storage.commit({ ...change, durability: "written" });
    } catch (error) {
      if (error instanceof Fenced) throw this.#fence(error.actual);
      if (error instanceof StorageFault && error.outcome === "unknown") this.#doubt = true;
      throw error;
    }
  }

  /**
   * Learns where storage stands, as the leader of `epoch`, and makes sure that it is durable. Throws StorageFault as long as
   * that is impossible, Refusal not_leader_or_follower when another epoch has begun.
   */
  async reread(epoch: number, durability: Durability): Promise<Bounds> {
    if (this.#fenced) throw deposed();
    const bounds = await this.#storage.bounds(this.#partition);
    if (!bounds) throw this.#fence({ epoch: -1, end: -1 });
    this.#epochMax = Math.max(this.#epochMax, epoch);
    if (bounds.epoch > this.#epochMax) throw this.#fence(bounds);
    const guard = { epoch: bounds.epoch, end: bounds.end };
    try {
      await this.#storage.commit({ partition: this.#partition, guard, entries: [], durability });
    } catch (error) {
      if (error instanceof Fenced) throw this.#fence(error.actual);
      throw error;
    }
    this.#guard = guard;
    this.#doubt = false;
    return bounds;
  }

  /** Returns when the change was applied after all; throws what is true otherwise. */
  async #settle(fault: StorageFault, after: Guard, durability: Durability): Promise<void> {
    const before = this.#guard;
    let bounds: Bounds;
    try {
      bounds = await this.reread(after.epoch, durability);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      this.#logger.error("a commit's outcome is unknown and cannot be read back", {
        partition: this.#partition,
        error,
      });
      throw fault;
    }
    if (bounds.epoch === after.epoch && bounds.end === after.end) return;
    if (bounds.epoch === before.epoch && bounds.end === before.end) {
      throw new StorageFault(fault.kind, fault.message, { outcome: "none", cause: fault });
    }
    throw this.#fence(bounds);
  }

  #fence(actual: Guard): Refusal {
    this.#doubt = true;
    const gone = actual.epoch < 0;
    this.#fenced = actual.epoch > this.#epochMax || gone;
    // Topics are deleted while others write to them: nothing to be alarmed at.
    if (gone) this.#logger.debug("this partition is gone", { partition: this.#partition });
    else
      this.#logger.error("this partition is not where its leader left it", {
        partition: this.#partition,
        believed: this.#guard,
        actual,
      });
    return deposed();
  }
}

function deposed(): Refusal {
  return new Refusal("not_leader_or_follower", "Another writer leads this partition; ask again.");
}
