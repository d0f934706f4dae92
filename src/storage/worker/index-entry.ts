/**
 * Entries of the index of rows, which a flipped bit can let lead to another row while its page looks whole: what the entry says is
 * compared with what the row itself has, wherever a row is found by it.
 */
import { Contradiction } from "../files/sqlite-error.ts";
import { integer } from "../sql/prepared.ts";
import type { PartitionId } from "../storage.ts";

/** Columns of the row itself, and `indexed`: what its entry has for `last`. */
interface FoundByEntry {
  readonly partition: unknown;
  readonly last: unknown;
  readonly indexed: unknown;
}

/** The row, if there is one. @throws Contradiction where it is not the one that its entry says. */
export function checked<T extends FoundByEntry>(row: T | null, partition: PartitionId): T | null {
  if (row) checkEntry(row, partition);
  return row;
}

export function checkEntry(row: FoundByEntry, partition: PartitionId): void {
  if (row.partition !== partition || row.last !== row.indexed) throw misled(partition, row.indexed);
}

export function misled(partition: PartitionId, last: unknown): Contradiction {
  return new Contradiction(
    `the index leads to another row than that of partition ${partition} that ends at ${String(last)}`,
  );
}

/** A row that ends before where it was looked for: the index has it in a wrong place, and who went on behind it would go back. */
export function checkOrder({ last }: { readonly last: unknown }, from: number): void {
  if (integer(last) < from)
    throw new Contradiction(`a row that ends at ${integer(last)} is found from ${from} on`);
}
