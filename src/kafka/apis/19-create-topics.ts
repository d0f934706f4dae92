/**
 * CreateTopics (key 19): make topics, each with an answer of its own.
 *
 * - Partitions and replication factor -1 take the broker's default (v4, KIP-464) or are given by the assignments.
 * - v5 tells the configs that the topic has (KIP-525), v7 its id.
 */
import { array, bool, int16, int32, int8, string, uuid } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { createEach, notCreated } from "../answers/topic-admin.ts";
import { checkTimeOut } from "../answers/time-out.ts";

const creatableTopic = {
  name: string(),
  numPartitions: int32(),
  replicationFactor: int16(),
  assignments: array({ partitionIndex: int32(), brokerIds: array(int32()) }),
  configs: array({ name: string(), value: string({ nullable: "0+" }) }),
};

const creatableTopicConfigs = {
  name: string(),
  value: string({ nullable: "5+" }),
  readOnly: bool(),
  configSource: int8({ default: -1, ignorable: true }),
  isSensitive: bool(),
};

const creatableTopicResult = {
  name: string(),
  topicId: uuid({ versions: "7+", ignorable: true }),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  topicConfigErrorCode: int16({ versions: "5+", tag: 0, ignorable: true }),
  numPartitions: int32({ versions: "5+", default: -1, ignorable: true }),
  replicationFactor: int16({ versions: "5+", default: -1, ignorable: true }),
  configs: array(creatableTopicConfigs, { versions: "5+", nullable: "5+", ignorable: true }),
};

export const createTopics = defineApi({
  key: 19,
  name: "CreateTopics",
  versions: "2-7",
  flexible: "5+",
  request: {
    topics: array(creatableTopic),
    timeoutMs: int32({ default: 60000 }),
    validateOnly: bool({ default: false }),
  },
  response: { throttleTimeMs: int32(), topics: array(creatableTopicResult) },
  async handle(request, call) {
    checkTimeOut(request.timeoutMs);
    return { throttleTimeMs: 0, topics: await createEach(request, call) };
  },
  refuse: ({ topics }, { errorCode, errorMessage }) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name }) => notCreated(name, errorCode, errorMessage)),
  }),
});
