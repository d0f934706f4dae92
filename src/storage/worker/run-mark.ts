/**
 * The mark in `log.db` that a process is at work, which a clean end takes away: whoever finds one knows how the run before ended.
 *
 * - It names the machine's boot: one of another boot was cut off by more than the end of its process.
 * - Where something is found damaged, nothing else is written before a mark that says so, of no boot: each start until
 *   `resumed` counts as one after a power cut.
 * - So does each of a copy, whose original went on: its logs skip far more, the empty ones too, and so do partitions that are
 *   added later to topics of the copy, as they may have been to the original's.
 * - On a full disk it waits for room, and until it stands nothing else is written. Reads need no mark.
 */
import { closeSync, fsyncSync, openSync } from "node:fs";
import { type Damage, findDamage, proveEnds } from "../files/prove-end.ts";
import type { WalDamage } from "../files/wal-damage.ts";
import { errorOf } from "../messages/failure.ts";
import { textIfAny } from "../sql/prepared.ts";
import { type Change, StorageFault } from "../storage.ts";
import type { Writer } from "./writer.ts";

const RUNNING = "running";
/** Of logs that are lost: {@link RunMark.reservedAtBirth}. */
const RESERVED = "reserved";
const UNKNOWN_BOOT = "unknown";
/** No boot's id: whatever starts next counts as a restart. */
const DAMAGED_BOOT = "damaged";
/** More offsets than a byte of the write-ahead log can have held: zstd makes 0.8 bytes of each of the smallest records. */
const OFFSETS_A_BYTE = 16;
const RESERVED_UNREADABLE = 2 ** 40;
/** Of a backup, and of a folder that was restored from one. */
const COPIES: readonly string[] = ["copied", "restored"];
/**
 * More offsets than a log gives while a backup of it is of use: at 100,000 a second, those of eleven days. Ninety
 * thousand restores of restores fit an offset, and a Kafka consumer at its end, who is told of 2^31 at a time, asks 47 times.
 */
const OFFSETS_SINCE_COPY = 10 ** 11;
/** What a copy remembers for good: the newest partition that it came with, and what partitions added to its topics skip. */
const COPIED = "copied";

export interface Run {
  /** Null where it is not known: counts as a restart of the machine. */
  readonly bootId: string | null;
  readonly startedMs: number;
}

interface Copied {
  /** Those that the copy came with. */
  readonly topics: ReadonlySet<string>;
  /** What a partition that is added to them skips. */
  readonly offsets: number;
}

export class RunMark {
  /** Logs whose newest rows were damaged: cut off there. */
  readonly cut: readonly Damage[];
  readonly #writer: Writer;
  readonly #walPath: string;
  /** The boot id, and when this run began: never the same twice, so that writing it always reaches the disk. */
  readonly #mark: string;
  /** While true the mark of the run that was cut off stays: a kill before `resumed` must not hide it. */
  #powerLost: boolean;
  #reservedAtBirth = 0;
  readonly #copied: Copied;
  /** Whether this run has left its mark, or the one before has left one that says as much. */
  #stands = true;

  /** Looks at the mark of the run before, mends what that left, and leaves its own where there is room. */
  constructor(writer: Writer, walPath: string, { bootId, startedMs }: Run, lost: WalDamage | null) {
    this.#writer = writer;
    this.#walPath = walPath;
    this.#mark = `${bootId ?? UNKNOWN_BOOT} ${startedMs}`;
    const isCopy = COPIES.includes(this.#before() ?? "");
    if (lost || isCopy) this.#stepOver(lost, isCopy);
    this.#copied = this.#readCopied();
    this.cut = this.#mend(bootId);
    const before = this.#before();
    this.#powerLost = before !== null && !isOfBoot(before, bootId);
    if (this.#powerLost)
      this.#reservedAtBirth = reservedIn(writer.sql.getMeta.first({ key: RESERVED })?.value);
    else this.#stands = this.#tryToLeave() === null;
  }

  /** Whether the last run was cut off by more than the end of its process. */
  get powerLost(): boolean {
    return this.#powerLost;
  }

  get stands(): boolean {
    return this.#stands;
  }

  /** Offsets that a log of the topic which is not there may have given: before it was lost, or where this is a copy of. */
  reservedAtBirth(topicId: string): number {
    const sinceCopy = this.#copied.topics.has(topicId) ? this.#copied.offsets : 0;
    return Math.max(this.#reservedAtBirth, sinceCopy);
  }

  /** Every log has begun anew past what may have been given. */
  resumed(): void {
    this.#writer.transaction(true, () => {
      this.#writer.sql.setMeta.run({ key: RUNNING, value: this.#mark });
      this.#writer.sql.deleteMeta.run({ key: RESERVED });
    });
    this.#powerLost = false;
    this.#reservedAtBirth = 0;
  }

  /** Why nothing may be written yet, though there may be room by now for the mark that must come first. */
  faultBeforeWriting(): StorageFault | null {
    if (this.#stands) return null;
    const fault = this.#tryToLeave();
    this.#stands = fault === null;
    return fault;
  }

  takeAway(): void {
    if (this.#powerLost) return;
    this.#writer.transaction(true, () => {
      this.#writer.sql.deleteMeta.run({ key: RUNNING });
    });
  }

  /** Leaves the mark, and with it syncs what a killed process had merely written. */
  #leave(mark: string): void {
    this.#writer.transaction(true, () => {
      this.#writer.sql.setMeta.run({ key: RUNNING, value: mark });
    });
  }

  /** The fault where there is no room for the mark; what a killed process had merely written is synced all the same. */
  #tryToLeave(): StorageFault | null {
    try {
      this.#leave(this.#mark);
      return null;
    } catch (error) {
      if (!(error instanceof StorageFault) || error.kind !== "full") throw error;
      syncFile(this.#walPath);
      return error;
    }
  }

  /** Commits were lost, also such as reserved offsets, or made logs: every log goes on past what all of them may have given. */
  #stepOver(lost: WalDamage | null, isCopy: boolean): void {
    const { sql, table } = this.#writer;
    const offsets = (lost?.walBytes ?? 0) * OFFSETS_A_BYTE + (isCopy ? OFFSETS_SINCE_COPY : 0);
    const atBirth = reservedIn(sql.getMeta.first({ key: RESERVED })?.value) + offsets;
    const before = this.#readCopied();
    const newest = [...table.ids()].reduce((most, id) => Math.max(most, id), 0);
    const copied = `${newest} ${before.offsets + OFFSETS_SINCE_COPY}`;
    this.#writer.transaction(true, () => {
      sql.setMeta.run({ key: RUNNING, value: DAMAGED_BOOT });
      sql.setMeta.run({ key: RESERVED, value: String(atBirth) });
      if (isCopy) sql.setMeta.run({ key: COPIED, value: copied });
      sql.reserveMore.run({ offsets });
    });
    for (const id of table.ids()) table.reload(sql, id);
  }

  /** Of nothing where this is no copy; of every topic that is there where what it says cannot be read. */
  #readCopied(): Copied {
    const { sql, table } = this.#writer;
    const row = sql.getMeta.first({ key: COPIED });
    if (!row) return { topics: new Set(), offsets: 0 };
    const said = /^(\d{1,15}) (\d{1,15})$/.exec(textIfAny(row.value) ?? "");
    const newest = said ? Number(said[1]) : Infinity;
    const ids = [...table.ids()].filter((id) => id <= newest);
    return {
      topics: new Set(ids.map((id) => table.describe(id).topicId)),
      offsets: said ? Number(said[2]) : OFFSETS_SINCE_COPY,
    };
  }

  /** The mark that is there. */
  #before(): string | null {
    const row = this.#writer.sql.getMeta.first({ key: RUNNING });
    return row && (textIfAny(row.value) ?? DAMAGED_BOOT);
  }

  /** After a run without a clean end: proves the logs' ends and cuts damaged ones, which counts as power lost. */
  #mend(bootId: string | null): readonly Damage[] {
    const writer = this.#writer;
    const before = this.#before();
    if (before === null) {
      proveEnds(writer);
      return [];
    }
    const damaged = findDamage(writer, isOfBoot(before, bootId));
    if (damaged.length === 0) return damaged;
    this.#leave(DAMAGED_BOOT);
    const changes = damaged.flatMap(({ partition, end }): Change[] => {
      const state = writer.table.state(partition);
      if (!state) return [];
      const guard = { epoch: state.epoch, end: state.end };
      return [{ partition, guard, entries: [{ type: "truncate", end }], durability: "synced" }];
    });
    for (const [, failure] of writer.commit(changes, null)) throw errorOf(failure);
    return damaged;
  }
}

/** Where it cannot be read, more than any write-ahead log can have held. */
function reservedIn(value: unknown): number {
  if (value === undefined) return 0;
  const digits = textIfAny(value);
  return digits !== null && /^\d{1,15}$/.test(digits) ? Number(digits) : RESERVED_UNREADABLE;
}

function isOfBoot(mark: string, bootId: string | null): boolean {
  return bootId !== null && mark.split(" ")[0] === bootId;
}

/** SQLite holds no lock by this file: closing it drops none. */
function syncFile(path: string): void {
  const file = openSync(path, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
