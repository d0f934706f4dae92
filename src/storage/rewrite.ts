/**
 * Compaction's rows in the place of others: the rules that every storage shares. What gives way must be what the writer
 * read, what comes must lie within it, and the newest row of a log never takes part.
 */
import { assert } from "../lib/assert.ts";
import type { Rewrite, RewrittenRow } from "./storage.ts";

/** A row as it is stored, without its bytes. */
interface OldRow {
  readonly base: number;
  readonly last: number;
  readonly position: number;
  /** The running maximum of timestamps up to and including this row. */
  readonly maxTimestamp: number;
}

interface PlacedRow extends RewrittenRow {
  readonly position: number;
  readonly maxTimestamp: number;
}

export function checkRewrite(
  { from, to, replaced, rows }: Omit<Rewrite, "type">,
  old: readonly OldRow[],
  hasNext: boolean,
): void {
  assert(
    old.length === replaced && replaced > 0,
    "the rows that give way are those that were read",
  );
  assert(old[0]?.base === from && old.at(-1)?.last === to, "rows give way as a whole");
  assert(hasNext, "the newest row stays as it is");
  let next = from;
  for (const { base, last, data } of rows) {
    assert(base >= next && last >= base && last <= to, "rewritten rows ascend within the range");
    assert(data.byteLength > 0, "a row has bytes");
    next = last + 1;
  }
}

/**
 * The new rows with what searches go by: each begins at the position, and has the running maximum of timestamps, of the
 * row that its last offset came from (both rise with the offsets; the positions are made exact by packing).
 */
export function placed(rows: readonly RewrittenRow[], old: readonly OldRow[]): PlacedRow[] {
  let at = 0;
  return rows.map((row) => {
    while ((old[at]?.last ?? Infinity) < row.last) at += 1;
    const source = old[at];
    assert(source, "a rewritten row comes from one that was there");
    return { ...row, position: source.position, maxTimestamp: source.maxTimestamp };
  });
}
