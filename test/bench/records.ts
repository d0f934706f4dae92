/**
 * What the record batch codec costs, in MB/s of batch, beside those of kafkajs and @platformatic/kafka in the same run.
 *
 * `bun test/bench/records.ts [--codec lz4]`; the table's ratios are what to compare between machines.
 */
import { parseArgs } from "node:util";
import { Reader, createRecordsBatch, readRecordsBatch } from "@platformatic/kafka";
import { checkBatch } from "../../src/records/batch-check.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";
import { readRecords } from "../../src/records/batch-read.ts";
import { codecNames } from "../../src/records/compression.ts";
import { crc32c } from "../../src/records/crc32c.ts";
import type { NewRecord } from "../../src/records/record.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { kafkaJsCodecs, readKafkaJs, toKafkaJs, writeKafkaJs } from "../peers/records-kafkajs.ts";
import { toPlatformatic } from "../peers/records-platformatic.ts";

const { values: flags } = parseArgs({ options: { codec: { type: "string", default: "none" } } });
const codec = codecNames.find((name) => name === flags.codec) ?? "none";
const limits = { bytesMax: 1 << 26, decompressedBytesMax: 1 << 26 };
const random = seededRandom(1);

const shapes = [
  { name: "1 x 1 KiB", count: 1, valueBytes: 1024 },
  { name: "16 x 1 KiB", count: 16, valueBytes: 1024 },
  { name: "1000 x 1 KiB", count: 1000, valueBytes: 1024 },
  { name: "1000 x 100 B", count: 1000, valueBytes: 100 },
];

/** The best of five rounds of 100 ms, in MB/s; the rest is the machine's noise. */
async function rate(bytes: number, run: () => unknown): Promise<number> {
  let best = 0;
  for (let round = 0; round < 5; round++) {
    const started = performance.now();
    let runs = 0;
    do {
      const result = run();
      if (result instanceof Promise) await result;
      runs += 1;
    } while (performance.now() - started < 100);
    best = Math.max(best, (runs * bytes) / (performance.now() - started) / 1000);
  }
  return best;
}

function makeRecords(count: number, valueBytes: number): NewRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    key: new TextEncoder().encode(`key-${index}`),
    value: Uint8Array.from({ length: valueBytes }, (_, at) =>
      at % 2 ? 0x61 : 0x61 + random.next() * 26,
    ),
    headers: [],
    timestampMs: 1_700_000_000_000 + index,
  }));
}

function drain(records: Iterable<unknown>): number {
  let count = 0;
  for (const _record of records) count += 1;
  return count;
}

const rows: Record<string, Record<string, string>> = {};
for (const { name, count, valueBytes } of shapes) {
  const records = makeRecords(count, valueBytes);
  const batch = encodeBatch(records, { codec });
  const buffer = Buffer.from(batch);
  const messages = toPlatformatic(records);
  const plain = toKafkaJs(records);
  const bytes = codec === "none" ? batch.length : encodeBatch(records).length;
  const mbps = async (run: () => unknown) => (await rate(bytes, run)).toFixed(0);
  rows[name] = {
    crc: (await rate(batch.length, () => crc32c(batch))).toFixed(0),
    check: await mbps(() => checkBatch(batch, limits)),
    decode: await mbps(() => drain(readRecords(batch, 0, limits))),
    "decode platformatic": await mbps(() => readRecordsBatch(Reader.from(buffer))),
    encode: await mbps(() => encodeBatch(records, { codec })),
    "encode platformatic": await mbps(
      () => createRecordsBatch(messages, { compression: codec }).buffer,
    ),
  };
  if (!kafkaJsCodecs.includes(codec)) continue;
  rows[name]["decode kafkajs"] = await mbps(() => readKafkaJs(buffer));
  rows[name]["encode kafkajs"] = await mbps(() => writeKafkaJs(plain, codec));
}
console.log(`codec ${codec}, MB/s of uncompressed batch`);
console.table(rows);
