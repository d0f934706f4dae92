/**
 * The metadata store in `raft.db`, beside the logs.
 *
 * - It runs in the Worker of the log storage's writer when it is given that, else in one of its own: a sync takes
 *   3 ms, 26 at worst, on a busy disk, which the event loop must not wait for.
 * - The folder's lock is the log storage's: open that first, and close it last.
 */
import { mkdirSync } from "node:fs";
import { Channel } from "./channel.ts";
import type { MetadataAnswers, MetadataRequest } from "../messages/messages.ts";
import type {
  MetadataEntry,
  MetadataSnapshot,
  MetadataStore,
  NodeIdentity,
} from "../metadata-store.ts";
import { StorageFault } from "../storage.ts";

export interface LibsqlMetadataOptions {
  /** The writer of the same folder's logs, which has been asked to open; where there are logs, what lacks them is not opened. */
  readonly beside?: Channel | null;
  /** Called once when the disk failed: the node must stop. */
  readonly onFailure?: (fault: StorageFault) => void;
}

/**
 * Opens `raft.db` in the folder, made if it is not there. Throws NewerFormat when a newer kedge wrote it, FolderIncomplete,
 * MetadataLost. By the time that this returns its promise, everything that a start reads has been asked for.
 */
export async function openLibsqlMetadataStore(
  directory: string,
  { beside = null, onFailure }: LibsqlMetadataOptions = {},
): Promise<MetadataStore> {
  mkdirSync(directory, { recursive: true });
  const channel = beside ?? new Channel();
  const opened = channel.ask({ type: "open-metadata", directory, besideLogs: beside !== null });
  const ahead = {
    identity: channel.ask({ type: "metadata-identity" }),
    loaded: channel.ask({ type: "metadata-load" }),
  };
  for (const promise of Object.values(ahead)) promise.catch(() => {}); // Told where it is awaited.
  try {
    await opened;
  } catch (error) {
    if (!beside) await channel.close();
    throw error;
  }
  return new LibsqlMetadataStore(channel, { own: beside === null, ahead, onFailure });
}

/** What was asked for before anybody needed it. */
interface Ahead {
  readonly identity: Promise<NodeIdentity | null>;
  readonly loaded: Promise<MetadataAnswers["metadata-load"]>;
}

interface Surroundings {
  readonly own: boolean;
  readonly ahead: Ahead;
  readonly onFailure: ((fault: StorageFault) => void) | undefined;
}

class LibsqlMetadataStore implements MetadataStore {
  readonly #channel: Channel;
  readonly #own: boolean;
  #onFailure: ((fault: StorageFault) => void) | undefined;
  /** Until something is written. */
  #ahead: Ahead | null;

  constructor(channel: Channel, { own, ahead, onFailure }: Surroundings) {
    this.#channel = channel;
    this.#own = own;
    this.#ahead = ahead;
    this.#onFailure = onFailure;
  }

  identity(): Promise<NodeIdentity | null> {
    const { identity } = this.#ahead ?? {};
    return this.#noticed(identity ?? this.#channel.ask({ type: "metadata-identity" }));
  }

  async saveIdentity(identity: NodeIdentity): Promise<void> {
    await this.#write({ type: "metadata-save-identity", identity });
  }

  load(): Promise<MetadataAnswers["metadata-load"]> {
    const { loaded } = this.#ahead ?? {};
    // Read once: it may be large.
    this.#ahead = null;
    return this.#noticed(loaded ?? this.#channel.ask({ type: "metadata-load" }));
  }

  async append(entries: readonly MetadataEntry[]): Promise<void> {
    await this.#write({ type: "metadata-append", entries });
  }

  async saveSnapshot(snapshot: MetadataSnapshot): Promise<void> {
    await this.#write({ type: "metadata-snapshot", snapshot });
  }

  async backup(path: string): Promise<void> {
    await this.#channel.ask({ type: "metadata-backup", path });
  }

  async close(): Promise<void> {
    await this.#write({ type: "metadata-close" });
    if (this.#own) await this.#channel.close();
  }

  #write<T extends MetadataRequest["type"]>(
    request: MetadataRequest & { readonly type: T },
  ): Promise<MetadataAnswers[T]> {
    this.#ahead = null;
    return this.#noticed(this.#channel.ask<T>(request));
  }

  async #noticed<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof StorageFault && error.kind === "io") {
        this.#onFailure?.(error);
        this.#onFailure = undefined;
      }
      throw error;
    }
  }
}
