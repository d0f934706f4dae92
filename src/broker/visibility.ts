/**
 * What of the log a reader is shown: not the records of the node itself (control batches), and with read_committed not those
 * of aborted transactions. Batches are hidden whole: a transaction's batches hold nothing else.
 */
import type { BatchHeader } from "../records/batch.ts";
import type { AbortedTransaction } from "./verbs.ts";

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
