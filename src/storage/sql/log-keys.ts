/**
 * Which partition of which topic each log is of: what says it stands twice in the file, in the table and in its index, so that where
 * one is damaged the other is asked.
 */
import { isDamage } from "../files/sqlite-error.ts";
import { type PartitionId, type PartitionKey, StorageFault } from "../storage.ts";
import { integer, type prepareAll, textIfAny } from "./prepared.ts";
import type { logStatements } from "./statements.ts";

type LogSql = ReturnType<typeof prepareAll<typeof logStatements>>;

/** What an id is made of: anything else was not written so. */
const TOPIC_ID = /^[\x21-\x7e]+$/;

/** A row of `listPartitions`, or of `listKeys`. */
interface KeyRow {
  readonly id: unknown;
  readonly topicId: unknown;
  readonly index: unknown;
}

export class LogKeys {
  /** Logs whose own row no longer says it: the index did. */
  readonly damaged: PartitionId[] = [];
  readonly #sql: LogSql;
  #byIndex: ReadonlyMap<PartitionId, KeyRow> | null = null;

  constructor(sql: LogSql) {
    this.#sql = sql;
  }

  /** @throws StorageFault damaged where neither says it. */
  of(row: KeyRow): PartitionKey {
    const id = integer(row.id);
    const known = keyOf(row);
    if (known) return known;
    const indexed = this.#listed().get(id);
    const again = indexed && keyOf(indexed);
    if (!again)
      throw new StorageFault(
        "damaged",
        `log.db is damaged: what topic log ${id} is of cannot be read in its table of partitions. Nothing was changed: restore a backup`,
      );
    this.damaged.push(id);
    return again;
  }

  /** Whether the index still has a log that its own row says is dropped, as one flipped bit has it: the two change as one. */
  isKept(id: PartitionId): boolean {
    try {
      return this.#listed().has(id);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return false; // An index that cannot be read says nothing.
    }
  }

  #listed(): ReadonlyMap<PartitionId, KeyRow> {
    this.#byIndex ??= new Map(this.#sql.listKeys.all({}).map((each) => [integer(each.id), each]));
    return this.#byIndex;
  }
}

function keyOf(row: KeyRow): PartitionKey | null {
  const topicId = textIfAny(row.topicId);
  if (topicId === null || !TOPIC_ID.test(topicId) || typeof row.index !== "number") return null;
  return { topicId, index: integer(row.index) };
}
