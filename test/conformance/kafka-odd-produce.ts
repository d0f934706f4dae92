/**
 * Odd batches and Produce requests (`kafka-odd.ts`).
 */
import { produce } from "../../src/kafka/apis/00-produce.ts";
import { BATCH_HEADER_BYTES, field, stampCrc, walkBatches } from "../../src/records/batch.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import type { OddCases, OddWorld } from "./kafka-odd.ts";
import { batchOf, fetchPart, noId, produceRequest, produceTo } from "./kafka-records.ts";

/** The attributes of a batch. */
const bit = { appendTime: 8, deleteHorizon: 64, unknown: 256 };
const BASE_MS = 1_700_000_000_000;

const attributes = (bits: number) => (view: DataView) => view.setInt16(field.attributes, bits);

const times = (timestampMs: bigint) => (view: DataView) => {
  view.setBigInt64(field.baseTimestamp, timestampMs);
  view.setBigInt64(field.maxTimestamp, timestampMs);
};

export const oddProduce: OddCases = {
  "Produce: a base offset that is not 0": produced((view) => view.setBigInt64(0, 7n)),
  "Produce: a base offset below 0": produced((view) => view.setBigInt64(0, -1n)),
  "Produce: a base offset that is not 0, to a compressed topic": produced(
    (view) => view.setBigInt64(0, 7n),
    [{ name: "compression.type", value: "gzip" }],
  ),
  "Produce: a base offset that is not 0, to a topic of append times": produced(
    (view) => view.setBigInt64(0, 7n),
    [{ name: "message.timestamp.type", value: "LogAppendTime" }],
  ),
  "Produce: the bit of append times": produced(attributes(bit.appendTime)),
  "Produce: the bit of delete horizons": produced(attributes(bit.deleteHorizon)),
  "Produce: the bit of delete horizons, to a compressed topic": produced(
    attributes(bit.deleteHorizon),
    [{ name: "compression.type", value: "gzip" }],
  ),
  "Produce: a bit that nobody has": produced(attributes(bit.unknown)),
  "Produce: codec 5": produced(attributes(5)),
  "Produce: codec 6": produced(attributes(6)),
  "Produce: codec 7": produced(attributes(7)),
  "Produce: a leader epoch of its own": produced((view) => view.setInt32(field.leaderEpoch, 9)),
  "Produce: a greatest time that is too small": produced((view) =>
    view.setBigInt64(field.maxTimestamp, BigInt(BASE_MS - 5)),
  ),
  "Produce: a greatest time that is too large": produced((view) =>
    view.setBigInt64(field.maxTimestamp, BigInt(BASE_MS + 5)),
  ),
  "Produce: no time": produced((view) => {
    view.setBigInt64(field.baseTimestamp, -1n);
    view.setBigInt64(field.maxTimestamp, -1n);
  }),
  "Produce: times that nobody has, to a topic of append times": async (world) => {
    const answers = [];
    for (const timestampMs of [2n ** 63n - 1n, 2n ** 53n, -5n, -(2n ** 63n)]) {
      const spoil = times(timestampMs);
      const topic = await world.topic(1, [
        { name: "message.timestamp.type", value: "LogAppendTime" },
      ]);
      const { errorCode, recordErrors } = await produceTo(world.connection, topic, batch(spoil));
      const records = (await fetchPart(world.connection, topic, 0)).records ?? new Uint8Array();
      const view = new DataView(records.buffer, records.byteOffset);
      const isNow = Number(view.getBigInt64(field.maxTimestamp)) > BASE_MS;
      answers.push({ errorCode, recordErrors, isNow, attributes: view.getInt16(field.attributes) });
    }
    return world.told(answers);
  },
  "Produce: a producer id without an epoch": produced((view) =>
    view.setBigInt64(field.producerId, 77n),
  ),
  "Produce: a producer id and epoch without a sequence": produced((view) => {
    view.setBigInt64(field.producerId, 77n);
    view.setInt16(field.producerEpoch, 0);
  }),
  "Produce: a producer id below -1": produced((view) => view.setBigInt64(field.producerId, -7n)),
  "Produce: an epoch without a producer": produced((view) => view.setInt16(field.producerEpoch, 3)),
  "Produce: no topics": (world) => world.ask(produce, 12, produceRequestOf([])),
  "Produce: a topic without partitions": async (world) => {
    const { name, id } = await world.topic();
    const topic = { name, topicId: zeroUuid, partitionData: [] };
    return [
      await world.ask(produce, 12, produceRequestOf([topic])),
      await world.ask(produce, 13, produceRequestOf([{ ...topic, topicId: id }])),
    ];
  },
  "Produce: a partition twice": async (world) => {
    const { name } = await world.topic();
    const data = [batchOf(["a"]), batchOf(["b"])].map((records) => ({ index: 0, records }));
    return world.ask(
      produce,
      12,
      produceRequestOf([{ name, topicId: zeroUuid, partitionData: data }]),
    );
  },
  "Produce: a topic twice": async (world) => {
    const topic = await world.topic();
    const one = produceRequest(topic, batchOf(["a"])).topicData;
    return world.ask(produce, 12, produceRequestOf([...one, ...one]));
  },
  "Produce: names that no topic has": async (world) => {
    const answers = [];
    for (const name of ["", "a b", "..", "x".repeat(250)])
      answers.push(
        await world.ask(produce, 12, produceRequest({ name, id: noId }, batchOf(["a"]))),
      );
    return answers;
  },
  "Produce: ids that no topic has": async (world) => {
    const answers = [];
    for (const id of [noId, zeroUuid])
      answers.push(
        await world.ask(
          produce,
          13,
          produceRequest({ name: "", id }, batchOf(["a"]), { version: 13 }),
        ),
      );
    return answers;
  },
  "Produce: partitions that are not there": async (world) => {
    const topic = await world.topic();
    const answers = [];
    for (const partition of [-1, 2, 2 ** 31 - 1, -(2 ** 31)])
      answers.push(await produceTo(world.connection, topic, batchOf(["a"]), { partition }));
    return world.told(answers);
  },
  "Produce: a time-out below 0": async (world) => {
    const request = produceRequest(await world.topic(), batchOf(["a"]));
    return world.ask(produce, 12, { ...request, timeoutMs: -5 });
  },
};

function batch(spoil: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = batchOf(["a", "b"], { timestampMs: BASE_MS }).slice();
  spoil(new DataView(bytes.buffer), bytes);
  stampCrc(bytes, 0, bytes.byteLength);
  return bytes;
}

/** What becomes of such a batch, and the header of what is kept of it. */
function produced(
  spoil: (view: DataView, bytes: Uint8Array) => void,
  configs: readonly { readonly name: string; readonly value: string }[] = [],
) {
  return async (world: OddWorld) => {
    const topic = await world.topic(1, configs);
    const { errorCode, baseOffset, recordErrors } = await produceTo(
      world.connection,
      topic,
      batch(spoil),
    );
    const { records, highWatermark } = await fetchPart(world.connection, topic, 0);
    const kept = [];
    for (const { at } of walkBatches(records ?? new Uint8Array())) {
      const view = new DataView(
        (records ?? new Uint8Array()).buffer,
        (records ?? new Uint8Array()).byteOffset + at,
      );
      kept.push({
        baseOffset: Number(view.getBigInt64(0)),
        attributes: view.getInt16(field.attributes),
        lastOffsetDelta: view.getInt32(field.lastOffsetDelta),
        baseTimestamp: Number(view.getBigInt64(field.baseTimestamp)) - BASE_MS,
        maxTimestamp: Number(view.getBigInt64(field.maxTimestamp)) - BASE_MS,
        leaderEpoch: view.getInt32(field.leaderEpoch),
        bytes: view.getInt32(field.batchLength) - BATCH_HEADER_BYTES,
      });
    }
    return world.told({ errorCode, baseOffset, recordErrors, highWatermark, kept });
  };
}

function produceRequestOf(
  topicData: ReturnType<typeof produceRequest>["topicData"] | readonly never[],
) {
  return { acks: -1, timeoutMs: 5_000, topicData };
}
