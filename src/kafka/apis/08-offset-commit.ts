/**
 * OffsetCommit (key 8): keep how far a group has read.
 *
 * - A commit belongs to a member of a generation (or of an epoch, KIP-848), or to nobody: generation -1 and no member id, which
 *   an empty group takes.
 * - v5 left the keeping time to the broker (KIP-211), v6 has leader epochs (KIP-320), v7 static members (KIP-345), v9 epochs of
 *   KIP-848, v10 names topics by id (KIP-848).
 */
import { array, int16, int32, int64, string, uuid } from "../../wire/schema.ts";
import { allRefused, commitEach } from "../answers/groups.ts";
import { defineApi } from "../define-api.ts";

const offsetCommitRequestPartition = {
  partitionIndex: int32(),
  committedOffset: int64({ exact: true }),
  committedLeaderEpoch: int32({ versions: "6+", default: -1, ignorable: true }),
  committedMetadata: string({ nullable: "0+" }),
};

const offsetCommitRequestTopic = {
  name: string({ versions: "0-9", ignorable: true }),
  topicId: uuid({ versions: "10+", ignorable: true }),
  partitions: array(offsetCommitRequestPartition),
};

const offsetCommitResponseTopic = {
  name: string({ versions: "0-9", ignorable: true }),
  topicId: uuid({ versions: "10+", ignorable: true }),
  partitions: array({ partitionIndex: int32(), errorCode: int16() }),
};

export const offsetCommit = defineApi({
  key: 8,
  name: "OffsetCommit",
  versions: "2-10",
  flexible: "8+",
  request: {
    groupId: string(),
    generationIdOrMemberEpoch: int32({ default: -1 }),
    memberId: string(),
    groupInstanceId: string({ versions: "7+", nullable: "7+", default: null }),
    retentionTimeMs: int64({ versions: "2-4", default: -1, ignorable: true }),
    topics: array(offsetCommitRequestTopic),
  },
  response: {
    throttleTimeMs: int32({ versions: "3+", ignorable: true }),
    topics: array(offsetCommitResponseTopic),
  },
  async handle(request, call) {
    const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch, topics } = request;
    const { retentionTimeMs } = request;
    const { broker, context, version } = call;
    const answers = await commitEach(topics, version >= 10, call, (offsets) =>
      broker.groups.commitOffsets(context, {
        group: groupId,
        member: { memberId, instanceId: groupInstanceId, generation: generationIdOrMemberEpoch },
        offsets,
        knowsMemberEpochs: version >= 9,
        retentionMs: retentionTimeMs === -1 ? null : retentionTimeMs,
      }),
    );
    return { throttleTimeMs: 0, topics: answers };
  },
  refuse: ({ topics }, { errorCode }) => ({
    throttleTimeMs: 0,
    topics: allRefused(topics, errorCode),
  }),
});
