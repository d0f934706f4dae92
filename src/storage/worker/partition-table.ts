/**
 * The partitions as the writer remembers them: every log's committed state, which the tables hold too.
 */
import { present } from "../../lib/assert.ts";
import type { LogState } from "../log-state.ts";
import { Contradiction, isDamage } from "../files/sqlite-error.ts";
import { LogKeys } from "../sql/log-keys.ts";
import { integer } from "../sql/prepared.ts";
import type { LogSql } from "./row-writer.ts";
import {
  type EpochStart,
  type PartitionId,
  type PartitionKey,
  type PartitionState,
  StorageFault,
} from "../storage.ts";

interface Kept {
  readonly key: PartitionKey;
  state: LogState;
}

/** Rows still to be deleted: all of a dropped partition's, or those below `below`. */
export interface Leftover {
  readonly dropped: boolean;
  readonly below: number;
}

export class PartitionTable {
  /** Logs whose own row did not say what topic they are of: the index did. */
  readonly unnamed: readonly PartitionId[];
  readonly leftovers = new Map<PartitionId, Leftover>();
  readonly #kept = new Map<PartitionId, Kept>();
  readonly #ids = new Map<string, PartitionId>();

  /** Of what the file has. @throws StorageFault damaged where that cannot be read. */
  static load(sql: LogSql): PartitionTable {
    const keys = new LogKeys(sql);
    const table = new PartitionTable(keys.damaged);
    try {
      const epochs = loadEpochs(sql);
      let before = 0;
      for (const row of sql.listPartitions.all({})) {
        table.#load(row, keys, epochs, before);
        before = integer(row.id);
      }
    } catch (error) {
      if (error instanceof StorageFault || !isDamage(error)) throw error;
      const message = `log.db is damaged in its table of partitions (${String(error)}). Nothing was changed: restore a backup`;
      throw new StorageFault("damaged", message, { cause: error });
    }
    return table;
  }

  private constructor(unnamed: readonly PartitionId[]) {
    this.unnamed = unnamed;
  }

  #load(
    row: ListedRow,
    keys: LogKeys,
    epochs: ReadonlyMap<PartitionId, EpochStart[]>,
    before: PartitionId,
  ): void {
    const id = integer(row.id);
    if (id <= before) throw new Contradiction(`log ${id} comes behind log ${before}`);
    if (row.dropped !== 0 && row.dropped !== 1)
      throw new Contradiction(`log ${id} is neither kept nor dropped`);
    // What is dropped is deleted soon, and cannot be had back.
    if (row.dropped === 1) {
      if (keys.isKept(id)) throw new Contradiction(`log ${id} is dropped, and its index has it`);
      this.leftovers.set(id, { dropped: true, below: Infinity });
      return;
    }
    const state = stateOf(row, epochs.get(id) ?? []);
    this.add(id, keys.of(row), state);
    if (integer(row.sweptTo) < state.logStart)
      this.leftovers.set(id, { dropped: false, below: state.logStart });
  }

  add(id: PartitionId, key: PartitionKey, state: LogState): void {
    this.#kept.set(id, { key, state });
    this.#ids.set(keyText(key), id);
  }

  drop(id: PartitionId): void {
    if (!this.#kept.has(id)) return;
    this.leave(id);
    this.leftovers.set(id, { dropped: true, below: Infinity });
  }

  /** Forgets it, and has its rows left alone. */
  leave(id: PartitionId): void {
    const kept = this.#kept.get(id);
    if (!kept) return;
    this.#kept.delete(id);
    this.#ids.delete(keyText(kept.key));
    this.leftovers.delete(id);
  }

  idOf(key: PartitionKey): PartitionId | undefined {
    return this.#ids.get(keyText(key));
  }

  state(id: PartitionId): LogState | undefined {
    return this.#kept.get(id)?.state;
  }

  set(id: PartitionId, state: LogState): void {
    const kept = present(this.#kept.get(id), "the partition is there");
    if (state.logStart > kept.state.logStart)
      this.leftovers.set(id, { dropped: false, below: state.logStart });
    kept.state = state;
  }

  /** Reads one partition's state again: someone else has moved it. */
  reload(sql: LogSql, id: PartitionId): LogState | undefined {
    const row = sql.getPartition.first({ id });
    if (!row) {
      this.drop(id);
      return undefined;
    }
    this.set(id, stateOf(row, loadEpochs(sql).get(id) ?? []));
    return this.state(id);
  }

  describe(id: PartitionId): PartitionState {
    const { key, state } = present(this.#kept.get(id), "the partition is there");
    return { id, ...key, ...state };
  }

  *ids(): Iterable<PartitionId> {
    yield* this.#kept.keys();
  }
}

type ListedRow = ReturnType<LogSql["listPartitions"]["all"]>[number];
type BoundsRow = Readonly<Record<keyof Omit<LogState, "epochs">, unknown>>;

function stateOf(row: BoundsRow, epochs: readonly EpochStart[]): LogState {
  return {
    logStart: integer(row.logStart),
    end: integer(row.end),
    epoch: integer(row.epoch),
    reservedEnd: integer(row.reservedEnd),
    startPosition: integer(row.startPosition),
    endPosition: integer(row.endPosition),
    maxTimestamp: integer(row.maxTimestamp),
    cleanedTo: integer(row.cleanedTo),
    producersEnd: integer(row.producersEnd) < 0 ? integer(row.end) : integer(row.producersEnd),
    abortedEnd: integer(row.abortedEnd),
    epochs,
  };
}

function loadEpochs(sql: LogSql): Map<PartitionId, EpochStart[]> {
  const epochs = new Map<PartitionId, EpochStart[]>();
  for (const row of sql.listEpochs.all({})) {
    const partition = integer(row.partition);
    const entry = { epoch: integer(row.epoch), start: integer(row.start) };
    const known = epochs.get(partition);
    if (known) known.push(entry);
    else epochs.set(partition, [entry]);
  }
  return epochs;
}

function keyText({ topicId, index }: PartitionKey): string {
  return `${topicId}:${index}`;
}
