/**
 * What a poll read as JSON text: the page of each partition, one after the other, within one bound over all.
 */
import type { PollRead, PollRender } from "../../broker/polling/verbs.ts";
import { readBytesOf, type TrafficVerbs } from "../../broker/traffic.ts";
import { pageOf, type PageTerms } from "./page.ts";

/** The log that a poll holds. */
export function bytesRead(reads: readonly PollRead[]): number {
  return reads.reduce((sum, { answer }) => sum + readBytesOf(answer), 0);
}

/** Renders a poll's reads: each record as JSON text. What it took of the log is counted. */
export function renderPages(
  terms: PageTerms,
  traffic: TrafficVerbs,
): PollRender<readonly string[]> {
  return async (reads) => {
    const records: string[] = [];
    const given: number[] = [];
    let bytesLeft = terms.bytesMax;
    for (const { answer, from, to } of reads) {
      const recordsMax = terms.recordsMax - records.length;
      if (recordsMax <= 0 || (bytesLeft <= 0 && records.length > 0)) {
        given.push(from);
        continue;
      }
      const page = await pageOf(answer, from, to, {
        ...terms,
        recordsMax,
        bytesMax: Math.max(bytesLeft, 1),
      });
      traffic.fetched(answer.topic, readBytesOf(answer));
      records.push(...page.records);
      bytesLeft -= page.bytes;
      given.push(page.next);
    }
    return { given, value: records };
  };
}
