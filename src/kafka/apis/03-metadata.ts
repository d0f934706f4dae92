/**
 * Metadata (key 3): brokers, topics, partitions and their leaders.
 *
 * - All topics are asked for by null, or by an empty list in v0.
 * - Topics may be made on first use: always before v4, since then where the request allows it.
 * - v7 tells leader epochs (KIP-320), v8 what the caller may do (KIP-430; the cluster's until v10), v10 topic ids, v12 asks by id
 *   (KIP-516), v13 has an error for the whole answer (KIP-1102).
 */
import { array, bool, int16, int32, string, uuid } from "../../wire/schema.ts";
import { metadataOf } from "../answers/metadata.ts";
import { notAsked } from "../answers/authorized-operations.ts";
import { defineApi } from "../define-api.ts";

const metadataRequestTopic = {
  topicId: uuid({ versions: "10+", ignorable: true }),
  name: string({ nullable: "10+" }),
};

const metadataResponseBroker = {
  nodeId: int32(),
  host: string(),
  port: int32(),
  rack: string({ versions: "1+", nullable: "1+", default: null, ignorable: true }),
};

const metadataResponsePartition = {
  errorCode: int16(),
  partitionIndex: int32(),
  leaderId: int32(),
  leaderEpoch: int32({ versions: "7+", default: -1, ignorable: true }),
  replicaNodes: array(int32()),
  isrNodes: array(int32()),
  offlineReplicas: array(int32(), { versions: "5+", ignorable: true }),
};

const metadataResponseTopic = {
  errorCode: int16(),
  name: string({ nullable: "12+" }),
  topicId: uuid({ versions: "10+", ignorable: true }),
  isInternal: bool({ versions: "1+", default: false, ignorable: true }),
  partitions: array(metadataResponsePartition),
  topicAuthorizedOperations: int32({ versions: "8+", default: notAsked }),
};

export const metadata = defineApi({
  key: 3,
  name: "Metadata",
  versions: "0-13",
  flexible: "9+",
  request: {
    topics: array(metadataRequestTopic, { nullable: "1+" }),
    allowAutoTopicCreation: bool({ versions: "4+", default: true }),
    includeClusterAuthorizedOperations: bool({ versions: "8-10" }),
    includeTopicAuthorizedOperations: bool({ versions: "8+" }),
  },
  response: {
    throttleTimeMs: int32({ versions: "3+", ignorable: true }),
    brokers: array(metadataResponseBroker),
    clusterId: string({ versions: "2+", nullable: "2+", default: null, ignorable: true }),
    controllerId: int32({ versions: "1+", default: -1, ignorable: true }),
    topics: array(metadataResponseTopic),
    clusterAuthorizedOperations: int32({ versions: "8-10", default: notAsked }),
    errorCode: int16({ versions: "13+", ignorable: true }),
  },
  handle: (request, call) => metadataOf(request, call),
  refuse: ({ topics }, { errorCode }) => ({
    throttleTimeMs: 0,
    brokers: [],
    topics: (topics ?? []).map(({ name, topicId }) => ({
      errorCode,
      name: name ?? "",
      topicId,
      partitions: [],
    })),
    errorCode,
  }),
});
