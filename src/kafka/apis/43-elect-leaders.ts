/**
 * ElectLeaders (key 43): choose partitions' leaders anew: the preferred replica (type 0), or any that is alive (1).
 *
 * - All partitions are asked for by null; then only those that changed or failed are answered (KIP-460).
 */
import { array, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { Refusal } from "../../lib/refusal.ts";
import { NONE } from "../error-codes.ts";
import { electEach } from "../answers/leaders.ts";
import { checkTimeOut } from "../answers/time-out.ts";

/** Kafka's types of election. */
const [preferred, unclean] = [0, 1];

const partitionResult = {
  partitionId: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
};

export const electLeaders = defineApi({
  key: 43,
  name: "ElectLeaders",
  versions: "0-2",
  flexible: "2+",
  request: {
    electionType: int8({ versions: "1+" }),
    topicPartitions: array({ topic: string(), partitions: array(int32()) }, { nullable: "0+" }),
    timeoutMs: int32({ default: 60000 }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "1+" }),
    replicaElectionResults: array({ topic: string(), partitionResult: array(partitionResult) }),
  },
  async handle({ electionType, topicPartitions, timeoutMs }, call) {
    if (electionType !== preferred && electionType !== unclean)
      throw new Refusal("invalid_request", `There is no election of type ${electionType}.`);
    checkTimeOut(timeoutMs);
    const replicaElectionResults = await electEach(topicPartitions, call);
    return { throttleTimeMs: 0, errorCode: NONE, replicaElectionResults };
  },
  refuse: ({ topicPartitions }, { errorCode, errorMessage }, version) => ({
    throttleTimeMs: 0,
    // Version 0 has it beside the partitions alone.
    errorCode: version > 0 ? errorCode : NONE,
    replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({
        partitionId,
        errorCode,
        errorMessage,
      })),
    })),
  }),
});
