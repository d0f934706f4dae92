/**
 * One partition's answer to a fetch of whole v2 batches, as they are stored (`page.ts` gives records as text).
 *
 * - The first may begin below the offset that was asked for, none begins at or past `to`, and none but the first goes
 *   beyond the bytes that may be shown.
 * - With read_committed those that are not to be shown are left out.
 */
import { damageOf } from "../../broker/damage.ts";
import type { Isolation, ReadAnswer } from "../../broker/verbs.ts";
import { hiddenBy } from "../../broker/visibility.ts";
import { walkBatches } from "../../records/batch.ts";
import type { Reply } from "../answers/reply.ts";
import { BATCH_TYPE } from "../producing/produce-bytes.ts";
import { endsHeaders, nextOffset, upToDate } from "./page.ts";
import { joined } from "./runs.ts";

/** What of a log an answer may show. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly bytesMax: number;
}

/** The batches as the reply's body; `besides` are headers of the caller's. */
export function batchesReply(
  answer: ReadAnswer,
  span: Span,
  isolation: Isolation,
  besides: Readonly<Record<string, string>>,
): Reply {
  const { runs, size, next, isCut } = shownRuns(answer, span, isolation);
  const headers = { ...endsHeaders(answer, next, upToDate(answer, next, isolation)), ...besides };
  const bytes = joined(runs, size);
  // A view would keep what was cut off.
  const body = isCut && bytes instanceof Uint8Array ? bytes.slice() : bytes;
  const { done } = answer;
  return { status: 200, type: BATCH_TYPE, body, headers, ...(done && { done }) };
}

function shownRuns(answer: ReadAnswer, span: Span, isolation: Isolation) {
  try {
    return cutRuns(answer, span, isolation);
  } catch (error) {
    throw damageOf(error, { ...answer, from: span.from, next: null });
  }
}

function cutRuns(answer: ReadAnswer, { from, to, bytesMax }: Span, isolation: Isolation) {
  const isHidden = isolation === "read_committed" ? hiddenBy(answer.aborted) : () => false;
  const runs: Uint8Array[] = [];
  let size = 0;
  let next = Math.max(from, Math.min(answer.from, to));
  for (const run of answer.batches) {
    // What is shown of the run so far and not yet taken.
    let begin = 0;
    let end = 0;
    const take = () => {
      if (end > begin) runs.push(end - begin === run.length ? run : run.subarray(begin, end));
      size += end - begin;
    };
    for (const { at, header } of walkBatches(run)) {
      const after = at + header.sizeBytes;
      if (header.baseOffset >= to) break;
      if (isHidden(header)) {
        take();
        begin = after;
      } else if (size + after - begin > bytesMax && size + end - begin > 0) {
        take();
        return { runs, size, next, isCut: true };
      }
      end = after;
      next = nextOffset(header);
    }
    take();
    if (end < run.length) break;
  }
  return { runs, size, next, isCut: false };
}
