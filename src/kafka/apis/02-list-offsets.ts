/**
 * ListOffsets (key 2): find offsets by time, or the ends of a log.
 *
 * - Special times: -1 the end (of stable records where `isolationLevel` is 1), -2 the start, -3 the record of the greatest
 *   timestamp (v7), -4 the start of what is local (v8), -5 the end of what is tiered (v9), -6 the first not yet tiered (v11).
 * - A time that no record has reached gives offset -1 and timestamp -1.
 * - v2 has the isolation level, v4 leader epochs (KIP-320), v10 a time limit for asking a remote tier (KIP-1075).
 */
import { array, int16, int32, int64, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

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
});
