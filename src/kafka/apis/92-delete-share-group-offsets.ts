/**
 * DeleteShareGroupOffsets (key 92): forget a share group's state of whole topics (KIP-932).
 */
import { array, int16, int32, string, uuid } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

const deleteShareGroupOffsetsResponseTopic = {
  topicName: string(),
  topicId: uuid(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
};

export const deleteShareGroupOffsets = defineApi({
  key: 92,
  name: "DeleteShareGroupOffsets",
  versions: "0",
  flexible: "0+",
  request: { groupId: string(), topics: array({ topicName: string() }) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    responses: array(deleteShareGroupOffsetsResponseTopic),
  },
});
