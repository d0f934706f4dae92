/**
 * DeleteTopics (key 20): delete topics, each with an answer of its own.
 *
 * - Until v5 topics are named; from v6 each is named or given by id, the other being null or zero (KIP-516).
 * - v5 tells why it failed.
 */
import { array, int16, int32, string, uuid } from "../../wire/schema.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import { defineApi } from "../define-api.ts";
import { deleteEach } from "../answers/topic-admin.ts";
import { checkTimeOut } from "../answers/time-out.ts";

const deleteTopicState = { name: string({ nullable: "6+", default: null }), topicId: uuid() };

const deletableTopicResult = {
  name: string({ nullable: "6+" }),
  topicId: uuid({ versions: "6+", ignorable: true }),
  errorCode: int16(),
  errorMessage: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
};

export const deleteTopics = defineApi({
  key: 20,
  name: "DeleteTopics",
  versions: "1-6",
  flexible: "4+",
  request: {
    topics: array(deleteTopicState, { versions: "6+" }),
    topicNames: array(string(), { versions: "0-5", ignorable: true }),
    timeoutMs: int32(),
  },
  response: { throttleTimeMs: int32(), responses: array(deletableTopicResult) },
  async handle({ topics, topicNames, timeoutMs }, call) {
    checkTimeOut(timeoutMs);
    const asked =
      call.version >= 6 ? topics : topicNames.map((name) => ({ name, topicId: zeroUuid }));
    return { throttleTimeMs: 0, responses: await deleteEach(asked, call) };
  },
  refuse({ topics, topicNames }, { errorCode, errorMessage }, version) {
    const asked = version >= 6 ? topics : topicNames.map((name) => ({ name, topicId: zeroUuid }));
    const responses = asked.map((each) => ({ ...each, errorCode, errorMessage }));
    return { throttleTimeMs: 0, responses };
  },
});
