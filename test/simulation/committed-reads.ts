/** What somebody sees who reads committed records, from an offset to the end. */
import type { Broker } from "../../src/broker/verbs.ts";
import { hiddenBy } from "../../src/broker/visibility.ts";
import { readRecords } from "../../src/records/batch-read.ts";
import { walkBatches } from "../../src/records/batch.ts";
import { somebody } from "./test-node.ts";

const decoder = new TextDecoder();
const BYTES_MAX = 1e6;

/** Offset and value, in order. @throws Refusal, StorageFault. */
export async function committedOf(
  broker: Broker,
  topic: string,
  partition: number,
  from: number,
): Promise<[number, string][]> {
  const found: [number, string][] = [];
  for (let next = from; ;) {
    const [answer] = await broker.read(
      somebody,
      [{ topic, partition, from: next, bytesMax: BYTES_MAX }],
      { bytesMin: 0, bytesMax: BYTES_MAX, waitMs: 0, isolation: "read_committed" },
    );
    if (!answer) throw new Error("a read has an answer");
    if (answer.refusal) throw answer.refusal;
    const before = next;
    const isHidden = hiddenBy(answer.aborted);
    for (const run of answer.batches) {
      for (const { at, header } of walkBatches(run)) {
        next = header.baseOffset + header.lastOffsetDelta + 1;
        if (isHidden(header)) continue;
        for (const record of readRecords(run, at, { decompressedBytesMax: BYTES_MAX })) {
          if (record.offset < from) continue;
          found.push([record.offset, decoder.decode(record.value ?? undefined)]);
        }
      }
    }
    if (next === before) return found;
  }
}
