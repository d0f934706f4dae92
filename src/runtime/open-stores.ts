/**
 * Opens what a node keeps its data in: two databases in a folder, or memory.
 */
import type { Logger } from "../lib/logger.ts";
import type { Platform } from "../lib/platform.ts";
import {
  FolderInUse,
  FolderIncomplete,
  MetadataLost,
  NewerFormat,
} from "../storage/files/folder-error.ts";
import { permissionMissing } from "../storage/files/permission.ts";
import { checkLogsAreThere } from "../storage/files/whole-folder.ts";
import { Channel } from "../storage/libsql/channel.ts";
import { openLibsqlStorage } from "../storage/libsql/libsql.ts";
import { openLibsqlMetadataStore } from "../storage/libsql/metadata.ts";
import type { MetadataStore } from "../storage/metadata-store.ts";
import { type PartitionState, type Storage, StorageFault } from "../storage/storage.ts";
import { StartError } from "./start-error.ts";

/** In place of a folder: everything is gone with the process. */
export const IN_MEMORY = ":memory:";

export interface Stores {
  readonly storage: Storage;
  readonly store: MetadataStore;
  /** The partitions that storage had when it was opened. */
  readonly states: readonly PartitionState[];
}

export interface StoreSurroundings {
  readonly platform: Platform;
  readonly logger: Logger;
  /** A disk that failed. */
  readonly onFatal: (error: unknown) => void;
}

/** Stores that forget everything when the process ends. */
export async function openMemoryStores(): Promise<Stores> {
  const { memoryStorage } = await import("../storage/memory/memory.ts");
  const { memoryMetadataStore } = await import("../storage/memory/metadata.ts");
  return { storage: memoryStorage(), store: memoryMetadataStore(), states: [] };
}

/** What is open is closed with `opened`. Throws StartError where the folder cannot be had. */
export async function openFolder(
  directory: string,
  { platform, logger, onFatal }: StoreSurroundings,
  opened: AsyncDisposableStack,
): Promise<Stores> {
  try {
    checkLogsAreThere(directory);
    // The Worker does one after the other by itself, while this thread loads the rest of the node.
    const writer = new Channel();
    const options = { directory, clock: platform.clock, logger, process: platform };
    const limits = platform.sendsShared ? {} : { sharedBuffersBytesMax: 0 };
    const opening = openLibsqlStorage({ ...options, limits, onFailure: onFatal }, writer);
    const described = writer.ask({ type: "partitions" });
    const metadata = openLibsqlMetadataStore(directory, { beside: writer, onFailure: onFatal });
    for (const promise of [described, metadata]) promise.catch(() => {}); // Told where it is awaited.
    const storage = await opening;
    opened.defer(() => storage.close());
    const states = [...(await described)];
    const store = await metadata;
    opened.defer(() => store.close());
    return { storage, store, states };
  } catch (error) {
    if (error instanceof MetadataLost)
      throw new StartError(`${directory}: ${error.message}`, { cause: error });
    const known = [FolderInUse, NewerFormat, FolderIncomplete];
    if (error instanceof Error && known.some((kind) => error instanceof kind)) {
      throw new StartError(error.message, { cause: error });
    }
    const told = error instanceof Error ? error.message : String(error);
    // While a node runs this is told of what was asked for; a start is to say what to do about the folder.
    const isDamaged = error instanceof StorageFault && error.kind === "damaged";
    const isToldSo = told.includes("restore a backup");
    const advice =
      isDamaged && !isToldSo ? ' "kedge doctor --data" tells more; restore a backup.' : "";
    const reason = permissionMissing(directory) ?? told + advice;
    throw new StartError(`cannot open the data in ${directory}: ${reason}`, { cause: error });
  }
}
