/**
 * SaslHandshake (key 17): which SASL mechanism the client will use.
 *
 * - v0 is followed by bare tokens behind their length, v1 by SaslAuthenticate (KIP-152). Never flexible.
 */
import { array, int16, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

export const saslHandshake = defineApi({
  key: 17,
  name: "SaslHandshake",
  versions: "0-1",
  flexible: "none",
  request: { mechanism: string() },
  response: { errorCode: int16(), mechanisms: array(string()) },
});
