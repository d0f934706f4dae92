/**
 * DescribeCluster (key 60): the cluster's id, its controller and its brokers (KIP-700).
 *
 * - v1 may ask for the controllers instead (KIP-919), v2 for fenced brokers too (KIP-1073).
 */
import { array, bool, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { notAsked, operations } from "../answers/authorized-operations.ts";
import { NONE } from "../error-codes.ts";

/** What may be asked for: brokers or controllers (KIP-919). */
const BROKERS = 1;
const CONTROLLERS = 2;
/** Kafka's codes, which no verb refuses with. */
const MISMATCHED_ENDPOINT_TYPE = 114;
const UNSUPPORTED_ENDPOINT_TYPE = 115;

const describeClusterBroker = {
  brokerId: int32(),
  host: string(),
  port: int32(),
  rack: string({ nullable: "0+", default: null }),
  isFenced: bool({ versions: "2+" }),
};

export const describeCluster = defineApi({
  key: 60,
  name: "DescribeCluster",
  versions: "0-2",
  flexible: "0+",
  request: {
    includeClusterAuthorizedOperations: bool(),
    endpointType: int8({ versions: "1+", default: 1 }),
    includeFencedBrokers: bool({ versions: "2+" }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    endpointType: int8({ versions: "1+", default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: array(describeClusterBroker),
    clusterAuthorizedOperations: int32({ default: notAsked }),
  },
  handle({ includeClusterAuthorizedOperations, endpointType }, { broker, context, nodes }) {
    if (endpointType !== BROKERS) {
      const [errorCode, errorMessage] =
        endpointType === CONTROLLERS
          ? [
              MISMATCHED_ENDPOINT_TYPE,
              "This listener is for clients; controllers are not told here.",
            ]
          : [UNSUPPORTED_ENDPOINT_TYPE, `There is no endpoint type ${endpointType}.`];
      return { throttleTimeMs: 0, errorCode, errorMessage, clusterId: "", brokers: [] };
    }
    const { clusterId, controllerId } = broker.describeNode(context);
    return {
      throttleTimeMs: 0,
      errorCode: NONE,
      clusterId,
      controllerId,
      brokers: nodes.map(({ nodeId, host, port }) => ({
        brokerId: nodeId,
        host,
        port,
        isFenced: false,
      })),
      clusterAuthorizedOperations: includeClusterAuthorizedOperations
        ? operations.cluster
        : notAsked,
    };
  },
});
