/**
 * Rows that the table has and its index has lost: a damaged page of the index may look whole and name fewer rows than it did, or
 * others, and who reads by it would pass over some in silence.
 *
 * - Rows follow each other in log position, over holes and what compaction took, too. Only where offsets are missing and bytes as
 *   well is there anything to look into; a read compares, and asks this no sooner.
 * - Behind the last row bytes that are missing say all. Between two rows a compaction that is under way, or was cut off, leaves the
 *   same: there the table itself is looked through, from the later row backwards, for what lies between.
 * - Where the index has an entry between the two whose row is not found, the table has lost it: that is told without looking.
 * - Left out: what lies further back than `ROWS_LOOKED_THROUGH_MAX` rows, of all logs. `kedge doctor --data` looks up every row.
 */
import { Contradiction, isDamage } from "../files/sqlite-error.ts";
import { integer } from "../sql/prepared.ts";
import type { PartitionId } from "../storage.ts";
import { checked } from "./index-entry.ts";
import type { LogSql } from "./row-writer.ts";

const ROWS_LOOKED_THROUGH_MAX = 4_096;

export const lostByIndex = () => new Contradiction("its index has lost rows that the table has");

/** Columns of a row that was found. */
type FoundRow = Readonly<Record<"id" | "base" | "position" | "bytes", unknown>>;

/** The rows that an offset lies between, as far as there are any. */
interface Around {
  readonly before: FoundRow | null;
  readonly after: FoundRow | null;
  /** Whether the index has entries between them whose rows are not there, or are others. */
  readonly hasUnsound?: boolean;
}

/**
 * Whether rows are lost from this offset on, at which none begins or goes on.
 * @throws what damage throws: then it is not known.
 */
export function isLostFrom(sql: LogSql, partition: PartitionId, from: number): boolean {
  const bounds = sql.getPartition.first({ id: partition });
  if (!bounds || from >= integer(bounds.end)) return false;
  return isLostBetween(sql, partition, from, {
    before: checked(sql.headBefore.first({ partition, before: from }), partition),
    after: checked(sql.headFrom.first({ partition, from }), partition),
  });
}

/** The same where the rows around it are known. */
export function isLostBetween(
  sql: LogSql,
  partition: PartitionId,
  from: number,
  { before, after, hasUnsound = false }: Around,
): boolean {
  const bounds = sql.getPartition.first({ id: partition });
  if (!bounds || from >= integer(bounds.end)) return false;
  const position = before
    ? integer(before.position) + integer(before.bytes)
    : integer(bounds.startPosition);
  if (!after) return position !== integer(bounds.endPosition);
  const base = integer(after.base);
  if (base <= from || integer(after.position) === position) return false;
  // A damaged page of the table hides a row from who goes through all rows, too.
  if (hasUnsound) return true;
  const between = { partition, from, base, above: before ? integer(before.id) : 0 };
  return tableHas(sql, between, integer(after.id));
}

interface Between {
  readonly partition: PartitionId;
  readonly from: number;
  readonly base: number;
  /** The id of the row before. */
  readonly above: number;
}

function tableHas(sql: LogSql, { partition, from, base, above }: Between, below: number): boolean {
  let before = below;
  try {
    for (let looked = 0; looked < ROWS_LOOKED_THROUGH_MAX;) {
      const rows = sql.newestRows.all({ before });
      for (const row of rows) {
        before = integer(row.id);
        if (before <= above) return false;
        const last = integer(row.last);
        if (row.partition === partition && last >= from && last < base) return true;
      }
      if (rows.length === 0) return false;
      looked += rows.length;
    }
    return false;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return true;
  }
}
