/**
 * UnregisterBroker (key 64): forget a broker that is gone for good.
 */
import { int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";

export const unregisterBroker = defineApi({
  key: 64,
  name: "UnregisterBroker",
  versions: "0",
  flexible: "0+",
  request: { brokerId: int32() },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
  },
  handle({ brokerId }, { broker, context }) {
    broker.cluster.unregister(context, brokerId);
    return { throttleTimeMs: 0, errorCode: NONE, errorMessage: null };
  },
  refuse: (_request, error) => ({ throttleTimeMs: 0, ...error }),
});
