/**
 * RenewDelegationToken (key 39): let a token live longer, up to its greatest age.
 */
import { bytes, int16, int32, int64 } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { TOKEN_REQUEST_NOT_ALLOWED } from "../error-codes.ts";

export const renewDelegationToken = defineApi({
  key: 39,
  name: "RenewDelegationToken",
  versions: "1-2",
  flexible: "2+",
  request: { hmac: bytes(), renewPeriodMs: int64() },
  response: { errorCode: int16(), expiryTimestampMs: int64(), throttleTimeMs: int32() },
  handle: () => ({
    errorCode: TOKEN_REQUEST_NOT_ALLOWED,
    expiryTimestampMs: -1,
    throttleTimeMs: 0,
  }),
});
