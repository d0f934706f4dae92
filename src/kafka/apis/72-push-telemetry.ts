/**
 * PushTelemetry (key 72): a client's metrics (KIP-714). Never served: declared for completeness.
 */
import { bool, bytes, int16, int32, int8, uuid } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

export const pushTelemetry = defineApi({
  key: 72,
  name: "PushTelemetry",
  versions: "0",
  flexible: "0+",
  request: {
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    terminating: bool(),
    compressionType: int8(),
    metrics: bytes(),
  },
  response: { throttleTimeMs: int32(), errorCode: int16() },
});
