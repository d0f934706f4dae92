/**
 * CreateDelegationToken (key 38): a token that stands for a principal for some time (KIP-48); v3 for another one (KIP-373).
 */
import { array, bytes, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

export const createDelegationToken = defineApi({
  key: 38,
  name: "CreateDelegationToken",
  versions: "1-3",
  flexible: "2+",
  request: {
    ownerPrincipalType: string({ versions: "3+", nullable: "3+" }),
    ownerPrincipalName: string({ versions: "3+", nullable: "3+" }),
    renewers: array({ principalType: string(), principalName: string() }),
    maxLifetimeMs: int64(),
  },
  response: {
    errorCode: int16(),
    principalType: string(),
    principalName: string(),
    tokenRequesterPrincipalType: string({ versions: "3+" }),
    tokenRequesterPrincipalName: string({ versions: "3+" }),
    issueTimestampMs: int64(),
    expiryTimestampMs: int64(),
    maxTimestampMs: int64(),
    tokenId: string(),
    hmac: bytes(),
    throttleTimeMs: int32(),
  },
});
