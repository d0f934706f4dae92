/**
 * Fetch (key 1): read record batches from partitions, waiting for more where little is there.
 *
 * - The first non-empty partition gives at least one whole batch, whatever the limits say (KIP-74).
 * - v4 reads committed data only where asked, v7 has sessions that name only what changed (KIP-227), v9 checks leader epochs
 *   (KIP-320), v11 takes the reader's rack (KIP-392), v12 tells divergence (KIP-595), v13 names topics by id (KIP-516), v15 moves
 *   the replica's id into a tag (KIP-903), v16 tells new leaders (KIP-951).
 * - `highWatermark` of a request is a follower's (KIP-1166), Java's largest long where it is not said.
 */
import {
  array,
  int16,
  int32,
  int64,
  int8,
  records,
  string,
  struct,
  uuid,
} from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { fetchRecords } from "../answers/fetch.ts";
import { leaderIdAndEpoch, nodeEndpoint } from "../structs.ts";

const replicaState = { replicaId: int32({ default: -1 }), replicaEpoch: int64({ default: -1 }) };

const fetchPartition = {
  partition: int32(),
  currentLeaderEpoch: int32({ versions: "9+", default: -1, ignorable: true }),
  fetchOffset: int64(),
  lastFetchedEpoch: int32({ versions: "12+", default: -1 }),
  logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
  partitionMaxBytes: int32(),
  replicaDirectoryId: uuid({ versions: "17+", tag: 0, ignorable: true }),
  highWatermark: int64({
    versions: "18+",
    tag: 1,
    big: true,
    default: 9223372036854775807n,
    ignorable: true,
  }),
};

const fetchTopic = {
  topic: string({ versions: "0-12", ignorable: true }),
  topicId: uuid({ versions: "13+", ignorable: true }),
  partitions: array(fetchPartition),
};

const forgottenTopic = {
  topic: string({ versions: "7-12", ignorable: true }),
  topicId: uuid({ versions: "13+", ignorable: true }),
  partitions: array(int32()),
};

const epochEndOffset = { epoch: int32({ default: -1 }), endOffset: int64({ default: -1 }) };

const snapshotId = { endOffset: int64({ default: -1 }), epoch: int32({ default: -1 }) };

const partitionData = {
  partitionIndex: int32(),
  errorCode: int16(),
  highWatermark: int64(),
  lastStableOffset: int64({ default: -1 }),
  logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
  divergingEpoch: struct(epochEndOffset, { versions: "12+", tag: 0 }),
  currentLeader: struct(leaderIdAndEpoch, { versions: "12+", tag: 1 }),
  snapshotId: struct(snapshotId, { versions: "12+", tag: 2 }),
  abortedTransactions: array(
    { producerId: int64({ big: true }), firstOffset: int64() },
    { nullable: "4+" },
  ),
  preferredReadReplica: int32({ versions: "11+", default: -1 }),
  records: records({ nullable: "0+" }),
};

const fetchableTopicResponse = {
  topic: string({ versions: "0-12", ignorable: true }),
  topicId: uuid({ versions: "13+", ignorable: true }),
  partitions: array(partitionData),
};

export const fetch = defineApi({
  key: 1,
  name: "Fetch",
  versions: "4-18",
  flexible: "12+",
  request: {
    clusterId: string({ versions: "12+", nullable: "12+", tag: 0, default: null, ignorable: true }),
    replicaId: int32({ versions: "0-14", default: -1 }),
    replicaState: struct(replicaState, { versions: "15+", tag: 1 }),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 0x7fffffff }),
    isolationLevel: int8({ default: 0 }),
    sessionId: int32({ versions: "7+", default: 0, ignorable: true }),
    sessionEpoch: int32({ versions: "7+", default: -1, ignorable: true }),
    topics: array(fetchTopic),
    forgottenTopicsData: array(forgottenTopic, { versions: "7+" }),
    rackId: string({ versions: "11+", default: "", ignorable: true }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "7+", ignorable: true }),
    sessionId: int32({ versions: "7+", default: 0 }),
    responses: array(fetchableTopicResponse),
    nodeEndpoints: array(nodeEndpoint("16+"), { versions: "16+", tag: 0 }),
  },
  handle: (request, call) => fetchRecords(request, call),
  refuse({ topics }, { errorCode }, version) {
    // Before v7 there was no error for the whole answer.
    const parts = version >= 7 ? [] : topics;
    return {
      throttleTimeMs: 0,
      errorCode,
      sessionId: 0,
      responses: parts.map(({ topic, topicId, partitions }) => ({
        topic,
        topicId,
        partitions: partitions.map(({ partition }) => ({
          partitionIndex: partition,
          errorCode,
          highWatermark: -1,
          abortedTransactions: null,
          records: null,
        })),
      })),
    };
  },
});
