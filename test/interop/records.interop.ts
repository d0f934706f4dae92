/**
 * Record batches against the codecs of others, both ways: kafkajs, @platformatic/kafka and Kafka's own Java client.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { checkBatch } from "../../src/records/batch-check.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";
import { readRecords } from "../../src/records/batch-read.ts";
import { readBatchHeader } from "../../src/records/batch.ts";
import { type Codec, codecNames } from "../../src/records/compression.ts";
import { acceptedMutants } from "../fuzz/records-mutants.ts";
import { kafkaMissing } from "../peers/kafka.ts";
import { type JavaRecords, startJavaRecords } from "../peers/records-java.ts";
import { type JsonRecord, base64, bytes, toJson } from "../peers/records-json.ts";
import { decodeWithKafkaJs, encodeWithKafkaJs, kafkaJsCodecs } from "../peers/records-kafkajs.ts";
import { decodeWithPlatformatic, encodeWithPlatformatic } from "../peers/records-platformatic.ts";
import { type Sample, samples } from "../peers/record-samples.ts";

const limits = { bytesMax: 4 << 20, decompressedBytesMax: 4 << 20 };
/** Repeated header names and null header values are beyond the JavaScript clients. */
const sayable = samples.filter((sample) => sample.name !== "nulls and headers");

function withOffsets(sample: Sample, baseOffset = 0): JsonRecord[] {
  return sample.records.map((record, index) => ({ ...toJson(record), offset: baseOffset + index }));
}

/** What we make of a batch that somebody else wrote, as an untrusted client's. */
function decodeOurs(batch: Uint8Array, codec: Codec): JsonRecord[] {
  expect(checkBatch(batch, limits).codec).toBe(codec);
  return [...readRecords(batch, 0, limits)].map(toJson);
}

describe("kafkajs", () => {
  for (const codec of kafkaJsCodecs)
    for (const sample of sayable)
      test(`${codec}, ${sample.name}`, async () => {
        const theirs = await encodeWithKafkaJs(sample.records, codec);
        expect(decodeOurs(theirs, codec)).toEqual(withOffsets(sample));
        const ours = encodeBatch(sample.records, { codec, baseOffset: 41 });
        expect(await decodeWithKafkaJs(ours)).toEqual(withOffsets(sample, 41));
      });
});

describe("@platformatic/kafka", () => {
  for (const codec of codecNames)
    for (const sample of sayable)
      test(`${codec}, ${sample.name}`, () => {
        const theirs = encodeWithPlatformatic(sample.records, codec);
        expect(decodeOurs(theirs, codec)).toEqual(withOffsets(sample));
        const ours = encodeBatch(sample.records, { codec, baseOffset: 41 });
        expect(decodeWithPlatformatic(ours)).toEqual(withOffsets(sample, 41));
      });
});

const missing = kafkaMissing();
if (missing !== null) console.error(`Kafka's Java client is left out: ${missing}`);
describe.skipIf(missing !== null)("Kafka's Java client", () => {
  let java: JavaRecords;
  beforeAll(() => {
    java = startJavaRecords();
  });
  afterAll(() => java.close());

  for (const codec of codecNames)
    for (const sample of samples)
      test(`${codec}, ${sample.name}`, async () => {
        const baseOffset = 2 ** 40;
        const records = sample.records.map(toJson);
        const write = { op: "write", codec, baseOffset, leaderEpoch: 7, records };
        const theirs = bytes((await java.ask(write)).batch ?? "") ?? new Uint8Array();
        expect(decodeOurs(theirs, codec)).toEqual(withOffsets(sample, baseOffset));

        const ours = encodeBatch(sample.records, { codec, baseOffset, leaderEpoch: 7 });
        if (codec === "none") expect(Buffer.from(ours).equals(theirs)).toBe(true);
        const answer = await java.ask({ op: "read", batches: base64(ours) });
        expect(answer.error).toBeUndefined();
        expect(answer.batches).toHaveLength(1);
        const header = readBatchHeader(ours);
        expect(answer.batches?.[0]).toMatchObject({
          codec,
          baseOffset,
          lastOffset: baseOffset + sample.records.length - 1,
          leaderEpoch: 7,
          maxTimestamp: header.maxTimestamp,
          producerId: -1,
          records: withOffsets(sample, baseOffset),
        });
      });

  test("an idempotent producer's fields, both ways", async () => {
    const producer = { producerId: 4_000_000_000, producerEpoch: 3, baseSequence: 12 };
    const [plain] = samples;
    const records = (plain?.records ?? []).map(toJson);
    const write = { op: "write", codec: "none", baseOffset: 0, leaderEpoch: 0, records };
    const theirs = bytes((await java.ask({ ...write, ...producer })).batch ?? "");
    const fields = { ...producer, producerId: 4_000_000_000n };
    expect(checkBatch(theirs ?? new Uint8Array(), limits)).toMatchObject(fields);
    const ours = encodeBatch(plain?.records ?? [], { ...fields, leaderEpoch: 0 });
    expect(base64(ours)).toBe(base64(theirs));
  });

  test("what passes our check, however damaged, Java's consumers can read", async () => {
    let accepted = 0;
    for (const batch of acceptedMutants(1, 10_000)) {
      const answer = await java.ask({ op: "read", batches: base64(batch) });
      expect(answer.error, base64(batch) ?? "").toBeUndefined();
      const ours: unknown[] = [...readRecords(batch, 0, limits)].map(toJson);
      expect(answer.batches?.[0]?.records).toEqual(ours);
      accepted += 1;
    }
    expect(accepted).toBeGreaterThan(500);
  }, 60_000);

  test("a control batch and an emptied one are read", async () => {
    const marker = bytes((await java.ask({ op: "marker" })).batch ?? "") ?? new Uint8Array();
    expect(readBatchHeader(marker)).toMatchObject({ control: true, transactional: true, count: 1 });
    expect([...readRecords(marker, 0, limits)].map(toJson)).toEqual([
      {
        offset: 77,
        timestampMs: 1_700_000_000_000,
        key: "AAAAAA==",
        value: "AAAAAAAJ",
        headers: [],
      },
    ]);
    expect(() => checkBatch(marker, limits)).toThrow("Control batches");
    const empty = bytes((await java.ask({ op: "empty" })).batch ?? "") ?? new Uint8Array();
    expect(readBatchHeader(empty)).toMatchObject({ baseOffset: 100, lastOffsetDelta: 9, count: 0 });
    expect([...readRecords(empty, 0, limits)]).toEqual([]);
  });
});
