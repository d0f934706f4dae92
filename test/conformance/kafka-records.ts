/**
 * What the suites of the Kafka door send and look at: batches, topics of their own, one partition's part of an answer.
 */
import { expect } from "bun:test";
import { fetch } from "../../src/kafka/apis/01-fetch.ts";
import { listOffsets } from "../../src/kafka/apis/02-list-offsets.ts";
import { metadata } from "../../src/kafka/apis/03-metadata.ts";
import { createTopics } from "../../src/kafka/apis/19-create-topics.ts";
import { produce } from "../../src/kafka/apis/00-produce.ts";
import { encodeBatch, type EncodeOptions } from "../../src/records/batch-encode.ts";
import { readRecords } from "../../src/records/batch-read.ts";
import { walkBatches } from "../../src/records/batch.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import type { KafkaConnection } from "./kafka-connection.ts";

const utf8 = new TextEncoder();

/** Produce and Fetch name topics by id from here on. */
const ID_VERSION = 13;

/** An id that no topic has. */
export const noId = "AAAAAAAAAAAAAAAAAAAAAQ";

export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at);

export interface Topic {
  readonly name: string;
  readonly id: string;
}

export function batchOf(
  values: readonly string[],
  options: Partial<EncodeOptions> & { timestampMs?: number } = {},
): Uint8Array {
  const { timestampMs = Date.now(), ...rest } = options;
  const records = values.map((value, at) => ({
    key: null,
    value: utf8.encode(value),
    headers: [],
    timestampMs: timestampMs + at,
  }));
  return encodeBatch(records, { codec: "none", ...rest });
}

export function valuesOf(records: Uint8Array | null): string[] {
  if (!records) return [];
  const values: string[] = [];
  for (const { at } of walkBatches(records)) {
    for (const { value } of readRecords(records, at, { decompressedBytesMax: 1e8 })) {
      values.push(new TextDecoder().decode(value ?? undefined));
    }
  }
  return values;
}

export function askedTopic(name: string | null, topicId: string = zeroUuid) {
  return { name, topicId };
}

export function metadataRequest(topics: readonly ReturnType<typeof askedTopic>[] | null) {
  return {
    topics,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  };
}

let topics = 0;

/** A topic of this test's own: with configs, or made as clients do, by asking for it until it is there. */
export async function newTopic(
  connection: KafkaConnection,
  configs: readonly { readonly name: string; readonly value: string }[] = [],
): Promise<Topic> {
  const name = `conformance-${process.pid}-${Date.now()}-${topics++}`;
  if (configs.length > 0) {
    const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
    await connection.send(createTopics, 7, {
      topics: [topic],
      timeoutMs: 5_000,
      validateOnly: false,
    });
  }
  for (;;) {
    const asked = metadataRequest([askedTopic(name)]);
    const answer = await connection.send(metadata, 12, asked);
    const [topic] = answer.topics;
    if (topic?.errorCode === 0 && topic.partitions[0]?.leaderId !== -1) {
      if (await isLed(connection, name)) return { name, id: topic.topicId };
      await Bun.sleep(50);
      continue;
    }
    expect([3, 5]).toContain(topic?.errorCode ?? -1);
    await Bun.sleep(50);
  }
}

/** Apache Kafka tells a leader a moment before the leader knows. */
async function isLed(connection: KafkaConnection, name: string): Promise<boolean> {
  const { topics } = await connection.send(listOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    timeoutMs: 5_000,
    topics: [{ name, partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }] }],
  });
  return topics[0]?.partitions[0]?.errorCode === 0;
}

export interface ProduceOptions {
  readonly version?: number;
  readonly acks?: number;
  readonly partition?: number;
}

export function produceRequest(
  { name, id }: Topic,
  records: Uint8Array | null,
  { version = 12, acks = -1, partition = 0 }: ProduceOptions = {},
) {
  const byId = version >= ID_VERSION;
  const partitionData = [{ index: partition, records }];
  return {
    acks,
    timeoutMs: 5_000,
    topicData: [{ name: byId ? "" : name, topicId: byId ? id : zeroUuid, partitionData }],
  };
}

/** Sends one batch and gives its partition's answer. */
export async function produceTo(
  connection: KafkaConnection,
  topic: Topic,
  records: Uint8Array | null,
  options: ProduceOptions = {},
) {
  const { version = 12 } = options;
  const request = produceRequest(topic, records, options);
  const { responses } = await connection.send(produce, version, request);
  const [part] = responses[0]?.partitionResponses ?? [];
  if (!part) throw new Error("no partition in the answer");
  return part;
}

export interface FetchOptions {
  readonly version?: number;
  readonly partition?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
  readonly leaderEpoch?: number;
  readonly sessionId?: number;
  readonly sessionEpoch?: number;
  /** Names no partition: a session goes on with those it knows. */
  readonly unchanged?: boolean;
  readonly forget?: boolean;
}

/** The versions in which a field of the request came. */
const since = { session: 7, epoch: 9, rack: 11 };

export function fetchRequest({ name, id }: Topic, fetchOffset: number, options: FetchOptions = {}) {
  const { version = 12, partition = 0, partitionMaxBytes = 1_000_000, leaderEpoch = -1 } = options;
  const byId = version >= ID_VERSION;
  const named = { topic: byId ? "" : name, topicId: byId ? id : zeroUuid };
  const asked = { partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch: leaderEpoch };
  return {
    replicaId: -1,
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    maxBytes: options.maxBytes ?? 10_000_000,
    sessionId: options.sessionId ?? 0,
    sessionEpoch: options.sessionEpoch ?? -1,
    topics: options.unchanged || options.forget ? [] : [{ ...named, partitions: [asked] }],
    forgottenTopicsData: options.forget ? [{ ...named, partitions: [partition] }] : [],
    ...(version >= since.rack ? { rackId: "" } : {}),
  };
}

export function fetchFrom(
  connection: KafkaConnection,
  topic: Topic,
  fetchOffset: number,
  options: FetchOptions = {},
) {
  return connection.send(fetch, options.version ?? 12, fetchRequest(topic, fetchOffset, options));
}

/** One partition's part of a Fetch of one. */
export async function fetchPart(
  connection: KafkaConnection,
  topic: Topic,
  fetchOffset: number,
  options: FetchOptions = {},
) {
  const { errorCode, responses } = await fetchFrom(connection, topic, fetchOffset, options);
  expect(errorCode).toBe(0);
  const part = responses[0]?.partitions[0];
  if (!part) throw new Error("no partition in the answer");
  return part;
}
