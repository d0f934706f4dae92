/**
 * DescribeCluster (key 60): the cluster's id, its controller and its brokers (KIP-700).
 *
 * - v1 may ask for the controllers instead (KIP-919), v2 for fenced brokers too (KIP-1073).
 */
import { array, bool, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

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
    clusterAuthorizedOperations: int32({ default: -2147483648 }),
  },
});
