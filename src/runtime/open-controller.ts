/**
 * Opens the controller over the metadata of a folder: metadata that knows less than the logs is refused, before anything is
 * written to it.
 */
import { Controller } from "../cluster/controller.ts";
import type { Logger } from "../lib/logger.ts";
import type { Platform } from "../lib/platform.ts";
import { refuseUnclaimed } from "../log/unclaimed.ts";
import { MetadataLost } from "../storage/files/folder-error.ts";
import type { Stores } from "./open-stores.ts";
import { StartError } from "./start-error.ts";

/** Throws StartError where the metadata has lost something. */
export async function openController(
  data: string,
  { store, states }: Pick<Stores, "store" | "states">,
  { clock, random }: Platform,
  logger: Logger,
): Promise<Controller> {
  try {
    return await Controller.open({
      store,
      random,
      logger,
      turn: () => clock.turn(),
      check: (image, removed) => refuseUnclaimed(states, image, removed),
    });
  } catch (error) {
    if (!(error instanceof MetadataLost)) throw error;
    throw new StartError(`${data}: ${error.message}`, { cause: error });
  }
}
