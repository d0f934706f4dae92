/**
 * What a poll read as text: the page of each partition, one after the other, within one bound over all.
 */
import type { PollRead, PollRender } from "../../broker/polling/verbs.ts";
import { readBytesOf, type TrafficVerbs } from "../../broker/traffic.ts";
import { LongText } from "../answers/long-text.ts";
import { pageOf, type PageTerms } from "./page.ts";
import { RecordsText, type Shape } from "./records-text.ts";

/** The log that a poll holds. */
export function bytesRead(reads: readonly PollRead[]): number {
  return reads.reduce((sum, { answer }) => sum + readBytesOf(answer), 0);
}

/** Renders a poll's reads in a shape. What it took of the log is counted. */
export function renderPages(
  terms: PageTerms,
  traffic: TrafficVerbs,
  shape: Shape,
): PollRender<RecordsText> {
  return async (reads) => {
    const records = new RecordsText(new LongText(), shape);
    const given: number[] = [];
    let bytesLeft = terms.bytesMax;
    for (const { answer, from, to } of reads) {
      const recordsMax = terms.recordsMax - records.count;
      if (recordsMax <= 0 || (bytesLeft <= 0 && records.count > 0)) {
        given.push(from);
        continue;
      }
      const bytes = readBytesOf(answer);
      const limited = { ...terms, recordsMax, bytesMax: Math.max(bytesLeft, 1) };
      const page = await pageOf(answer, from, to, limited, records);
      traffic.fetched(answer.topic, bytes);
      bytesLeft -= page.bytes;
      given.push(page.next);
    }
    return { given, value: records };
  };
}
