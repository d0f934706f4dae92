/**
 * SaslHandshake (key 17): which SASL mechanism the client will use.
 *
 * - v0 is followed by bare tokens behind their length, v1 by SaslAuthenticate (KIP-152). Never flexible.
 * - No listener has SASL yet: refused, and the connection stays, as on a plain listener of Kafka.
 */
import { array, int16, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { ILLEGAL_SASL_STATE } from "../error-codes.ts";

export const saslHandshake = defineApi({
  key: 17,
  name: "SaslHandshake",
  versions: "0-1",
  flexible: "none",
  request: { mechanism: string() },
  response: { errorCode: int16(), mechanisms: array(string()) },
  handle: () => ({ errorCode: ILLEGAL_SASL_STATE, mechanisms: [] }),
});
