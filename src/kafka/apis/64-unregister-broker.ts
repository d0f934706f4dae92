/**
 * UnregisterBroker (key 64): forget a broker that is gone for good.
 */
import { int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

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
});
