/**
 * TxnOffsetCommit (key 28): offsets that become a group's when the transaction commits.
 *
 * - v3 checks member and generation (KIP-447), v4 has TRANSACTION_ABORTABLE, v5 adds the group to the transaction by itself
 *   (KIP-890).
 */
import { array, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { allRefused, commitEach } from "../answers/groups.ts";

const txnOffsetCommitRequestPartition = {
  partitionIndex: int32(),
  committedOffset: int64({ exact: true }),
  committedLeaderEpoch: int32({ versions: "2+", default: -1, ignorable: true }),
  committedMetadata: string({ nullable: "0+" }),
};

const txnOffsetCommitRequestTopic = {
  name: string(),
  partitions: array(txnOffsetCommitRequestPartition),
};

const txnOffsetCommitResponseTopic = {
  name: string(),
  partitions: array({ partitionIndex: int32(), errorCode: int16() }),
};

export const txnOffsetCommit = defineApi({
  key: 28,
  name: "TxnOffsetCommit",
  versions: "0-5",
  flexible: "3+",
  request: {
    transactionalId: string(),
    groupId: string(),
    producerId: int64({ big: true }),
    producerEpoch: int16(),
    generationId: int32({ versions: "3+", default: -1 }),
    memberId: string({ versions: "3+", default: "" }),
    groupInstanceId: string({ versions: "3+", nullable: "3+", default: null }),
    topics: array(txnOffsetCommitRequestTopic),
  },
  response: { throttleTimeMs: int32(), topics: array(txnOffsetCommitResponseTopic) },

  async handle(request, call) {
    const { transactionalId, groupId, producerId, producerEpoch, topics } = request;
    const { memberId, groupInstanceId: instanceId, generationId: generation } = request;
    const { broker, context, version } = call;
    const support = version >= 5 ? "joins" : version >= 4 ? "abortable" : "default";
    const owner = { transactionalId, producerId, producerEpoch, support } as const;
    const answers = await commitEach(topics, false, call, (offsets) =>
      broker.groups.commitOffsetsIn(context, owner, {
        group: groupId,
        member: { memberId, instanceId, generation },
        offsets,
        knowsMemberEpochs: false,
        retentionMs: null,
      }),
    );
    return { throttleTimeMs: 0, topics: answers };
  },
  refuse: ({ topics }, { errorCode }) => ({
    throttleTimeMs: 0,
    topics: allRefused(topics, errorCode),
  }),
});
