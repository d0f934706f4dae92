/**
 * OffsetForLeaderEpoch (key 23): where the records of a leader epoch end, for readers that check whether they were cut off.
 *
 * - v3 names the replica that asks: -1 is a consumer, -2 a reader that may look past the high watermark.
 */
import { mapNestedInTurns } from "../../lib/async.ts";
import { array, int16, int32, int64, string } from "../../wire/schema.ts";
import type { Call } from "../call.ts";
import { defineApi } from "../define-api.ts";
import { codeOf, NONE } from "../error-codes.ts";

const offsetForLeaderPartition = {
  partition: int32(),
  currentLeaderEpoch: int32({ default: -1 }),
  leaderEpoch: int32(),
};

const epochEndOffset = {
  errorCode: int16(),
  partition: int32(),
  leaderEpoch: int32({ default: -1 }),
  endOffset: int64({ default: -1 }),
};

export const offsetForLeaderEpoch = defineApi({
  key: 23,
  name: "OffsetForLeaderEpoch",
  versions: "2-4",
  flexible: "4+",
  request: {
    replicaId: int32({ versions: "3+", default: -2, ignorable: true }),
    topics: array({ topic: string(), partitions: array(offsetForLeaderPartition) }),
  },
  response: {
    throttleTimeMs: int32(),
    topics: array({ topic: string(), partitions: array(epochEndOffset) }),
  },
  async handle({ topics }, call) {
    const ends = await mapNestedInTurns(
      call.door.clock,
      topics,
      ({ partitions }) => partitions,
      (asked, { topic }) => endOf(call, topic, asked),
    );
    return {
      throttleTimeMs: 0,
      topics: topics.map(({ topic }, at) => ({ topic, partitions: ends[at] ?? [] })),
    };
  },
});

interface AskedEpoch {
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly leaderEpoch: number;
}

async function endOf({ broker, context }: Call, topic: string, asked: AskedEpoch) {
  const { partition, currentLeaderEpoch, leaderEpoch } = asked;
  const believed = currentLeaderEpoch === -1 ? undefined : currentLeaderEpoch;
  try {
    const end = await broker.endOfEpoch(context, topic, partition, leaderEpoch, believed);
    return { errorCode: NONE, partition, ...end };
  } catch (error) {
    return { errorCode: codeOf(error), partition };
  }
}
