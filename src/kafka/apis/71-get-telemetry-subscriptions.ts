/**
 * GetTelemetrySubscriptions (key 71): which metrics a client should push (KIP-714). Never served: declared for completeness.
 */
import { array, bool, int16, int32, int8, string, uuid } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

export const getTelemetrySubscriptions = defineApi({
  key: 71,
  name: "GetTelemetrySubscriptions",
  versions: "0",
  flexible: "0+",
  request: { clientInstanceId: uuid() },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    acceptedCompressionTypes: array(int8()),
    pushIntervalMs: int32(),
    telemetryMaxBytes: int32(),
    deltaTemporality: bool(),
    requestedMetrics: array(string()),
  },
});
