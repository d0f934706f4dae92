/**
 * The metadata store in `raft.db`, beside the logs.
 *
 * - It runs in the Worker of the log storage's writer when it is given that storage, else in one of its own: a sync takes
 *   3 ms, 26 at worst, on a busy disk, which the event loop must not wait for.
 * - The folder's lock is the log storage's: open that first, and close it last.
 */
import { mkdirSync } from "node:fs";
import { Channel } from "./channel.ts";
import { writerOf } from "./libsql.ts";
import type { MetadataAnswers, MetadataRequest } from "../messages/messages.ts";
import type {
  MetadataEntry,
  MetadataSnapshot,
  MetadataStore,
  NodeIdentity,
} from "../metadata-store.ts";
import { type Storage, StorageFault } from "../storage.ts";

export interface LibsqlMetadataOptions {
  /** The open log storage of the same folder. */
  readonly beside?: Storage;
  /** It has logs: metadata that has no cluster is not opened. */
  readonly hasLogs?: boolean;
  /** Called once when the disk failed: the node must stop. */
  readonly onFailure?: (fault: StorageFault) => void;
}

/** Opens `raft.db` in the folder, made if it is not there. Throws NewerFormat when a newer kedge wrote it, MetadataLost. */
export async function openLibsqlMetadataStore(
  directory: string,
  { beside, hasLogs = false, onFailure }: LibsqlMetadataOptions = {},
): Promise<MetadataStore> {
  mkdirSync(directory, { recursive: true });
  const shared = beside ? writerOf(beside) : null;
  const channel = shared ?? new Channel();
  try {
    await channel.ask({ type: "open-metadata", directory, hasLogs });
  } catch (error) {
    if (!shared) await channel.close();
    throw error;
  }
  return new LibsqlMetadataStore(channel, shared === null, onFailure);
}

class LibsqlMetadataStore implements MetadataStore {
  readonly #channel: Channel;
  readonly #own: boolean;
  #onFailure: ((fault: StorageFault) => void) | undefined;

  constructor(
    channel: Channel,
    own: boolean,
    onFailure: ((fault: StorageFault) => void) | undefined,
  ) {
    this.#channel = channel;
    this.#own = own;
    this.#onFailure = onFailure;
  }

  identity(): Promise<NodeIdentity | null> {
    return this.#ask({ type: "metadata-identity" });
  }

  async saveIdentity(identity: NodeIdentity): Promise<void> {
    await this.#ask({ type: "metadata-save-identity", identity });
  }

  load(): Promise<MetadataAnswers["metadata-load"]> {
    return this.#ask({ type: "metadata-load" });
  }

  async append(entries: readonly MetadataEntry[]): Promise<void> {
    await this.#ask({ type: "metadata-append", entries });
  }

  async saveSnapshot(snapshot: MetadataSnapshot): Promise<void> {
    await this.#ask({ type: "metadata-snapshot", snapshot });
  }

  async backup(path: string): Promise<void> {
    await this.#channel.ask({ type: "metadata-backup", path });
  }

  async close(): Promise<void> {
    await this.#ask({ type: "metadata-close" });
    if (this.#own) await this.#channel.close();
  }

  async #ask<T extends MetadataRequest["type"]>(
    request: MetadataRequest & { readonly type: T },
  ): Promise<MetadataAnswers[T]> {
    try {
      return await this.#channel.ask<T>(request);
    } catch (error) {
      if (error instanceof StorageFault && error.kind === "io") {
        this.#onFailure?.(error);
        this.#onFailure = undefined;
      }
      throw error;
    }
  }
}
