/**
 * Produce (key 0): append record batches to partitions.
 *
 * - A partition answers for itself: one bad partition never fails its neighbours, save where its bytes begin with what cannot
 *   be a batch at all, which fails the request as in Kafka (`answers/produced-records.ts`).
 * - With acks=0 there is no answer at all, not even an empty one.
 * - With acks=all a partition that is not acknowledged within `timeoutMs` answers REQUEST_TIMED_OUT; its records may be there.
 * - Each partition holds exactly one v2 batch from v3 on; zstd needs v7.
 * - A partition that is named twice has one answer, and only the batch named last is written, as in Kafka; but none is where one
 *   of them is no such batch, which is what the answer says. (Kafka says so and writes the last good one.)
 * - A topic without partitions is left out of the answer, as in Kafka.
 * - Versions 0-2 are advertised but not served: older librdkafka turns features off when it does not see them (KAFKA-18659).
 * - v5 tells the log start, v8 errors of single records (KIP-467), v10 the current leader (KIP-951), v12 adds partitions to
 *   transactions by itself (KIP-890), v13 names topics by id (KIP-516).
 */
import { array, int16, int32, int64, records, string, struct, uuid } from "../../wire/schema.ts";
import { Refusal } from "../../lib/refusal.ts";
import { Together } from "../../log/appending/together.ts";
import { type Call, HangUp } from "../call.ts";
import { readBatchHeader } from "../../records/batch.ts";
import { defineApi } from "../define-api.ts";
import { codeFor, codeOf, messageOf, NONE } from "../error-codes.ts";
import { ProduceLimit } from "../answers/produce-limit.ts";
import { onlyBatch, refusalOfAll } from "../answers/produced-records.ts";
import { leaderIdAndEpoch, nodeEndpoint } from "../structs.ts";

const topicProduceData = {
  name: string({ versions: "0-12", ignorable: true }),
  topicId: uuid({ versions: "13+", ignorable: true }),
  partitionData: array({ index: int32(), records: records({ nullable: "0+" }) }),
};

const batchIndexAndErrorMessage = {
  batchIndex: int32(),
  batchIndexErrorMessage: string({ nullable: "8+", default: null }),
};

const partitionProduceResponse = {
  index: int32(),
  errorCode: int16(),
  baseOffset: int64(),
  logAppendTimeMs: int64({ default: -1 }),
  logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
  recordErrors: array(batchIndexAndErrorMessage, { versions: "8+", ignorable: true }),
  errorMessage: string({ versions: "8+", nullable: "8+", default: null, ignorable: true }),
  currentLeader: struct(leaderIdAndEpoch, { versions: "10+", tag: 0 }),
};

const topicProduceResponse = {
  name: string({ versions: "0-12", ignorable: true }),
  topicId: uuid({ versions: "13+", ignorable: true }),
  partitionResponses: array(partitionProduceResponse),
};

export const produce = defineApi({
  key: 0,
  name: "Produce",
  versions: "3-13",
  advertised: "0-13",
  flexible: "9+",
  request: {
    transactionalId: string({ nullable: "3+", default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array(topicProduceData),
  },
  response: {
    responses: array(topicProduceResponse),
    throttleTimeMs: int32({ default: 0 }),
    nodeEndpoints: array(nodeEndpoint("10+"), { versions: "10+", tag: 0 }),
  },
  async handle(request, call) {
    const { acks, timeoutMs } = request;
    const refusal =
      refusalOfAll(request.topicData, request.transactionalId) ?? refusalOfProducers(request, call);
    if (refusal && acks === 0) throw new HangUp(`a Produce with acks=0 failed: ${refusal.message}`);
    if (refusal) throw refusal;
    const limit = acks === -1 ? new ProduceLimit(call.door.deadlines, timeoutMs) : null;
    const responses = await appendAll(call, request, limit);
    limit?.done();
    if (acks !== 0) return { responses, throttleTimeMs: 0 };
    const failed = responses
      .flatMap(({ partitionResponses }) => partitionResponses)
      .find(({ errorCode }) => errorCode !== NONE);
    if (failed) throw new HangUp(`a Produce with acks=0 failed with code ${failed.errorCode}`);
    return null;
  },
  refuse: ({ topicData }, told) => ({
    responses: topicData
      .filter(({ partitionData }) => partitionData.length > 0)
      .map(({ name, topicId, partitionData }) => ({
        name,
        topicId,
        partitionResponses: partitionData.map(({ index }) => ({
          index,
          baseOffset: -1,
          recordErrors: [],
          ...told,
        })),
      })),
    throttleTimeMs: 0,
  }),
});

interface Asked {
  readonly transactionalId: string | null;
  readonly acks: number;
}

interface Target {
  readonly name: string;
  readonly topicId: string;
  readonly ownsBuffer: boolean;
  readonly limit: ProduceLimit | null;
  readonly together: Together;
}

interface PartitionRecords {
  readonly index: number;
  readonly records: Uint8Array | null;
}

interface TopicRecords {
  readonly name: string;
  readonly topicId: string;
  readonly partitionData: readonly PartitionRecords[];
}

interface AskedRecords {
  readonly transactionalId: string | null;
  readonly topicData: readonly TopicRecords[];
}

/** As in Kafka, all that is transactional in a request is of one producer; batches that have no place do not count. */
function refusalOfProducers(asked: AskedRecords, call: Call): Refusal | null {
  if (asked.transactionalId === null || holdsOneBatch(asked.topicData)) return null;
  const producers = new Set<string>();
  for (const topic of asked.topicData) {
    const name = nameOf(call, topic);
    for (const { index, records } of topic.partitionData) {
      if (name === null || !hasPartition(call, name, index)) continue;
      if (!records || !isOneBatch(records, call.version)) continue;
      const { transactional, producerId, producerEpoch } = readBatchHeader(records);
      if (transactional && producerId >= 0n) producers.add(`${producerId} ${producerEpoch}`);
    }
  }
  if (producers.size < 2) return null;
  return new Refusal("invalid_producer_id_mapping", "A transaction has one producer and epoch.");
}

/** Appends of one request that are called for before others get their turn: a few milliseconds. */
const APPENDS_PER_TURN = 200;

/**
 * Every append is called for before anything is awaited: requests that follow must come behind. Of more than go into one turn
 * the calls themselves take turns, and hold the requests that follow meanwhile.
 */
async function appendAll(
  call: Call,
  request: Asked & { readonly topicData: readonly TopicRecords[] },
  limit: ProduceLimit | null,
) {
  const ownsBuffer = call.ownsFrame && holdsOneBatch(request.topicData);
  const topicData = eachOnce(request.topicData, call.version).filter(
    ({ partitionData }) => partitionData.length > 0,
  );
  const together = new Together();
  let goOn: (() => void) | null = null;
  let called = 0;
  const topics: Promise<TopicAnswer>[] = [];
  for (const { name, topicId, partitionData } of topicData) {
    const appends: ReturnType<typeof append>[] = [];
    for (const data of partitionData) {
      appends.push(append(call, request, { name, topicId, ownsBuffer, limit, together }, data));
      called += 1;
      if (called % APPENDS_PER_TURN > 0) continue;
      goOn ??= call.holdNext();
      await call.door.clock.turn();
    }
    topics.push(topicAnswer(name, topicId, appends));
  }
  goOn?.();
  return Promise.all(topics);
}

/** The request with each partition once, at its first place. */
function eachOnce(topicData: readonly TopicRecords[], version: number): readonly TopicRecords[] {
  if (holdsOneBatch(topicData)) return topicData;
  const topics = new Map<string, TopicRecords & { readonly byIndex: PartitionsByIndex }>();
  let isTwice = false;
  for (const { name, topicId, partitionData } of topicData) {
    const key = version < ID_VERSION ? name : topicId;
    const known = topics.get(key);
    const byIndex: PartitionsByIndex = known?.byIndex ?? new Map();
    if (known) isTwice = true;
    else topics.set(key, { name, topicId, partitionData, byIndex });
    for (const data of partitionData) {
      const before = byIndex.get(data.index);
      if (before) isTwice = true;
      if (!before || isOneBatch(before.records, version)) byIndex.set(data.index, data);
    }
  }
  if (!isTwice) return topicData;
  return Array.from(topics.values(), ({ name, topicId, byIndex }) => ({
    name,
    topicId,
    partitionData: [...byIndex.values()],
  }));
}

type PartitionsByIndex = Map<number, PartitionRecords>;

interface TopicAnswer {
  readonly name: string;
  readonly topicId: string;
  readonly partitionResponses: readonly Awaited<ReturnType<typeof append>>[];
}

async function topicAnswer(
  name: string,
  topicId: string,
  appends: readonly ReturnType<typeof append>[],
): Promise<TopicAnswer> {
  return { name, topicId, partitionResponses: await Promise.all(appends) };
}

const LEADER_VERSION = 10;
const ABORTABLE_VERSION = 11;
const JOINS_VERSION = 12;
const ID_VERSION = 13;

/** Resolves in any case: each partition has its own error. */
async function append(
  call: Call,
  asked: Asked,
  target: Target,
  { index, records }: PartitionRecords,
) {
  try {
    const topic = topicOf(call, target);
    const { bytes, acks } = checked(call, topic, asked, { index, records });
    const appended = call.broker.append(call.context, {
      topic,
      partition: index,
      acks,
      payload: { type: "batch", bytes, ownsBuffer: target.ownsBuffer },
      together: target.together,
      ...transactionalOf(asked.transactionalId, call.version),
    });
    const answer = await (target.limit?.bound(appended) ?? appended);
    return {
      index,
      errorCode: NONE,
      baseOffset: answer.baseOffset,
      logAppendTimeMs: answer.timestampMs ?? -1,
      logStartOffset: answer.logStart,
      recordErrors: [],
    };
  } catch (error) {
    return {
      index,
      errorCode: produceCodeOf(error, index, target, call),
      baseOffset: -1,
      recordErrors: recordErrorsOf(error),
      errorMessage: messageOf(error),
      ...leaderOf(call, target, index, error),
    };
  }
}

/** acks=0 waits as 1 does, though nobody hears of it: a client that never waits is held up here, not refused. */
function acksOf(acks: number): -1 | 1 {
  if (acks === 0 || acks === 1) return 1;
  if (acks === -1) return -1;
  throw new Refusal("invalid_required_acks", `acks must be all (-1), 1 or 0, not ${acks}.`);
}

/** What the producer of this version understands of transactions (KIP-890). */
function transactionalOf(transactionalId: string | null, version: number) {
  if (transactionalId === null) return {};
  const support =
    version >= JOINS_VERSION ? "joins" : version >= ABORTABLE_VERSION ? "abortable" : "default";
  return { transactional: { transactionalId, support } } as const;
}

interface Named {
  readonly name: string;
  readonly topicId: string;
}

function nameOf({ broker, context, version }: Call, { name, topicId }: Named): string | null {
  return version < ID_VERSION ? name : broker.cluster.nameOf(context, topicId);
}

function topicOf(call: Call, named: Named): string {
  const topic = nameOf(call, named);
  if (topic !== null) return topic;
  throw new Refusal("unknown_topic_id", `There is no topic of id "${named.topicId}".`);
}

function hasPartition({ broker, context }: Call, topic: string, index: number): boolean {
  return index >= 0 && index < broker.cluster.partitionsOf(context, topic);
}

/** In Kafka's order: a partition that is not there is told before its records are, and these before acks that cannot be. */
function checked(call: Call, topic: string, asked: Asked, { index, records }: PartitionRecords) {
  try {
    return { bytes: onlyBatch(records, call.version), acks: acksOf(asked.acks) };
  } catch (error) {
    if (hasPartition(call, topic, index)) throw error;
    throw new Refusal("unknown_topic_or_partition", `"${topic}" has no partition ${index}.`);
  }
}

/** Whether the bytes pass what is asked of a partition's records before they are opened. */
function isOneBatch(records: Uint8Array | null, version: number): boolean {
  try {
    onlyBatch(records, version);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

function recordErrorsOf(error: unknown) {
  if (!(error instanceof Refusal)) return [];
  return error.records.map(({ index, detail }) => ({
    batchIndex: index,
    batchIndexErrorMessage: detail,
  }));
}

/** Internal topics are, to a producer, topics of a wrong name (Kafka's KafkaApis), where they have the partition. */
function produceCodeOf(error: unknown, index: number, named: Named, call: Call): number {
  const code = codeOf(error);
  const closed = error instanceof Refusal && error.code === "topic_authorization_failed";
  if (!closed) return code;
  const isThere = hasPartition(call, nameOf(call, named) ?? "", index);
  return codeFor(isThere ? "invalid_topic_exception" : "unknown_topic_or_partition");
}

/** With not_leader_or_follower comes the leader that is known here (KIP-951). */
function leaderOf(call: Call, { name, topicId }: Target, index: number, error: unknown) {
  if (!(error instanceof Refusal) || error.code !== "not_leader_or_follower") return {};
  if (call.version < LEADER_VERSION) return {};
  const { cluster } = call.broker;
  const byId = call.version >= ID_VERSION;
  const topic = byId ? cluster.topicById(call.context, topicId) : cluster.topic(call.context, name);
  const place = topic?.partitions[index];
  if (!place) return {};
  return { currentLeader: { leaderId: place.leader, leaderEpoch: place.leaderEpoch } };
}

function holdsOneBatch(topics: readonly { readonly partitionData: readonly unknown[] }[]): boolean {
  return topics.length === 1 && topics[0]?.partitionData.length === 1;
}
