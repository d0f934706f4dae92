/**
 * Producer ids: handed out one by one from blocks that the metadata log gives, so that no id is ever given twice, whatever
 * crashes. What is left of a block is lost with the process; there are 2^63 of them.
 */
import type { Command } from "../../cluster/commands.ts";
import type { Controller } from "../../cluster/controller.ts";
import type { Image } from "../../cluster/image.ts";
import { Refusal } from "../../lib/refusal.ts";
import { StorageFault } from "../../storage/storage.ts";

/** As Kafka's `ProducerIdsBlock`. */
export const PRODUCER_IDS_BLOCK = 1_000n;
/** More than are given while a backup is of use, and few enough for exact numbers after millions of restores. */
const SKIPPED_AFTER_RESTORE = 10n ** 9n;

/** Where this may be a copy, the original has gone on giving ids: this one gives others. Throws StorageFault. */
export async function skipProducerIds(controller: Pick<Controller, "submit">): Promise<void> {
  await controller.submit((image: Image): Command[] => {
    const next = (image.nextProducerId + SKIPPED_AFTER_RESTORE).toString();
    return [{ type: "producer-ids", version: 0, next }];
  });
}

export class ProducerIds {
  readonly #controller: Pick<Controller, "submit">;
  #next = 0n;
  #end = 0n;
  #refill: Promise<void> | null = null;

  constructor(controller: Pick<Controller, "submit">) {
    this.#controller = controller;
  }

  /** An id that nobody has had. @throws Refusal coordinator_not_available when no block could be had; nothing happened then. */
  async take(): Promise<bigint> {
    while (this.#next === this.#end) {
      this.#refill ??= this.#takeBlock().finally(() => (this.#refill = null));
      await this.#refill;
    }
    const id = this.#next;
    this.#next += 1n;
    return id;
  }

  async #takeBlock(): Promise<void> {
    let first = 0n;
    try {
      await this.#controller.submit((image: Image): Command[] => {
        first = image.nextProducerId;
        const next = (first + PRODUCER_IDS_BLOCK).toString();
        return [{ type: "producer-ids", version: 0, next }];
      });
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error;
      // Of unknown outcome the block may be taken all the same: then nobody gets it.
      throw new Refusal(
        "coordinator_not_available",
        "No producer id could be taken, since the storage failed; try again.",
      );
    }
    this.#next = first;
    this.#end = first + PRODUCER_IDS_BLOCK;
  }
}
