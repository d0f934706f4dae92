/**
 * Tables of offsets by topic and partition, changed by copies that share what stayed the same.
 */
import type { CommittedOffset, GroupOffsets, OffsetTable } from "./state.ts";

/** A table while it is worked on: a topic's partitions are copied when the first of them changes. */
export class OffsetDraft {
  readonly #topics: Map<string, ReadonlyMap<number, CommittedOffset>>;
  readonly #copied = new Map<string, Map<number, CommittedOffset>>();

  constructor(table: OffsetTable) {
    this.#topics = new Map(table);
  }

  get table(): OffsetTable {
    return this.#topics;
  }

  put(topic: string, partition: number, committed: CommittedOffset): void {
    this.#own(topic).set(partition, committed);
  }

  delete(topic: string, partition: number): void {
    if (!this.#topics.get(topic)?.has(partition)) return;
    const partitions = this.#own(topic);
    partitions.delete(partition);
    if (partitions.size > 0) return;
    this.#topics.delete(topic);
    this.#copied.delete(topic);
  }

  #own(topic: string): Map<number, CommittedOffset> {
    const copied = this.#copied.get(topic) ?? new Map(this.#topics.get(topic));
    this.#copied.set(topic, copied);
    this.#topics.set(topic, copied);
    return copied;
  }
}

/** Every offset of a table. */
export function* offsetsIn(
  table: OffsetTable,
): Iterable<{ topic: string; partition: number; committed: CommittedOffset }> {
  for (const [topic, partitions] of table) {
    for (const [partition, committed] of partitions) yield { topic, partition, committed };
  }
}

export function offsetOf(
  table: OffsetTable,
  topic: string,
  partition: number,
): CommittedOffset | null {
  return table.get(topic)?.get(partition) ?? null;
}

/** Whether an open transaction has an offset for this partition: what it is in the end is not known yet. */
export function isPending({ pending }: GroupOffsets, topic: string, partition: number): boolean {
  for (const table of pending.values()) if (offsetOf(table, topic, partition)) return true;
  return false;
}

/**
 * A transaction has ended: what it kept aside becomes the committed offset, unless a later commit is there already; or nothing
 * comes of it.
 */
export function endTransaction(
  offsets: GroupOffsets,
  producerId: bigint,
  committed: boolean,
): GroupOffsets {
  const table = offsets.pending.get(producerId);
  if (!table) return offsets;
  const pending = new Map(offsets.pending);
  pending.delete(producerId);
  if (!committed) return { ...offsets, pending };
  const draft = new OffsetDraft(offsets.committed);
  for (const { topic, partition, committed: own } of offsetsIn(table)) {
    const there = offsetOf(offsets.committed, topic, partition);
    if (!there || own.order > there.order) draft.put(topic, partition, own);
  }
  return { ...offsets, committed: draft.table, pending };
}
