/**
 * ListPartitionReassignments (key 46): the moves that are under way (KIP-455): none, while there is one node.
 */
import { array, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";

const ongoingPartitionReassignment = {
  partitionIndex: int32(),
  replicas: array(int32()),
  addingReplicas: array(int32()),
  removingReplicas: array(int32()),
};

const ongoingTopicReassignment = {
  name: string(),
  partitions: array(ongoingPartitionReassignment),
};

export const listPartitionReassignments = defineApi({
  key: 46,
  name: "ListPartitionReassignments",
  versions: "0",
  flexible: "0+",
  request: {
    timeoutMs: int32({ default: 60000 }),
    topics: array(
      { name: string(), partitionIndexes: array(int32()) },
      { nullable: "0+", default: null },
    ),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    topics: array(ongoingTopicReassignment),
  },
  handle: () => ({ throttleTimeMs: 0, errorCode: NONE, errorMessage: null, topics: [] }),
});
