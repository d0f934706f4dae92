/**
 * DeleteRecords (key 21): move the start of a partition's log up to an offset; -1 is the high watermark.
 */
import { array, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { codeOf, NONE } from "../error-codes.ts";

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
  async handle({ topics }, { broker, context }) {
    const answers = topics.map(async ({ name, partitions }) => ({
      name,
      partitions: await Promise.all(
        partitions.map(async ({ partitionIndex, offset }) => {
          try {
            const start = await broker.deleteRecords(context, name, partitionIndex, offset);
            return { partitionIndex, lowWatermark: start, errorCode: NONE };
          } catch (error) {
            return { partitionIndex, lowWatermark: -1, errorCode: codeOf(error) };
          }
        }),
      ),
    }));
    return { throttleTimeMs: 0, topics: await Promise.all(answers) };
  },
});
