/**
 * DescribeShareGroupOffsets (key 90): where share groups start in their partitions (KIP-932); v1 tells the lag (KIP-1226).
 */
import { array, int16, int32, int64, string, uuid } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

const describeShareGroupOffsetsRequestGroup = {
  groupId: string(),
  topics: array({ topicName: string(), partitions: array(int32()) }, { nullable: "0+" }),
};

const describeShareGroupOffsetsResponsePartition = {
  partitionIndex: int32(),
  startOffset: int64(),
  leaderEpoch: int32(),
  lag: int64({ versions: "1+", default: -1, ignorable: true }),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
};

const describeShareGroupOffsetsResponseTopic = {
  topicName: string(),
  topicId: uuid(),
  partitions: array(describeShareGroupOffsetsResponsePartition),
};

const describeShareGroupOffsetsResponseGroup = {
  groupId: string(),
  topics: array(describeShareGroupOffsetsResponseTopic),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
};

export const describeShareGroupOffsets = defineApi({
  key: 90,
  name: "DescribeShareGroupOffsets",
  versions: "0-1",
  flexible: "0+",
  request: { groups: array(describeShareGroupOffsetsRequestGroup) },
  response: { throttleTimeMs: int32(), groups: array(describeShareGroupOffsetsResponseGroup) },
});
