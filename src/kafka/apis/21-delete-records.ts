/**
 * DeleteRecords (key 21): move the start of a partition's log up to an offset; -1 is the high watermark.
 */
import { mapNestedInTurns } from "../../lib/async.ts";
import { array, int16, int32, int64, string } from "../../wire/schema.ts";
import { Refusal } from "../../lib/refusal.ts";
import { eachOnce } from "../answers/each-once.ts";
import { defineApi } from "../define-api.ts";
import { codeFor, codeOf, NONE } from "../error-codes.ts";

const deleteRecordsTopic = {
  name: string(),
  partitions: array({ partitionIndex: int32(), offset: int64() }),
};

const deleteRecordsPartitionResult = {
  partitionIndex: int32(),
  lowWatermark: int64(),
  errorCode: int16(),
};

const deleteRecordsTopicResult = {
  name: string(),
  partitions: array(deleteRecordsPartitionResult),
};

export const deleteRecords = defineApi({
  key: 21,
  name: "DeleteRecords",
  versions: "0-2",
  flexible: "2+",
  request: { topics: array(deleteRecordsTopic), timeoutMs: int32() },
  response: { throttleTimeMs: int32(), topics: array(deleteRecordsTopicResult) },
  async handle(request, { broker, context, door }) {
    const { topics } = eachOnce(
      request.topics,
      ({ name }) => name,
      ({ partitionIndex }) => partitionIndex,
    );
    const answers = await mapNestedInTurns(
      door.clock,
      topics,
      ({ partitions }) => partitions,
      async ({ partitionIndex, offset }, { name }) => {
        try {
          const start = await broker.deleteRecords(context, name, partitionIndex, offset);
          return { partitionIndex, lowWatermark: start, errorCode: NONE };
        } catch (error) {
          return { partitionIndex, lowWatermark: -1, errorCode: deleteCodeOf(error) };
        }
      },
    );
    return {
      throttleTimeMs: 0,
      topics: topics.map(({ name }, at) => ({ name, partitions: answers[at] ?? [] })),
    };
  },
});

/** Internal topics are, to who deletes records, topics of a wrong name (Kafka's KafkaApis). */
function deleteCodeOf(error: unknown): number {
  const closed = error instanceof Refusal && error.code === "topic_authorization_failed";
  return closed ? codeFor("invalid_topic_exception") : codeOf(error);
}
