/**
 * CreateDelegationToken (key 38): a token that stands for a principal for some time (KIP-48); v3 for another one (KIP-373).
 *
 * - Nobody is known on a listener without security, so that there is nobody to give a token for: refused, as in Kafka.
 */
import { array, bytes, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { TOKEN_REQUEST_NOT_ALLOWED } from "../error-codes.ts";

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
  handle(_request, { context, version }) {
    const at = context.principal.indexOf(":");
    const [type, name] = [context.principal.slice(0, at), context.principal.slice(at + 1)];
    return {
      errorCode: TOKEN_REQUEST_NOT_ALLOWED,
      principalType: type,
      principalName: name,
      // KIP-373: before version 3 nobody asked for another's token.
      tokenRequesterPrincipalType: version >= 3 ? type : "",
      tokenRequesterPrincipalName: version >= 3 ? name : "",
      issueTimestampMs: -1,
      expiryTimestampMs: -1,
      maxTimestampMs: -1,
      tokenId: "",
      hmac: new Uint8Array(0),
      throttleTimeMs: 0,
    };
  },
});
