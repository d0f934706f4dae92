/**
 * SaslAuthenticate (key 36): one token of a SASL exchange each way, and in the end how long the session lasts (v1, KIP-368).
 */
import { bytes, int16, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

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
});
