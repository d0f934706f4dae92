/**
 * OffsetFetch (key 9): what a group has committed.
 *
 * - An unknown group or partition has offset -1 and no error.
 * - All topics are asked for by null (v2); offsets of open transactions may be waited for (`requireStable`, v7, KIP-447).
 * - Until v7 one group is asked for in the request itself; v8 asks for several in `groups` (KIP-709); v9 checks the member and
 *   its epoch (KIP-848), v10 names topics by id.
 */
import { array, bool, int16, int32, int64, string, uuid } from "../../wire/schema.ts";
import { fetchedOffsets, refusedOffsets } from "../answers/offset-fetch.ts";
import { defineApi } from "../define-api.ts";

const offsetFetchRequestTopics = {
  name: string({ versions: "8-9", ignorable: true }),
  topicId: uuid({ versions: "10+", ignorable: true }),
  partitionIndexes: array(int32()),
};

const offsetFetchRequestGroup = {
  groupId: string(),
  memberId: string({ versions: "9+", nullable: "9+", default: null, ignorable: true }),
  memberEpoch: int32({ versions: "9+", default: -1, ignorable: true }),
  topics: array(offsetFetchRequestTopics, { nullable: "8+" }),
};

const offsetFetchResponsePartition = {
  partitionIndex: int32(),
  committedOffset: int64({ exact: true }),
  committedLeaderEpoch: int32({ versions: "5-7", default: -1, ignorable: true }),
  metadata: string({ nullable: "0-7" }),
  errorCode: int16(),
};

const offsetFetchResponseTopic = {
  name: string(),
  partitions: array(offsetFetchResponsePartition),
};

const offsetFetchResponsePartitions = {
  partitionIndex: int32(),
  committedOffset: int64({ exact: true }),
  committedLeaderEpoch: int32({ default: -1, ignorable: true }),
  metadata: string({ nullable: "8+" }),
  errorCode: int16(),
};

const offsetFetchResponseTopics = {
  name: string({ versions: "8-9", ignorable: true }),
  topicId: uuid({ versions: "10+", ignorable: true }),
  partitions: array(offsetFetchResponsePartitions),
};

const offsetFetchResponseGroup = {
  groupId: string(),
  topics: array(offsetFetchResponseTopics),
  errorCode: int16({ default: 0 }),
};

export const offsetFetch = defineApi({
  key: 9,
  name: "OffsetFetch",
  versions: "1-10",
  flexible: "6+",
  request: {
    groupId: string({ versions: "0-7" }),
    topics: array(
      { name: string(), partitionIndexes: array(int32()) },
      { versions: "0-7", nullable: "2-7" },
    ),
    groups: array(offsetFetchRequestGroup, { versions: "8+" }),
    requireStable: bool({ versions: "7+", default: false }),
  },
  response: {
    throttleTimeMs: int32({ versions: "3+", ignorable: true }),
    topics: array(offsetFetchResponseTopic, { versions: "0-7" }),
    errorCode: int16({ versions: "2-7", default: 0, ignorable: true }),
    groups: array(offsetFetchResponseGroup, { versions: "8+" }),
  },
  handle: (request, call) => fetchedOffsets(request, call),
  refuse: (request, { errorCode }, version) => refusedOffsets(request, errorCode, version),
});
