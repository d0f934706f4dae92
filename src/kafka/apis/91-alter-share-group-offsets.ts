/**
 * AlterShareGroupOffsets (key 91): set where a share group without members starts (KIP-932).
 */
import { array, int16, int32, int64, string, uuid } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

const alterShareGroupOffsetsRequestTopic = {
  topicName: string(),
  partitions: array({ partitionIndex: int32(), startOffset: int64() }),
};

const alterShareGroupOffsetsResponsePartition = {
  partitionIndex: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
};

const alterShareGroupOffsetsResponseTopic = {
  topicName: string(),
  topicId: uuid(),
  partitions: array(alterShareGroupOffsetsResponsePartition),
};

export const alterShareGroupOffsets = defineApi({
  key: 91,
  name: "AlterShareGroupOffsets",
  versions: "0",
  flexible: "0+",
  request: { groupId: string(), topics: array(alterShareGroupOffsetsRequestTopic) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    responses: array(alterShareGroupOffsetsResponseTopic),
  },
});
