/**
 * ExpireDelegationToken (key 40): end a token at a time, or now.
 */
import { bytes, int16, int32, int64 } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { TOKEN_REQUEST_NOT_ALLOWED } from "../error-codes.ts";

export const expireDelegationToken = defineApi({
  key: 40,
  name: "ExpireDelegationToken",
  versions: "1-2",
  flexible: "2+",
  request: { hmac: bytes(), expiryTimePeriodMs: int64() },
  response: { errorCode: int16(), expiryTimestampMs: int64(), throttleTimeMs: int32() },
  handle: () => ({
    errorCode: TOKEN_REQUEST_NOT_ALLOWED,
    expiryTimestampMs: -1,
    throttleTimeMs: 0,
  }),
});
