/**
 * What must not harm a Kafka door: frames that cannot be one close their own connection, batches that lie are refused by
 * themselves, and everybody else is served on. Run against Apache Kafka first.
 */
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "bun:test";
import { metadata } from "../../src/kafka/apis/03-metadata.ts";
import { produce } from "../../src/kafka/apis/00-produce.ts";
import { fetch } from "../../src/kafka/apis/01-fetch.ts";
import { listOffsets } from "../../src/kafka/apis/02-list-offsets.ts";
import type { Api } from "../../src/kafka/define-api.ts";
import { decodeResponse, encodeRequest } from "../../src/kafka/frames.ts";
import type { Decoded, Encodable, Fields } from "../../src/wire/schema.ts";
import { BATCH_HEADER_BYTES, field, stampCrc } from "../../src/records/batch.ts";
import { connectKafka } from "./kafka-connection.ts";
import {
  askedTopic,
  batchOf,
  fetchPart,
  fetchRequest,
  metadataRequest,
  newTopic,
  noId,
  type ProduceOptions,
  produceRequest,
  produceTo,
} from "./kafka-records.ts";
import { connectionTo, type OpenDoor } from "./kafka-suite.ts";

/** gzip as a batch's attributes have it. */
const GZIP = 1;

export function kafkaBadInputSuite(name: string, open: OpenDoor): void {
  describe(`${name}: bad input`, () => {
    const healthy = connectionTo(open);
    const isServed = async () => {
      const { brokers } = await healthy().send(metadata, 9, metadataRequest([]));
      expect(brokers).toHaveLength(1);
    };
    const good = () =>
      Buffer.concat(
        encodeRequest(
          metadata,
          { version: 9, correlationId: 1, clientId: "bad" },
          metadataRequest([askedTopic("not-there")]),
        ),
      );
    const lying = (at: number, ...bytes: readonly number[]) => {
      const frame = Uint8Array.from(good());
      frame.set(bytes, at);
      return frame;
    };
    const frames: readonly (readonly [string, () => Uint8Array])[] = [
      ["a length of 2 GiB", () => Uint8Array.from([127, 255, 255, 255, 0, 3, 0, 9])],
      ["a negative length", () => Uint8Array.from([255, 255, 255, 255])],
      ["a negative length but for its sign", () => Uint8Array.from([128, 0, 0, 0])],
      ["an empty frame", () => Uint8Array.from([0, 0, 0, 0])],
      ["half a header", () => Uint8Array.from([0, 0, 0, 3, 0, 3, 0])],
      ["an API that nobody has", () => lying(4, 3, 231)],
      ["an API of brokers alone", () => lying(4, 0, 6)],
      ["a version that is too new", () => lying(6, 0, 99)],
      [
        "a version that is too old",
        () => Uint8Array.from([0, 0, 0, 10, 0, 1, 0, 0, 0, 0, 0, 1, 255, 255]),
      ],
      ["a client id that is longer than the frame", () => lying(12, 127, 255)],
      ["an array that claims more than there is", () => lying(18, 255, 255, 255, 255, 15)],
      [
        "a frame that ends in the midst of its message",
        () => {
          const frame = Uint8Array.from(good()).slice(0, -4);
          new DataView(frame.buffer).setInt32(0, frame.length - 4);
          return frame;
        },
      ],
      ["a client that speaks HTTP", () => Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
      ["a TLS handshake", () => Uint8Array.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3])],
    ];
    test.each(frames)("%s closes its own connection, nothing else", async (_, bytes) => {
      const bad = await connectKafka(healthy().address);
      bad.raw(bytes());
      expect(await bad.frame()).toBeNull();
      await isServed();
    });

    test("what was asked before a bad frame is carried out in order, as far as it is", async () => {
      const bad = await connectKafka(healthy().address);
      const topic = await newTopic(healthy());
      const asked = [0, 1, 2].map((n) => produceTo(bad, topic, batchOf([`${n}`])));
      bad.raw(Uint8Array.from([255, 255, 255, 255]));
      const settled = await Promise.allSettled(asked);
      await isServed();
      // The connection that closes may take answers with it, the last ones first; what was answered stands.
      const offsets = settled.flatMap((each) =>
        each.status === "fulfilled" ? [each.value.baseOffset] : [],
      );
      expect(offsets).toEqual([0, 1, 2].slice(0, offsets.length));
      const { highWatermark } = await fetchPart(healthy(), topic, 0);
      expect(highWatermark).toBeGreaterThanOrEqual(offsets.length);
    });

    test("half a frame and then silence, or the end, harms nobody", async () => {
      const bad = await connectKafka(healthy().address);
      bad.raw(good().subarray(0, 20));
      await isServed();
      bad.close();
      await isServed();
    });

    test.each([
      ["a count that is too high", (batch: Uint8Array) => setInt(batch, field.count, 7), 87],
      ["a count that is too low", (batch: Uint8Array) => setInt(batch, field.count, 2), 87],
      [
        "a last offset that is too high",
        (batch: Uint8Array) => setInt(batch, field.lastOffsetDelta, 9),
        87,
      ],
      [
        "a length that is too long",
        (batch: Uint8Array) => setInt(batch, field.batchLength, 5_000),
        87,
      ],
      ["a length that is negative", (batch: Uint8Array) => setInt(batch, field.batchLength, -1), 2],
      ["a control batch", (batch: Uint8Array) => setShort(batch, field.attributes, 0x20), 87],
    ] as const)("a batch with %s is refused, and nothing of it kept", async (_, spoil, code) => {
      const topic = await newTopic(healthy());
      const batch = batchOf(["a", "b", "c"]).slice();
      spoil(batch);
      const { errorCode } = await produceTo(healthy(), topic, batch);
      expect(errorCode).toBe(code);
      expect((await fetchPart(healthy(), topic, 0)).highWatermark).toBe(0);
    });

    test.each([
      ["nothing", () => new Uint8Array(), 87],
      ["too few bytes for a size", () => new Uint8Array(11), 87],
      ["an older format", () => spoilt((batch) => (batch[field.magic] = 1)), 87],
      ["a batch that is not all there", () => batchOf(["a"]).subarray(0, -1), 87],
      ["a batch and half of another", () => joined(batchOf(["a"]).subarray(0, 30)), 0],
      ["a batch and another", () => joined(batchOf(["a"])), 87],
      ["a batch and what cannot be one", () => joined(new Uint8Array(17)), 2],
    ] as const)("%s as records is its partition's error alone", async (_, records, code) => {
      for (const version of [3, 13])
        expect(await producedBeside(records(), { version })).toEqual([0, code]);
    });

    test.each([
      ["zeros", () => new Uint8Array(100)],
      ["text", () => Buffer.from("this is some text and no batch of records, long enough for one")],
      ["a format to come", () => spoilt((batch) => (batch[field.magic] = 3))],
      ["a format below 0", () => spoilt((batch) => (batch[field.magic] = 255))],
    ] as const)("%s as records fails the whole Produce", async (_, records) => {
      for (const version of [3, 13])
        for (const acks of [-1, 7])
          expect(await producedBeside(records(), { version, acks })).toEqual([2, 2]);
    });

    test("a transactional batch without a transactional id fails the whole Produce", async () => {
      const transactional = spoilt((batch) => setShort(batch, field.attributes, 16));
      expect(await producedBeside(transactional)).toEqual([53, 53]);
    });

    test("a partition that is not there is told before its records, these before acks", async () => {
      const nowhere = { name: "not-there", id: noId };
      const [none, many] = [new Uint8Array(), joined(batchOf(["b"]))];
      expect((await produceTo(healthy(), nowhere, none)).errorCode).toBe(3);
      const topic = await newTopic(healthy());
      expect((await produceTo(healthy(), topic, none, { partition: 7 })).errorCode).toBe(3);
      expect((await produceTo(healthy(), topic, many, { acks: 7 })).errorCode).toBe(87);
    });

    /** The codes of a Produce of a good batch and of these records, to a topic each. */
    async function producedBeside(records: Uint8Array, options: ProduceOptions = {}) {
      const topics = [await newTopic(healthy()), await newTopic(healthy())] as const;
      const { version = 12 } = options;
      const request = produceRequest(topics[0], batchOf(["good"]), options);
      const [good] = request.topicData;
      const [bad] = produceRequest(topics[1], records, options).topicData;
      if (!good || !bad) throw new Error("a request of one topic has one");
      const answer = await healthy().send(produce, version, { ...request, topicData: [bad, good] });
      const codes = topics.map(({ name, id }) => {
        const own = answer.responses.find((each) =>
          version >= 13 ? each.topicId === id : each.name === name,
        );
        return own?.partitionResponses[0]?.errorCode;
      });
      const { highWatermark } = await fetchPart(healthy(), topics[0], 0);
      expect(highWatermark).toBe(codes[0] === 0 ? 1 : 0);
      return codes;
    }

    test("records that are damaged within a good CRC are refused", async () => {
      const topic = await newTopic(healthy());
      const batch = batchOf(["a", "b", "c"]).slice();
      batch[BATCH_HEADER_BYTES] = 0x7f;
      stampCrc(batch, 0, batch.byteLength);
      const { errorCode } = await produceTo(healthy(), topic, batch);
      expect([2, 87]).toContain(errorCode);
      expect((await fetchPart(healthy(), topic, 0)).highWatermark).toBe(0);
    });

    test("compressed bytes that are none are refused", async () => {
      const topic = await newTopic(healthy());
      const batch = batchOf(["abc", "def"]).slice();
      setShort(batch, field.attributes, GZIP);
      const { errorCode } = await produceTo(healthy(), topic, batch);
      expect(errorCode).not.toBe(0);
      expect((await fetchPart(healthy(), topic, 0)).highWatermark).toBe(0);
    });

    test("a batch that claims one record and is a bomb is refused", async () => {
      const topic = await newTopic(healthy());
      const { errorCode } = await produceTo(healthy(), topic, bomb(100 * 1024 * 1024));
      expect(errorCode).not.toBe(0);
      await isServed();
    });

    test("offsets and times of Java's Long.MAX_VALUE are past every end, no broken frames", async () => {
      const topic = await newTopic(healthy());
      await produceTo(healthy(), topic, batchOf(["a"]));
      const asked = fetchRequest(topic, Number.MAX_SAFE_INTEGER);
      const fetched = await sendLongest(fetch, 12, asked);
      expect(fetched.responses[0]?.partitions[0]?.errorCode).toBe(1);
      const partitions = [{ partitionIndex: 0, timestamp: Number.MAX_SAFE_INTEGER }];
      const listed = await sendLongest(listOffsets, 7, {
        replicaId: -1,
        isolationLevel: 0,
        timeoutMs: 5_000,
        topics: [{ name: topic.name, partitions }],
      });
      expect(listed.topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, offset: -1 });
    });

    /** Sends a request with every 2^53 - 1 in it as 2^63 - 1. */
    async function sendLongest<Req extends Fields, Res extends Fields>(
      api: Api<Req, Res>,
      version: number,
      request: Encodable<Req>,
    ): Promise<Decoded<Res>> {
      const header = { version, correlationId: 1, clientId: "longest" };
      const frame = Buffer.concat(encodeRequest(api, header, request)).toString("hex");
      const other = await connectKafka(healthy().address);
      other.raw(Buffer.from(frame.replaceAll("001fffffffffffff", "7fffffffffffffff"), "hex"));
      const answer = await other.frame();
      other.close();
      if (!answer) throw new Error(`the connection closed before ${api.name} was answered`);
      return decodeResponse(api, header, answer);
    }

    test("a time in nanoseconds is a wrong time, no damage", async () => {
      const topic = await newTopic(healthy());
      const batch = batchOf(["a"]).slice();
      new DataView(batch.buffer).setBigInt64(field.baseTimestamp, BigInt(Date.now()) * 1_000_000n);
      stampCrc(batch, 0, batch.byteLength);
      expect((await produceTo(healthy(), topic, batch)).errorCode).toBe(32);
    });

    test("a request that is refused as a whole leaves its connection usable", async () => {
      const topic = await newTopic(healthy());
      const request = produceRequest(topic, batchOf(["a"]), { acks: 7 });
      const answer = await healthy().send(produce, 12, request);
      expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(21);
      await isServed();
    });
  });
}

function spoilt(spoil: (batch: Uint8Array) => void): Uint8Array {
  const batch = batchOf(["a"]).slice();
  spoil(batch);
  return batch;
}

/** A good batch with more behind it. */
function joined(more: Uint8Array): Uint8Array {
  return Buffer.concat([batchOf(["a"]), more]);
}

/** A batch of one record whose compressed bytes open to so many zeros. */
function bomb(bytes: number): Uint8Array {
  const header = batchOf(["a"]).slice(0, BATCH_HEADER_BYTES);
  const content = gzipSync(new Uint8Array(bytes));
  const batch = new Uint8Array(BATCH_HEADER_BYTES + content.byteLength);
  batch.set(header);
  batch.set(content, BATCH_HEADER_BYTES);
  setInt(batch, field.batchLength, batch.byteLength - field.leaderEpoch);
  setShort(batch, field.attributes, GZIP);
  return batch;
}

function setInt(batch: Uint8Array, at: number, value: number): void {
  new DataView(batch.buffer).setInt32(at, value);
  if (at !== field.batchLength) stampCrc(batch, 0, batch.byteLength);
}

function setShort(batch: Uint8Array, at: number, value: number): void {
  new DataView(batch.buffer).setInt16(at, value);
  stampCrc(batch, 0, batch.byteLength);
}
