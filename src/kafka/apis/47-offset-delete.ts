/**
 * OffsetDelete (key 47): forget a group's offsets of topics that it does not read (KIP-496). Never flexible.
 */
import { array, int16, int32, string } from "../../wire/schema.ts";
import { outcomesByTopic } from "../answers/groups.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";

const offsetDeleteRequestTopic = { name: string(), partitions: array({ partitionIndex: int32() }) };

const offsetDeleteResponseTopic = {
  name: string(),
  partitions: array({ partitionIndex: int32(), errorCode: int16() }),
};

export const offsetDelete = defineApi({
  key: 47,
  name: "OffsetDelete",
  versions: "0",
  flexible: "none",
  request: { groupId: string(), topics: array(offsetDeleteRequestTopic) },
  response: {
    errorCode: int16(),
    throttleTimeMs: int32(),
    topics: array(offsetDeleteResponseTopic),
  },
  async handle({ groupId, topics }, { broker, context }) {
    const partitions = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
    );
    const outcomes = await broker.groups.deleteOffsets(context, groupId, partitions);
    return { errorCode: NONE, throttleTimeMs: 0, topics: outcomesByTopic(topics, outcomes) };
  },
  refuse: (_request, { errorCode }) => ({ errorCode, throttleTimeMs: 0, topics: [] }),
});
