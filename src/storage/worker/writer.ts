/**
 * The one writer of `log.db`: takes all changes that came together into one transaction.
 *
 * - The first statement for each partition fails if its epoch or end is not what the change believes; that partition's
 *   changes are left out and the others go on.
 * - States are remembered only once committed. An error of the engine takes the whole transaction back; after one that is
 *   not a full disk nothing is written again, since what the file holds is no longer known.
 * - A page that a change needs and SQLite finds damaged fails that change alone: it had no effect, and what came with it is
 *   committed without it.
 */
import type Database from "libsql";
import { assert } from "../../lib/assert.ts";
import { failureOf } from "../messages/failure.ts";
import {
  type LogState,
  abortedPut,
  appended,
  begun,
  cleaned,
  emptyLog,
  holds,
  producersPut,
  trimmed,
  truncated,
} from "../log-state.ts";
import type { Failure } from "../messages/messages.ts";
import { begin } from "../files/open.ts";
import { textIfAny } from "../sql/prepared.ts";
import { PartitionTable } from "./partition-table.ts";
import { type LogSql, prepareLog, writeEntries } from "./row-writer.ts";
import { asPartialFault, commitFault, isGuard } from "../files/sqlite-error.ts";
import {
  type Change,
  type Entry,
  Fenced,
  type PartitionId,
  type PartitionKey,
  type PartitionState,
  StorageFault,
} from "../storage.ts";

/** Entries after which a log's positions are known only once its rows have been looked at. */
const movesPositions: ReadonlySet<Entry["type"]> = new Set(["trim", "truncate", "pack"]);

/** A change and its place among those that came together. */
interface Numbered {
  readonly at: number;
  readonly change: Change;
}

/** The changes of one partition, in order. */
type Group = readonly [PartitionId, readonly Numbered[]];

type Failures = Map<number, Failure>;

const GONE = { epoch: -1, end: -1 };

export class Writer {
  readonly sql: LogSql;
  readonly table: PartitionTable;
  commits = 0;
  syncs = 0;
  readonly #database: Database.Database;
  #synchronous = true;
  /** Syncs a commit in place of SQLite. */
  #sync: (() => void) | null = null;
  #broken: StorageFault | null = null;

  constructor(database: Database.Database) {
    this.#database = database;
    this.sql = prepareLog(database);
    this.table = PartitionTable.load(this.sql);
  }

  /** Commits what can be; the answer has a failure for each change that was not. `full`: what needs space is refused with it. */
  commit(changes: readonly Change[], full: StorageFault | null): Failures {
    return this.#commitTogether([...grouped(changes)], full);
  }

  /** In one transaction; where a damaged page fails that, in two, of half as many partitions each, and so on. */
  #commitTogether(groups: readonly Group[], full: StorageFault | null): Failures {
    const failures: Failures = new Map();
    const states = new Map<PartitionId, LogState>();
    const all = groups.flatMap(([, numbered]) => numbered);
    try {
      const synced = this.#mustSync(all);
      this.transaction(synced, () => {
        for (const [partition, numbered] of groups)
          this.#writePartition(partition, numbered, { full, failures, states });
        if (synced && this.#allAsBefore(states)) this.#touch();
      });
    } catch (error) {
      const isPartial = error instanceof StorageFault && error.kind === "damaged";
      if (isPartial && groups.length > 1) {
        const half = groups.length >> 1;
        const first = this.#commitTogether(groups.slice(0, half), full);
        return new Map([...first, ...this.#commitTogether(groups.slice(half), full)]);
      }
      const failure = failureOf(error);
      for (const { at } of all) if (!failures.has(at)) failures.set(at, failure);
      return failures;
    }
    for (const [partition, state] of states) this.table.set(partition, state);
    return failures;
  }

  /** `reservedOf`: offsets that such a log of a topic may have given before it was lost. */
  create(keys: readonly PartitionKey[], reservedOf: (topicId: string) => number): PartitionState[] {
    const made: (readonly [PartitionId, PartitionKey, number])[] = [];
    const missing = new Map(
      keys
        .filter((key) => this.table.idOf(key) === undefined)
        .map((key) => [`${key.topicId}:${key.index}`, key]),
    );
    if (missing.size > 0) {
      this.transaction(true, () => {
        for (const key of missing.values()) {
          const { topicId, index } = key;
          const reservedEnd = reservedOf(topicId);
          const { rowId } = this.sql.insertPartition.run({ topicId, index, reservedEnd });
          made.push([rowId, { topicId, index }, reservedEnd]);
        }
      });
    }
    for (const [id, key, reservedEnd] of made)
      this.table.add(id, key, { ...emptyLog, reservedEnd });
    return keys.map((key) => {
      const id = this.table.idOf(key);
      assert(id !== undefined, "the partition was created above");
      return this.table.describe(id);
    });
  }

  /**
   * Gives those that a damaged page keeps from being marked as dropped: they are no more, as far as this process goes, their rows
   * stay where they are, and the next start drops them again.
   */
  drop(partitions: readonly PartitionId[]): PartitionId[] {
    try {
      this.transaction(true, () => {
        for (const id of partitions) this.sql.dropPartition.run({ id });
      });
    } catch (error) {
      if (!(error instanceof StorageFault) || error.kind !== "damaged") throw error;
      const [first, ...others] = partitions;
      if (first === undefined) throw error;
      if (others.length > 0) return partitions.flatMap((id) => this.drop([id]));
      this.table.leave(first);
      return [first];
    }
    for (const id of partitions) this.table.drop(id);
    return [];
  }

  /** From here on commits that are to be synced are so by this, which throws where the disk fails. */
  syncBy(sync: () => void): void {
    this.#sync = sync;
  }

  /** Runs `work` in a transaction: synced, or kept from a kill alone. Throws StorageFault when the engine failed. */
  transaction(synced: boolean, work: () => void): void {
    if (this.#broken) throw this.#broken;
    this.#setSynchronous(synced && !this.#sync);
    let committing = false;
    try {
      begin(this.#database);
      work();
      committing = true;
      this.#database.exec("COMMIT");
      if (synced) this.#sync?.();
    } catch (error) {
      throw this.#failed(error, committing);
    }
    this.commits += 1;
    if (synced) this.syncs += 1;
  }

  #failed(error: unknown, committing: boolean): StorageFault {
    try {
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
    } catch {
      // What was not committed is gone with the connection.
    }
    const fault = committing ? commitFault(error, committing) : asPartialFault(error);
    // Later ones have surely no effect.
    if (fault.kind === "io") this.#broken = new StorageFault("io", fault.message);
    return fault;
  }

  /** The pragma cannot change inside a transaction. */
  #setSynchronous(synced: boolean): void {
    if (synced === this.#synchronous) return;
    this.#database.exec(`pragma synchronous = ${synced ? "full" : "normal"}`);
    this.#synchronous = synced;
  }

  /** One synced change syncs all; so does one that passes the reserved end, whose reservation must not be lost. */
  #mustSync(numbered: readonly Numbered[]): boolean {
    return numbered.some(({ change: { durability, partition, entries } }) => {
      if (durability === "synced") return true;
      const reservedEnd = this.table.state(partition)?.reservedEnd ?? Infinity;
      return entries.some((entry) => endAfter(entry) > reservedEnd);
    });
  }

  #allAsBefore(states: ReadonlyMap<PartitionId, LogState>): boolean {
    for (const [partition, state] of states)
      if (this.table.state(partition) !== state) return false;
    return true;
  }

  /** Writes what was not there before: a commit whose pages stay equal is skipped, and with it the sync that it is for. */
  #touch(): void {
    const key = "touched";
    const before = Number(textIfAny(this.sql.getMeta.first({ key })?.value));
    this.sql.setMeta.run({ key, value: String(Number.isSafeInteger(before) ? before + 1 : 1) });
  }

  #writePartition(
    partition: PartitionId,
    numbered: readonly Numbered[],
    {
      full,
      failures,
      states,
    }: { full: StorageFault | null; failures: Failures; states: Map<PartitionId, LogState> },
  ): void {
    const before = this.table.state(partition);
    if (!before) {
      fence(failures, numbered, GONE);
      return;
    }
    const { accepted, foreseen } = foresee(before, numbered, full, failures);
    if (accepted.length === 0) return;
    const entries = accepted.flatMap(({ change }) => change.entries);
    const known = !entries.some(({ type }) => movesPositions.has(type));
    if (!this.#move(partition, before, known ? foreseen : before)) {
      const actual = this.table.reload(this.sql, partition) ?? GONE;
      fence(failures, accepted, actual);
      return;
    }
    const after = writeEntries(this.sql, partition, before, entries);
    if (!known) {
      const moved = this.#move(partition, before, after);
      assert(moved, "nobody moves a partition inside our transaction");
    }
    states.set(partition, after);
  }

  /** False when the partition is not as believed: the statement failed, the transaction goes on. */
  #move(id: PartitionId, from: LogState, to: LogState): boolean {
    try {
      const { changes } = this.sql.movePartition.run({
        id,
        guardEpoch: from.epoch,
        guardEnd: from.end,
        epoch: to.epoch,
        logStart: to.logStart,
        end: to.end,
        reservedEnd: to.reservedEnd,
        startPosition: to.startPosition,
        endPosition: to.endPosition,
        maxTimestamp: to.maxTimestamp,
        cleanedTo: to.cleanedTo,
        producersEnd: to.producersEnd,
        abortedEnd: to.abortedEnd,
      });
      return changes === 1;
    } catch (error) {
      if (isGuard(error)) return false;
      throw error;
    }
  }
}

/**
 * Which of a partition's changes hold, each believing those before it, and the state that they lead to; where rows are
 * cut, its positions are not known yet.
 */
function foresee(
  before: LogState,
  numbered: readonly Numbered[],
  full: StorageFault | null,
  failures: Failures,
): { accepted: Numbered[]; foreseen: LogState } {
  const accepted: Numbered[] = [];
  let foreseen = before;
  for (const each of numbered) {
    const { at, change } = each;
    if (full && change.entries.some(needsSpace)) {
      failures.set(at, failureOf(full));
    } else if (!holds(foreseen, change.guard)) {
      fence(failures, [each], foreseen);
    } else {
      try {
        foreseen = change.entries.reduce(step, foreseen);
        accepted.push(each);
      } catch (error) {
        failures.set(at, failureOf(error));
      }
    }
  }
  return { accepted, foreseen };
}

function step(state: LogState, entry: Entry): LogState {
  switch (entry.type) {
    case "append":
      return appended(state, entry);
    case "begin":
      return begun(state, entry);
    case "trim":
      return entry.logStart > state.logStart
        ? trimmed(state, entry.logStart, state.startPosition)
        : state;
    case "truncate":
      return entry.end < state.end ? truncated(state, { ...state, end: entry.end }) : state;
    case "cleaned":
      return cleaned(state, entry.to);
    case "receipt":
    case "rewrite":
    case "pack":
    case "unaborted":
      return state;
    case "producers":
      return producersPut(state, entry);
    case "aborted":
      return abortedPut(state, entry);
    default:
      return entry satisfies never;
  }
}

function fence(
  failures: Failures,
  numbered: readonly Numbered[],
  { epoch, end }: { readonly epoch: number; readonly end: number },
): void {
  for (const { at, change } of numbered)
    failures.set(at, failureOf(new Fenced(change.partition, change.guard, { epoch, end })));
}

function grouped(changes: readonly Change[]): Map<PartitionId, Numbered[]> {
  const groups = new Map<PartitionId, Numbered[]>();
  for (const [at, change] of changes.entries()) {
    const group = groups.get(change.partition);
    if (group) group.push({ at, change });
    else groups.set(change.partition, [{ at, change }]);
  }
  return groups;
}

function endAfter(entry: Entry): number {
  if (entry.type === "append") return entry.last + 1;
  return entry.type === "begin" ? entry.start : 0;
}

function needsSpace(entry: Entry): boolean {
  return entry.type === "append" || entry.type === "receipt" || entry.type === "rewrite";
}
