/**
 * ConsumerGroupHeartbeat (key 68): a member of a KIP-848 group joins, stays, changes what it reads, or leaves.
 *
 * - Epoch 0 joins, -1 leaves, -2 leaves for a while as a static member. Fields that did not change are null.
 * - The assignment is answered only when the member does not have it yet.
 * - v1 has the member choose its own id, and subscribes by pattern (KIP-848, KIP-1082).
 */
import { array, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";
import { heartbeatAssignment, topicIdPartitions } from "../structs.ts";

/** From here on members make their ids themselves (KIP-1082). */
const OWN_ID_VERSION = 1;

export const consumerGroupHeartbeat = defineApi({
  key: 68,
  name: "ConsumerGroupHeartbeat",
  versions: "0-1",
  flexible: "0+",
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string({ nullable: "0+", default: null }),
    rackId: string({ nullable: "0+", default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: array(string(), { nullable: "0+", default: null }),
    subscribedTopicRegex: string({ versions: "1+", nullable: "1+", default: null }),
    serverAssignor: string({ nullable: "0+", default: null }),
    topicPartitions: array(topicIdPartitions, { nullable: "0+", default: null }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    memberId: string({ nullable: "0+", default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: heartbeatAssignment,
  },
  async handle(request, { broker, context, version }) {
    const { topicPartitions } = request;
    const { assignment, ...answer } = await broker.groups.consumerHeartbeat(
      context,
      request.groupId,
      {
        makesId: version >= OWN_ID_VERSION,
        memberId: request.memberId,
        memberEpoch: request.memberEpoch,
        instanceId: request.instanceId,
        rackId: request.rackId,
        rebalanceTimeoutMs: request.rebalanceTimeoutMs,
        topicNames: request.subscribedTopicNames,
        topicRegex: request.subscribedTopicRegex,
        assignor: request.serverAssignor,
        owned:
          topicPartitions &&
          new Map(topicPartitions.map((each) => [each.topicId, new Set(each.partitions)])),
        sessionTimeoutMs: null,
      },
    );
    return {
      ...answer,
      throttleTimeMs: 0,
      errorCode: NONE,
      assignment: assignment && {
        topicPartitions: Array.from(assignment, ([topicId, partitions]) => ({
          topicId,
          partitions: [...partitions.keys()],
        })),
      },
    };
  },
  refuse: (_request, { errorCode, errorMessage }) => ({
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
  }),
});
