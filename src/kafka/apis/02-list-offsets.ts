/**
 * ListOffsets (key 2): find offsets by time, or the ends of a log.
 *
 * - Special times: -1 the end (of stable records where `isolationLevel` is 1), -2 the start, -3 the record of the greatest
 *   timestamp (v7), -4 the start of what is local (v8), -5 the end of what is tiered (v9), -6 the first not yet tiered (v11).
 * - A time that no record has reached gives offset -1 and timestamp -1; so does, where `isolationLevel` is 1, one whose record
 *   is not stable yet.
 * - v2 has the isolation level, v4 leader epochs (KIP-320), v10 a time limit for asking a remote tier (KIP-1075).
 */
import { mapNestedInTurns } from "../../lib/async.ts";
import { array, int16, int32, int64, int8, string } from "../../wire/schema.ts";
import type { Isolation, OffsetSpec } from "../../broker/verbs.ts";
import type { Call } from "../call.ts";
import type { RefusalName } from "../../lib/refusal.ts";
import { eachOnce } from "../answers/each-once.ts";
import { isIsolationLevel } from "../answers/fetch.ts";
import { defineApi } from "../define-api.ts";
import { codeFor, codeOf, NONE } from "../error-codes.ts";

const listOffsetsPartition = {
  partitionIndex: int32(),
  currentLeaderEpoch: int32({ versions: "4+", default: -1, ignorable: true }),
  timestamp: int64(),
};

const listOffsetsPartitionResponse = {
  partitionIndex: int32(),
  errorCode: int16(),
  timestamp: int64({ default: -1 }),
  offset: int64({ default: -1 }),
  leaderEpoch: int32({ versions: "4+", default: -1 }),
};

const listOffsetsTopicResponse = {
  name: string(),
  partitions: array(listOffsetsPartitionResponse),
};

export const listOffsets = defineApi({
  key: 2,
  name: "ListOffsets",
  versions: "1-11",
  flexible: "6+",
  request: {
    replicaId: int32(),
    isolationLevel: int8({ versions: "2+" }),
    topics: array({ name: string(), partitions: array(listOffsetsPartition) }),
    timeoutMs: int32({ versions: "10+", ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ versions: "2+", ignorable: true }),
    topics: array(listOffsetsTopicResponse),
  },
  async handle({ isolationLevel, ...request }, call) {
    const { topics, isTwice } = eachOnce(
      request.topics,
      ({ name }) => name,
      ({ partitionIndex }) => partitionIndex,
    );
    const isolation = isolationLevel === 1 ? "read_committed" : "read_uncommitted";
    const offsets = await mapNestedInTurns(
      call.door.clock,
      topics,
      ({ partitions }) => partitions,
      (asked, { name }) => {
        const { partitionIndex } = asked;
        if (isTwice(name, partitionIndex)) return wrong(partitionIndex, "invalid_request");
        if (!isIsolationLevel(isolationLevel)) return wrong(partitionIndex, "unknown_server_error");
        return offsetOf(call, name, asked, isolation);
      },
    );
    return {
      throttleTimeMs: 0,
      topics: topics.map(({ name }, at) => ({ name, partitions: offsets[at] ?? [] })),
    };
  },
});

/** Without a look at the partition. */
function wrong(partitionIndex: number, name: RefusalName) {
  return Promise.resolve({ partitionIndex, errorCode: codeFor(name) });
}

/** Answers tell leader epochs from this version on. */
const EPOCH_VERSION = 4;

interface AskedOffset {
  readonly partitionIndex: number;
  readonly currentLeaderEpoch: number;
  readonly timestamp: number;
}

async function offsetOf(call: Call, topic: string, asked: AskedOffset, isolation: Isolation) {
  const { broker, context, version } = call;
  const { partitionIndex, currentLeaderEpoch, timestamp } = asked;
  const spec = specOf(timestamp, isolation, version);
  if (spec === "unknown") return { partitionIndex, errorCode: codeFor("unsupported_version") };
  const believed = currentLeaderEpoch === -1 ? undefined : currentLeaderEpoch;
  try {
    const place = spec ?? { at: "earliest" };
    const found = await broker.findOffset(context, topic, partitionIndex, place, believed);
    // Nothing is tiered here.
    if (spec === null) return { partitionIndex, errorCode: NONE };
    const { offset, timestampMs } = found;
    const told = { partitionIndex, errorCode: NONE, offset, timestamp: timestampMs };
    return version < EPOCH_VERSION ? told : { ...told, leaderEpoch: found.leaderEpoch };
  } catch (error) {
    return { partitionIndex, errorCode: codeOf(error) };
  }
}

/** Null for what only a remote tier has; `unknown` for special times that the version does not have. */
function specOf(
  timestamp: number,
  isolation: Isolation,
  version: number,
): OffsetSpec | null | "unknown" {
  const since = sinceVersion.get(timestamp);
  if (since === undefined && timestamp < 0) return "unknown";
  if (since !== undefined && version < since) return "unknown";
  switch (timestamp) {
    case -1:
      return { at: "latest", isolation };
    case -2:
    case -4:
      return { at: "earliest" };
    case -3:
      return { at: "max_timestamp", isolation };
    case -5:
    case -6:
      return null;
    default:
      return { at: "timestamp", timestampMs: timestamp, isolation };
  }
}

/** Special times and the version that brought them. */
const sinceVersion: ReadonlyMap<number, number> = new Map([
  [-1, 0],
  [-2, 0],
  [-3, 7],
  [-4, 8],
  [-5, 9],
  [-6, 11],
]);
