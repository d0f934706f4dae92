/**
 * CreatePartitions (key 37): give topics more partitions, never fewer.
 *
 * - v3 may answer THROTTLING_QUOTA_EXCEEDED (KIP-599).
 */
import { array, bool, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { growEach } from "../answers/topic-admin.ts";
import { checkTimeOut } from "../answers/time-out.ts";

const createPartitionsTopic = {
  name: string(),
  count: int32(),
  assignments: array({ brokerIds: array(int32()) }, { nullable: "0+" }),
};

const createPartitionsTopicResult = {
  name: string(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
};

export const createPartitions = defineApi({
  key: 37,
  name: "CreatePartitions",
  versions: "0-3",
  flexible: "2+",
  request: { topics: array(createPartitionsTopic), timeoutMs: int32(), validateOnly: bool() },
  response: { throttleTimeMs: int32(), results: array(createPartitionsTopicResult) },
  async handle(request, call) {
    checkTimeOut(request.timeoutMs);
    return { throttleTimeMs: 0, results: await growEach(request, call) };
  },
  refuse: ({ topics }, { errorCode, errorMessage }) => ({
    throttleTimeMs: 0,
    results: topics.map(({ name }) => ({ name, errorCode, errorMessage })),
  }),
});
