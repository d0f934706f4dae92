/**
 * SaslAuthenticate (key 36): one token of a SASL exchange each way, and in the end how long the session lasts (v1, KIP-368).
 *
 * - No listener has SASL yet: refused, and the connection stays, as on a plain listener of Kafka.
 */
import { bytes, int16, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { ILLEGAL_SASL_STATE } from "../error-codes.ts";

export const saslAuthenticate = defineApi({
  key: 36,
  name: "SaslAuthenticate",
  versions: "0-2",
  flexible: "2+",
  request: { authBytes: bytes() },
  response: {
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    authBytes: bytes(),
    sessionLifetimeMs: int64({ versions: "1+", default: 0, ignorable: true }),
  },
  handle: () => ({
    errorCode: ILLEGAL_SASL_STATE,
    errorMessage: "This listener asks nobody who they are: connect without SASL.",
    authBytes: new Uint8Array(0),
    sessionLifetimeMs: 0,
  }),
});
