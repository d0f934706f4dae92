/**
 * What every Kafka door owes those who produce and fetch: part of `kafka-door.ts`.
 */
import { expect, test } from "bun:test";
import { produce } from "../../src/kafka/apis/00-produce.ts";
import { fetch } from "../../src/kafka/apis/01-fetch.ts";
import { metadata } from "../../src/kafka/apis/03-metadata.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";
import { encodeRequest } from "../../src/kafka/frames.ts";
import { walkBatches } from "../../src/records/batch.ts";
import { connectKafka } from "./kafka-connection.ts";
import {
  batchOf,
  fetchPart,
  fetchRequest,
  metadataRequest,
  newTopic,
  noId,
  produceRequest,
  produceTo,
  range,
  type Topic,
  valuesOf,
} from "./kafka-records.ts";
import type { Here } from "./kafka-suite.ts";

const noTopic: Topic = { name: "", id: noId };

export function produceTests(here: Here): void {
  test("what any version of Produce writes, any version of Fetch reads", async () => {
    const topic = await newTopic(here());
    const sent: string[] = [];
    for (const version of range(3, 13)) {
      const values = [`v${version}-a`, `v${version}-b`];
      const part = await produceTo(here(), topic, batchOf(values), { version });
      expect(part).toMatchObject({ errorCode: 0, baseOffset: sent.length, logAppendTimeMs: -1 });
      if (version >= 5) expect(part.logStartOffset).toBe(0);
      sent.push(...values);
    }
    for (const version of range(4, 18)) {
      const part = await fetchPart(here(), topic, 0, { version });
      expect(part).toMatchObject({ errorCode: 0, highWatermark: sent.length });
      expect(part.lastStableOffset).toBe(sent.length);
      expect(valuesOf(part.records)).toEqual(sent);
    }
  });

  test("Produce: large and small batches of one request are each kept", async () => {
    const topics = [await newTopic(here()), await newTopic(here()), await newTopic(here())];
    const sizes = [100_000, 1_000, 100_000];
    const rounds = 5;
    for (let round = 0; round < rounds; round++) {
      const topicData = topics.flatMap((topic, at) => {
        const records = batchOf([String(round).repeat(sizes[at] ?? 0)]);
        return produceRequest(topic, records).topicData;
      });
      const request = { ...produceRequest(noTopic, null), topicData };
      const { responses } = await here().send(produce, 12, request);
      const codes = responses.flatMap(({ partitionResponses }) =>
        partitionResponses.map(({ errorCode, baseOffset }) => [errorCode, baseOffset]),
      );
      expect(codes).toEqual(topics.map(() => [0, round]));
    }
    for (const [at, topic] of topics.entries()) {
      const { records } = await fetchPart(here(), topic, 0);
      const kept = valuesOf(records).map((value) => [value[0], value.length]);
      expect(kept).toEqual(range(0, rounds - 1).map((round) => [String(round), sizes[at]]));
    }
  });

  test.each([
    ["acks of 2", { acks: 2 }, () => batchOf(["a"]), 21],
    ["no bytes", {}, () => new Uint8Array(), 87],
    ["two batches", {}, () => Buffer.concat([batchOf(["a"]), batchOf(["b"])]), 87],
    ["a wrong CRC", {}, () => changed(batchOf(["a"]), 30, 1), 2],
    ["magic 1", {}, () => changed(batchOf(["a"]), 16, 3), 87],
    ["magic 5", {}, () => changed(batchOf(["a"]), 16, 7), 2],
    ["half a batch", {}, () => batchOf(["a"]).slice(0, 40), 87],
    ["a batch cut short", {}, () => batchOf(["abc"]).slice(0, 65), 87],
    ["zstd before v7", { version: 3 }, () => batchOf(["a"], { codec: "zstd" }), 76],
    ["a time too far ahead", {}, () => batchOf(["a"], { timestampMs: Date.now() + 1e9 }), 32],
    ["more than the topic takes", {}, () => batchOf(["x".repeat(1_100_000)]), 10],
    ["a partition that is not there", { partition: 7 }, () => batchOf(["a"]), 3],
  ] as const)("Produce: %s", async (_, options, records, code) => {
    const topic = await newTopic(here());
    const part = await produceTo(here(), topic, records(), options);
    expect(part).toMatchObject({ errorCode: code, baseOffset: -1 });
    const { highWatermark } = await fetchPart(here(), topic, 0);
    expect(highWatermark).toBe(0);
  });

  test("Produce: the records that a topic does not take are named", async () => {
    const topic = await newTopic(here(), [
      { name: "cleanup.policy", value: "compact" },
      { name: "message.timestamp.before.max.ms", value: "10000" },
    ]);
    const nowMs = Date.now();
    const told = async (
      records: readonly (readonly [key: string | null, ageMs: number])[],
      options: { version?: number; codec?: "gzip" } = {},
    ) => {
      const batch = encodeBatch(
        records.map(([key, ageMs]) => ({
          key: key === null ? null : Buffer.from(key),
          value: Buffer.from("value"),
          headers: [],
          timestampMs: nowMs - ageMs,
        })),
        { codec: options.codec ?? "none" },
      );
      const { version = 12 } = options;
      const part = await produceTo(here(), topic, batch, { version });
      const sentences = part.recordErrors.map((one) => one.batchIndexErrorMessage ?? "");
      expect(sentences).not.toContain("");
      if (part.recordErrors.length > 0) expect(part.errorMessage).not.toBeNull();
      return [part.errorCode, ...part.recordErrors.map(({ batchIndex }) => batchIndex)];
    };
    const keyless = [
      ["a", 0],
      [null, 0],
      ["c", 0],
      [null, 0],
    ] as const;
    expect(await told(keyless)).toEqual([87, 1, 3]);
    expect(await told(keyless, { codec: "gzip" })).toEqual([87, 1, 3]);
    expect(await told(keyless, { version: 8 })).toEqual([87, 1, 3]);
    expect(await told(keyless, { version: 7 })).toEqual([87]);
    expect(await told([["late", 60_000]])).toEqual([32, 0]);
    const mixed = [
      [null, 0],
      ["early", -1e9],
      ["good", 0],
      ["late", 60_000],
    ] as const;
    expect(await told(mixed)).toEqual([32, 0, 1, 3]);
    expect(await told([["good", 0]])).toEqual([0]);
  });

  test("Produce: records that are refused are named under a topic's own compression, too", async () => {
    for (const value of ["gzip", "uncompressed"]) {
      const topic = await newTopic(here(), [{ name: "compression.type", value }]);
      for (const codec of ["none", "gzip"] as const) {
        const early = batchOf(["a", "b"], { codec, timestampMs: Date.now() + 10_000_000 });
        const part = await produceTo(here(), topic, early);
        expect([part.errorCode, part.recordErrors.length]).toEqual([32, 2]);
      }
      expect((await produceTo(here(), topic, batchOf(["a"]))).errorCode).toBe(0);
    }
  });

  test("Produce: a topic that is not there, by name and by id", async () => {
    const nowhere = { name: "not-there", id: noId };
    const byName = await produceTo(here(), nowhere, batchOf(["a"]));
    expect(byName.errorCode).toBe(3);
    const byId = await produceTo(here(), nowhere, batchOf(["a"]), { version: 13 });
    expect(byId.errorCode).toBe(100);
  });

  test("Produce: one bad partition never fails its neighbours", async () => {
    const [good, other] = [await newTopic(here()), await newTopic(here())];
    const topicData = [good, { name: "not-there", id: noId }, other].flatMap(
      (topic) => produceRequest(topic, batchOf(["a"])).topicData,
    );
    const answer = await here().send(produce, 12, { acks: 1, timeoutMs: 1_000, topicData });
    const codes = new Map(
      answer.responses.map((each) => [each.name, each.partitionResponses[0]?.errorCode]),
    );
    expect([codes.get(good.name), codes.get("not-there"), codes.get(other.name)]).toEqual([
      0, 3, 0,
    ]);
  });

  test("Produce: a partition that is named twice has one answer, and its last batch", async () => {
    for (const version of [3, 12, 13]) {
      const [topic, other] = [await newTopic(here()), await newTopic(here())];
      const part = (to: Topic, ...values: string[]) =>
        produceRequest(to, batchOf(values), { version }).topicData;
      const ask = async (...topicData: ReturnType<typeof part>) => {
        const request = { ...produceRequest(topic, null, { version }), topicData };
        const { responses } = await here().send(produce, version, request);
        return responses.flatMap(({ partitionResponses }) =>
          partitionResponses.map(({ index, errorCode, baseOffset }) => [
            index,
            errorCode,
            baseOffset,
          ]),
        );
      };
      const [first] = part(topic, "never");
      const [second] = part(topic, "a", "b");
      if (!first || !second) throw new Error("a request of one topic has one");
      const partitionData = [...first.partitionData, ...second.partitionData];
      expect(await ask({ ...first, partitionData })).toEqual([[0, 0, 0]]);
      const apart = [...part(topic, "never"), ...part(other, "o"), ...part(topic, "c")];
      // Apache Kafka answers in an order of its own.
      const offsets = (await ask(...apart)).map(([, code, offset]) => `${code} ${offset}`);
      expect(offsets.toSorted()).toEqual(["0 0", "0 2"]);
      expect(valuesOf((await fetchPart(here(), topic, 0)).records)).toEqual(["a", "b", "c"]);
      expect(valuesOf((await fetchPart(here(), other, 0)).records)).toEqual(["o"]);
      const two = Buffer.concat([batchOf(["x"]), batchOf(["y"])]);
      const broken = produceRequest(topic, two, { version }).topicData;
      expect(await ask(...broken, ...part(topic, "good"))).toEqual([[0, 87, -1]]);
      expect(await ask(...part(topic, "good"), ...broken)).toEqual([[0, 87, -1]]);
    }
  });

  test("Produce: acks=0 is not answered; what goes wrong closes the connection", async () => {
    const topic = await newTopic(here());
    const other = await connectKafka(here().address);
    other.tell(produce, 9, produceRequest(topic, batchOf(["quiet"]), { acks: 0, version: 9 }));
    const answer = await other.send(metadata, 9, metadataRequest([]));
    expect(answer.brokers).toHaveLength(1);
    const part = await fetchPart(here(), topic, 0, { maxWaitMs: 5_000 });
    expect(valuesOf(part.records)).toEqual(["quiet"]);
    const wrong = produceRequest(topic, batchOf(["lost"]), { acks: 0, partition: 9, version: 9 });
    other.tell(produce, 9, wrong);
    expect(await other.frame()).toBeNull();
  });

  test("many requests at once are answered in their order, and written in it", async () => {
    const topic = await newTopic(here());
    const other = await connectKafka(here().address);
    const values = range(0, 99).map((at) => `value ${at}`);
    const answers = await Promise.all(
      values.map(async (value, at) => {
        if (at % 10 === 9) await other.send(metadata, 9, metadataRequest([]));
        return produceTo(other, topic, batchOf([value]));
      }),
    );
    expect(answers.map(({ errorCode }) => errorCode)).toEqual(values.map(() => 0));
    expect(valuesOf((await fetchPart(here(), topic, 0)).records)).toHaveLength(values.length);
    other.close();

    const ordered = await newTopic(here());
    const raw = await connectKafka(here().address);
    const frames = values.map((value, correlationId) =>
      Buffer.concat(
        encodeRequest(
          produce,
          { version: 12, correlationId, clientId: "pipelined" },
          produceRequest(ordered, batchOf([value])),
        ),
      ),
    );
    raw.raw(Buffer.concat(frames));
    for (const at of values.keys()) {
      const frame = await raw.frame();
      expect(new DataView(frame?.buffer ?? new ArrayBuffer(4), frame?.byteOffset).getInt32(0)).toBe(
        at,
      );
    }
    expect(valuesOf((await fetchPart(here(), ordered, 0)).records)).toEqual(values);
    raw.close();
  });
}

export function fetchTests(here: Here): void {
  const filled = async (): Promise<Topic> => {
    const topic = await newTopic(here());
    for (const value of ["a", "b", "c"]) await produceTo(here(), topic, batchOf([value, value]));
    return topic;
  };

  test("Fetch: an offset within a batch gives the whole batch", async () => {
    const topic = await filled();
    const { records } = await fetchPart(here(), topic, 3);
    expect(valuesOf(records)).toEqual(["b", "b", "c", "c"]);
    const first = [...walkBatches(records ?? new Uint8Array())][0];
    expect(first?.header.baseOffset).toBe(2);
  });

  test("Fetch: at least one whole batch, however small the limits", async () => {
    const topic = await filled();
    for (const bytes of [0, 1])
      for (const limits of [{ maxBytes: bytes }, { partitionMaxBytes: bytes }]) {
        const { records } = await fetchPart(here(), topic, 0, limits);
        expect(valuesOf(records)).toEqual(["a", "a"]);
      }
  });

  test("Fetch: nothing at the end, out of range past it and below 0", async () => {
    const topic = await filled();
    const end = await fetchPart(here(), topic, 6);
    expect(end).toMatchObject({ errorCode: 0, highWatermark: 6 });
    expect(valuesOf(end.records)).toEqual([]);
    for (const offset of [7, 1_000, -1]) {
      const { errorCode, records } = await fetchPart(here(), topic, offset);
      expect([errorCode, valuesOf(records)]).toEqual([1, []]);
    }
  });

  test.each([
    ["a name that is not there", { name: "not-there", id: noId }, { version: 12 }, 3],
    ["an id that is not there", { name: "", id: noId }, { version: 13 }, 100],
  ])("Fetch: %s is its partition's error, and ends the wait", async (_, topic, options, code) => {
    const part = await fetchPart(here(), topic, 0, { ...options, maxWaitMs: 60_000 });
    expect(part.errorCode).toBe(code);
  });

  test.each([
    ["a name that is not there", 12, { name: "not-there", id: noId }, 0, 3],
    ["an id that is not there", 13, { name: "", id: noId }, 0, 100],
    ["a partition that is not there", 13, null, 7, 3],
  ])("Fetch: %s beside one that is ends no wait", async (_, version, stranger, partition, code) => {
    const topic = await filled();
    const other = await connectKafka(here().address);
    const asked = fetchRequest(topic, 6, { version, maxWaitMs: 60_000 });
    const odd = fetchRequest(stranger ?? topic, 0, { version, partition });
    const waiting = other.send(fetch, version, {
      ...asked,
      topics: [...odd.topics, ...asked.topics],
    });
    await produceTo(here(), topic, batchOf(["d"]));
    const { responses } = await waiting;
    const parts = responses.flatMap(({ partitions }) => partitions);
    const told = parts.map(({ errorCode, records }) => [errorCode, valuesOf(records)]);
    expect(told).toContainEqual([code, []]);
    expect(told).toContainEqual([0, ["d"]]);
    other.close();
  });

  test("Fetch: what cannot be read ends the wait of all", async () => {
    const [topic, other] = [await filled(), await filled()];
    const asked = fetchRequest(topic, 6, { maxWaitMs: 60_000 });
    const odd = fetchRequest(other, 1_000);
    const { responses } = await here().send(fetch, 12, {
      ...asked,
      topics: [...odd.topics, ...asked.topics],
    });
    const codes = responses.flatMap(({ partitions }) =>
      partitions.map(({ errorCode }) => errorCode),
    );
    expect(codes.toSorted((one, other) => one - other)).toEqual([0, 1]);
  });

  test("Fetch: a leader epoch that the broker does not have", async () => {
    const topic = await filled();
    const current = await fetchPart(here(), topic, 0, { leaderEpoch: 0 });
    expect(current.errorCode).toBe(0);
    const newer = await fetchPart(here(), topic, 0, { leaderEpoch: 5 });
    expect(newer.errorCode).toBe(75);
  });

  test("Fetch: waits for records, and is answered once they are there", async () => {
    const topic = await filled();
    const other = await connectKafka(here().address);
    const waiting = fetchPart(other, topic, 6, { maxWaitMs: 60_000 });
    await produceTo(here(), topic, batchOf(["d"]));
    expect(valuesOf((await waiting).records)).toEqual(["d"]);
    other.close();
  });

  test("Fetch: waits no longer than asked", async () => {
    const topic = await filled();
    const { records } = await fetchPart(here(), topic, 6, { maxWaitMs: 50 });
    expect(valuesOf(records)).toEqual([]);
    const some = await fetchPart(here(), topic, 0, { maxWaitMs: 50, minBytes: 100_000 });
    expect(valuesOf(some.records)).toHaveLength(6);
  });

  test("Fetch: who reads committed records is told of aborted transactions, none", async () => {
    const topic = await filled();
    const request = { ...fetchRequest(topic, 0), isolationLevel: 1 };
    const { responses } = await here().send(fetch, 12, request);
    expect(responses[0]?.partitions[0]?.abortedTransactions).toEqual([]);
    const { abortedTransactions } = await fetchPart(here(), topic, 0);
    expect(abortedTransactions).toBeNull();
  });
}

/** The bytes with one of them XORed. */
function changed(bytes: Uint8Array, at: number, bits: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ bits;
  return copy;
}
