/**
 * What of the log a reader is shown: not the records of the node itself (control batches), and with read_committed not those
 * of aborted transactions. Batches are hidden whole: a transaction's batches hold nothing else.
 */
import { type BatchHeader, walkBatches } from "../records/batch.ts";
import type { AbortedTransaction, ReadAnswer } from "./verbs.ts";

/** Says of a batch whether its records are to be passed over. */
export type Hides = (header: BatchHeader) => boolean;

/** What a read's `aborted` hides beside control batches; null is read_uncommitted, which hides nothing else. */
export function hiddenBy(aborted: readonly AbortedTransaction[] | null): Hides {
  if (!aborted || aborted.length === 0) return ({ control }) => control;
  const byProducer = new Map<bigint, AbortedTransaction[]>();
  for (const each of aborted) {
    const known = byProducer.get(each.producerId);
    if (known) known.push(each);
    else byProducer.set(each.producerId, [each]);
  }
  return ({ control, transactional, producerId, baseOffset }) => {
    if (control || !transactional) return control;
    const spans = byProducer.get(producerId) ?? [];
    return spans.some(({ first, last }) => first <= baseOffset && baseOffset <= last);
  };
}

/** Where a reader at `from` goes on that is shown nothing of this answer; null when it is shown something, or was refused. */
export function passedOver(answer: ReadAnswer, from: number): number | null {
  if (answer.refusal) return null;
  const isHidden = hiddenBy(answer.aborted);
  let next = Math.max(from, answer.from);
  for (const run of answer.batches) {
    for (const { header } of walkBatches(run)) {
      const end = header.baseOffset + header.lastOffsetDelta + 1;
      // A batch without a record is all that compaction left of it.
      if (end > from && header.count > 0 && !isHidden(header)) return null;
      next = Math.max(next, end);
    }
  }
  return next;
}
