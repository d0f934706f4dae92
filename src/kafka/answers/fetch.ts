/**
 * Answering a Fetch: what it is about (its session), what is there to read, what of it is news.
 *
 * - One read verb does the waiting; nothing is set aside for as long as a client waits, and an answer counts against the
 *   door's room until the client has taken it.
 * - Who stands in a hole at the log's end (as after a power cut or a restore) is given a batch without a record, such as
 *   compaction leaves: every client steps over those, and so is at the end instead of 10,000 offsets before it.
 * - What is not there, by id, by name or by number, is an error of its partition and ends no wait, as in Kafka: a client that
 *   keeps a deleted topic in its session would ask again and again without a pause. Where nothing else is asked there is
 *   nothing to wait for. Every other error ends the wait.
 * - A limit of 0 bytes is one of 1: as in Kafka the first batch comes all the same, or its reader would stand still. One below 0
 *   is UNKNOWN_SERVER_ERROR there, and so here.
 * - Of very many partitions each step takes turns.
 * - Who says the epoch of what it read last is told where its log parts from this one (KIP-595), or offset_out_of_range.
 * - Beside an error stand no ends of the log, as in Kafka.
 * - Left out: followers (`replicaId`), who use the cluster's own listener; preferred read replicas.
 */
import { readBytesOf } from "../../broker/traffic.ts";
import type { Isolation, ReadAnswer, ReadRequest } from "../../broker/verbs.ts";
import { atOnce, mapSlices, paused, turnBetween } from "../../lib/async.ts";
import { assert, present } from "../../lib/assert.ts";
import type { RefusalName } from "../../lib/refusal.ts";
import { encodeEmptyBatch } from "../../records/batch-encode.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import type { Call } from "../call.ts";
import { codeFor, codeOf, NONE } from "../error-codes.ts";
import { eachOnce } from "./each-once.ts";
import type { FetchPartition, FetchScope } from "./fetch-sessions.ts";

/** The request as declared in `apis/01-fetch.ts`, as far as a consumer's goes. */
interface Asked {
  readonly replicaId: number;
  readonly replicaState: { readonly replicaId: number };
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolationLevel: number;
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly topicId: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly currentLeaderEpoch: number;
      readonly fetchOffset: number;
      readonly lastFetchedEpoch: number;
      readonly partitionMaxBytes: number;
    }[];
  }[];
  readonly forgottenTopicsData: readonly {
    readonly topic: string;
    readonly topicId: string;
    readonly partitions: readonly number[];
  }[];
}

/** One partition's part of the answer. */
interface Part {
  readonly of: FetchPartition;
  readonly data: PartitionData;
  readonly bytes: number;
}

interface PartitionData {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly divergingEpoch?: { readonly epoch: number; readonly endOffset: number };
  readonly abortedTransactions: readonly { producerId: bigint; firstOffset: number }[] | null;
  readonly records: readonly Uint8Array[];
}

const ID_VERSION = 13;
/** Partitions up to which a request goes without turns. */
const FEW_PARTITIONS = 500;

export async function fetchRecords(asked: Asked, call: Call) {
  const byId = call.version >= ID_VERSION;
  const { clock, sessions } = call.door;
  const { topics } = eachOnce(
    asked.topics,
    ({ topic, topicId }) => (byId ? topicId : topic),
    ({ partition }) => partition,
  );
  const named = mapSlices(clock, topics, (some) => partitionsOf(some, byId));
  const partitions = named instanceof Promise ? await named : named;
  if (!isIsolationLevel(asked.isolationLevel)) return refused(partitions, byId, call);
  const forgotten = asked.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((partition) => ({ topic: byId ? topicId : topic, partition })),
  );
  const { sessionId, sessionEpoch } = asked;
  const opening = sessions.open({ sessionId, sessionEpoch, byId, partitions, forgotten });
  const few = partitions.length + forgotten.length <= FEW_PARTITIONS;
  const scope = few ? atOnce(opening) : await paused(opening, turnBetween(clock));
  const parts = await readParts([...scope.partitions], asked, call, byId);
  const news = newsOf(scope, parts, call);
  const responses = responsesOf(news instanceof Promise ? await news : news, byId, call);
  return {
    throttleTimeMs: 0,
    errorCode: NONE,
    sessionId: scope.sessionId,
    responses: responses instanceof Promise ? await responses : responses,
  };
}

/** 0 is read_uncommitted, 1 read_committed. */
export function isIsolationLevel(level: number): boolean {
  return level === 0 || level === 1;
}

/** What Kafka cannot carry out, it tells of the whole and of every partition. */
async function refused(partitions: readonly FetchPartition[], byId: boolean, call: Call) {
  const errorCode = codeFor("unknown_server_error");
  const parts = partitions.map((of) => failedPart(of, errorCode));
  const responses = await responsesOf(parts, byId, call);
  return { throttleTimeMs: 0, errorCode, sessionId: 0, responses };
}

function partitionsOf(topics: Asked["topics"], byId: boolean): FetchPartition[] {
  return topics.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((asked) => ({
      topic: byId ? topicId : topic,
      partition: asked.partition,
      fetchOffset: asked.fetchOffset,
      bytesMax: asked.partitionMaxBytes,
      leaderEpoch: asked.currentLeaderEpoch,
      lastEpoch: asked.lastFetchedEpoch,
    })),
  );
}

/** Every partition's part, in the order asked. */
async function readParts(
  partitions: readonly FetchPartition[],
  asked: Asked,
  call: Call,
  byId: boolean,
): Promise<readonly Part[]> {
  if (asked.replicaId >= 0 || asked.replicaState.replicaId >= 0) {
    // Nobody is a follower here: what Kafka tells one that it does not know.
    return partitions.map((of) => failedPart(of, codeFor("not_leader_or_follower"), null));
  }
  const { clock } = call.door;
  const asking = mapSlices(clock, partitions, (some) =>
    some.map((partition) => readRequest(partition, call, byId)),
  );
  const requests = asking instanceof Promise ? await asking : asking;
  const known = requests.filter((request) => typeof request !== "string");
  const answers = known.length > 0 ? await read(known, asked, call) : [];
  const { traffic } = call.broker;
  let at = 0;
  let next = 0;
  return mapSlices(clock, partitions, (some) =>
    some.map((of) => {
      const request = requests[at++];
      if (typeof request === "string") return failedPart(of, codeFor(request));
      const answer = answers[next++];
      assert(answer, "every request has its answer");
      // Kafka finds out when it reads.
      const isBelowNone = of.bytesMax < 0 || (asked.maxBytes < 0 && next === 1);
      if (isBelowNone && readBytesOf(answer) > 0)
        return failedPart(of, codeFor("unknown_server_error"), null);
      if (!answer.refusal) traffic.fetched(answer.topic, readBytesOf(answer));
      return partOf(of, answer);
    }),
  );
}

/** What to read, or what a partition that is not there is told. */
function readRequest(of: FetchPartition, call: Call, byId: boolean): ReadRequest | RefusalName {
  const { partition, fetchOffset, leaderEpoch, lastEpoch } = of;
  const { broker, context } = call;
  if (byId) {
    const name = broker.cluster.nameOf(context, of.topic);
    if (name === null) return gone(of, call);
    of.name = name;
  }
  const topic = of.name ?? of.topic;
  const count = broker.cluster.partitionsOf(context, topic);
  if (partition < 0 || partition >= count) return "unknown_topic_or_partition";
  const request = { topic, partition, from: fetchOffset, bytesMax: Math.max(1, of.bytesMax) };
  return {
    ...request,
    ...(leaderEpoch >= 0 && { leaderEpoch }),
    ...(lastEpoch >= 0 && { lastEpoch }),
  };
}

/** A topic's id that is nobody's: as in Kafka a session remembers the name, and tells whether that is taken anew. */
function gone({ name }: FetchPartition, { broker, context }: Call): RefusalName {
  if (name === undefined) return "unknown_topic_id";
  const isTaken = broker.cluster.partitionsOf(context, name) > 0;
  return isTaken ? "inconsistent_topic_id" : "unknown_topic_or_partition";
}

/**
 * Reads what is there, counting it; where that is too little, waits for more. What a waiting client is woken for lies in memory
 * already, shared by all who read it, so that nothing is set aside for as long as it waits.
 */
async function read(
  requests: readonly ReadRequest[],
  asked: Asked,
  call: Call,
): Promise<ReadAnswer[]> {
  const { limits, unsent } = call.door;
  const isolation: Isolation = asked.isolationLevel === 1 ? "read_committed" : "read_uncommitted";
  const mostBytes = Math.min(Math.max(1, asked.maxBytes), limits.fetchBytesMax);
  const bytesMin = Math.max(0, asked.minBytes);
  const partitionBytes = requests.reduce((sum, { bytesMax }) => sum + bytesMax, 0);
  const bytesAsked = Math.min(mostBytes, partitionBytes);
  const waits = asked.maxWaitMs > 0 && asked.minBytes > 0;
  const isEnough = (answers: readonly ReadAnswer[], bytesMax: number): boolean => {
    const bytes = bytesOf(answers);
    return (
      !waits ||
      bytes >= Math.min(bytesMin, bytesMax) ||
      answers.some(
        (answer, at) => answer.refusal ?? answer.diverging ?? isPassed(answer, requests[at]),
      )
    );
  };
  const soon = await readWithin(requests, { bytesMin, bytesAsked, isolation }, call, isEnough);
  if (soon) return soon;
  const answers = await call.broker.read(call.context, requests, {
    bytesMin,
    bytesMax: unsent.fitting(mostBytes),
    waitMs: Math.min(asked.maxWaitMs, limits.waitMsMax),
    isolation,
    signal: call.signal,
  });
  const late = bytesOf(answers);
  if (unsent.keep(late)) {
    countUntilSent(call, late, answers);
    return answers;
  }
  // There is no room for what was found meanwhile: it is read again when there is.
  letGo(answers);
  const again = await readWithin(requests, { bytesMin, bytesAsked, isolation }, call);
  return present(again, "where nothing more is asked for, whatever was read is enough");
}

/** Reads within what is set aside for it beforehand, and keeps what was found where it is enough; null: it is not. */
async function readWithin(
  requests: readonly ReadRequest[],
  asked: { readonly bytesMin: number; readonly bytesAsked: number; readonly isolation: Isolation },
  call: Call,
  isEnough: (answers: readonly ReadAnswer[], bytesMax: number) => boolean = () => true,
): Promise<ReadAnswer[] | null> {
  const { unsent } = call.door;
  const { bytesMin, bytesAsked, isolation } = asked;
  let batchBytes: number | undefined;
  for (;;) {
    const { bytes: bytesMax, aside } = await unsent.reserve(bytesAsked, batchBytes);
    let found = 0;
    try {
      const options = { bytesMin, bytesMax, firstBytesMax: aside, waitMs: 0, isolation };
      const answers = await call.broker.read(call.context, requests, options);
      const refused = answers.find(({ refusedBytes }) => refusedBytes !== undefined);
      batchBytes = refused?.refusedBytes;
      if (batchBytes === undefined) {
        if (!isEnough(answers, bytesMax)) {
          letGo(answers);
          return null;
        }
        found = bytesOf(answers);
        countUntilSent(call, found, answers);
        return answers;
      }
    } finally {
      unsent.settle({ bytes: bytesMax, aside }, found);
    }
  }
}

/** Nobody uses what was read any more. */
function letGo(answers: readonly ReadAnswer[]): void {
  for (const { done } of answers) done?.();
}

function bytesOf(answers: readonly ReadAnswer[]): number {
  let bytes = 0;
  for (const answer of answers) bytes += readBytesOf(answer);
  return bytes;
}

/** Once the client has taken the answer, or is gone, nobody uses what was read any more. */
function countUntilSent(call: Call, bytes: number, answers: readonly ReadAnswer[]): void {
  if (bytes === 0) return;
  const { unsent } = call.door;
  call.onSent(() => {
    unsent.remove(bytes);
    letGo(answers);
  });
}

function partOf(of: FetchPartition, answer: ReadAnswer): Part {
  const { refusal } = answer;
  if (refusal) return { of, data: dataOf(of, noEnds, codeOf(refusal), []), bytes: 0 };
  if (answer.diverging) {
    const { leaderEpoch: epoch, endOffset } = answer.diverging;
    const data = dataOf(of, answer, NONE, []);
    return { of, data: { ...data, divergingEpoch: { epoch, endOffset } }, bytes: 0 };
  }
  let bytes = 0;
  const { fetchOffset: from } = of;
  const batches = isPassed(answer, { from })
    ? [encodeEmptyBatch(from, answer.from - 1, answer.epoch)]
    : answer.batches;
  for (const run of batches) bytes += run.byteLength;
  const aborted = answer.aborted?.map(({ producerId, first }) => ({
    producerId,
    firstOffset: first,
  }));
  return { of, data: dataOf(of, answer, NONE, batches, aborted), bytes };
}

/** Nothing is there, but the reader stands in a hole and can go on behind it. */
function isPassed(answer: ReadAnswer, asked: { readonly from: number } | undefined): boolean {
  return asked !== undefined && answer.batches.length === 0 && answer.from > asked.from;
}

const noEnds = { highWatermark: -1, lastStable: -1, logStart: -1 };

/** What was not read at all. Kafka says null of a partition that it has looked at. */
function failedPart(of: FetchPartition, code: number, aborted: readonly [] | null = []): Part {
  return { of, data: dataOf(of, noEnds, code, [], aborted), bytes: 0 };
}

function dataOf(
  { partition }: FetchPartition,
  ends: { readonly highWatermark: number; readonly lastStable: number; readonly logStart: number },
  errorCode: number,
  records: readonly Uint8Array[],
  abortedTransactions: PartitionData["abortedTransactions"] = null,
): PartitionData {
  return {
    partitionIndex: partition,
    errorCode,
    highWatermark: ends.highWatermark,
    lastStableOffset: ends.lastStable,
    logStartOffset: ends.logStart,
    abortedTransactions,
    records,
  };
}

/** What is told: everything, or in a session that goes on what has changed. */
function newsOf(scope: FetchScope, parts: readonly Part[], call: Call) {
  const { clock, sessions } = call.door;
  const session = scope.incremental ?? sessions.session(scope.sessionId);
  if (!session) return parts;
  return mapSlices(clock, parts, (some) => {
    const news = some.filter(({ of, data, bytes }) => {
      const { highWatermark, logStartOffset, errorCode } = data;
      const told = { highWatermark, logStart: logStartOffset };
      const failed = errorCode !== NONE || data.divergingEpoch !== undefined;
      return session.isNews(of, told, { failed, records: bytes > 0 });
    });
    return scope.incremental ? news : some;
  });
}

interface TopicParts {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: PartitionData[];
}

/** Parts by topic, neighbours together. */
function responsesOf(parts: readonly Part[], byId: boolean, { door }: Call) {
  let last = "";
  let current: TopicParts | null = null;
  return mapSlices(door.clock, parts, (some) => {
    const responses: TopicParts[] = [];
    for (const { of, data } of some) {
      if (current && of.topic === last) {
        current.partitions.push(data);
        continue;
      }
      const topic = byId
        ? { topic: "", topicId: of.topic }
        : { topic: of.topic, topicId: zeroUuid };
      current = { ...topic, partitions: [data] };
      responses.push(current);
      last = of.topic;
    }
    return responses;
  });
}
