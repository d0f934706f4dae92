/**
 * A disk in memory that outlives the storage opened on it: the simulator's. It keeps what SQLite's write-ahead log keeps:
 * a base image and the commits since, so that a power cut leaves an exact prefix of them.
 *
 * - `crash` ends the process that has it open: nothing of it ever resolves again. The synced commits stay, and as many
 *   of the unsynced ones as told; a flipped bit may cost synced commits too, without an error.
 * - Faults are set from outside and met by the next commits: a full disk, an I/O error before or after the change.
 *
 * Left out: torn rows and bit flips inside a row, which SQLite's checksums turn into a shorter prefix.
 */
import { type Image, type Operation, applyOperation, copyImage, emptyImage } from "./image.ts";

/** Synced commits that a flipped bit may still take away; older ones count as checkpointed. */
const JOURNAL_COMMITS_MAX = 64;

export interface Crash {
  /** The machine lost power (not only the process): unsynced commits may be gone. */
  readonly loseUnsynced?: boolean;
  /** Unsynced commits that reached the disk all the same, oldest first. */
  readonly keepUnsynced?: number;
  /** Synced commits that are gone too, newest first (at most those not yet checkpointed). */
  readonly loseSynced?: number;
}

export type IoFault = "before" | "after";

export class MemoryDisk {
  /** While true, what needs space is refused; reads and deletes go on. */
  full = false;
  /** The next commit fails with an I/O error: before it was applied, or after (its outcome is unknown). */
  ioFault: IoFault | null = null;
  syncs = 0;
  commits = 0;

  #base: Image = emptyImage();
  #journal: Operation[][] = [];
  #synced = 0;
  #image: Image = emptyImage();
  #generation = 0;
  #opened = false;
  #powerLost = false;

  /** The state as the newest commit left it. */
  get image(): Image {
    return this.#image;
  }

  /** Takes the folder's lock. The token tells this process from one that crashed. */
  open(): { readonly generation: number; readonly powerLost: boolean } {
    if (this.#opened) throw new Error("the folder is in use by another storage on this disk");
    const powerLost = this.#powerLost;
    // What a killed process had written shows from now on, so it must not be lost with the power later.
    if (!powerLost) this.sync();
    this.#opened = true;
    return { generation: this.#generation, powerLost };
  }

  /** What was lost with the power has been made up for. */
  resumed(): void {
    this.#powerLost = false;
  }

  isOpen(generation: number): boolean {
    return this.#opened && this.#generation === generation;
  }

  /** One transaction; `synced` makes it and all before it last. */
  write(operations: readonly Operation[], synced: boolean): void {
    for (const operation of operations) applyOperation(this.#image, operation);
    this.#journal.push([...operations]);
    this.commits += 1;
    if (synced) this.sync();
  }

  sync(): void {
    this.syncs += 1;
    this.#synced = this.#journal.length;
    while (this.#synced > JOURNAL_COMMITS_MAX) {
      for (const operation of this.#journal.shift() ?? []) applyOperation(this.#base, operation);
      this.#synced -= 1;
    }
  }

  close(): void {
    this.sync();
    this.#opened = false;
  }

  crash({ loseUnsynced = false, keepUnsynced = 0, loseSynced = 0 }: Crash = {}): void {
    this.#generation += 1;
    this.#opened = false;
    if (!loseUnsynced && loseSynced === 0) return;
    const kept = loseSynced > 0 ? this.#synced - loseSynced : this.#synced + keepUnsynced;
    this.#journal.length = Math.min(this.#journal.length, Math.max(0, kept));
    this.#synced = this.#journal.length;
    this.#image = copyImage(this.#base);
    for (const operation of this.#journal.flat()) applyOperation(this.#image, operation);
    this.#powerLost = true;
  }
}
