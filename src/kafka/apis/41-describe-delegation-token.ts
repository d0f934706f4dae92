/**
 * DescribeDelegationToken (key 41): the tokens of some owners, or all that the caller may see; v3 tells who asked for them.
 */
import { array, bytes, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { TOKEN_REQUEST_NOT_ALLOWED } from "../error-codes.ts";

const describedDelegationToken = {
  principalType: string(),
  principalName: string(),
  tokenRequesterPrincipalType: string({ versions: "3+" }),
  tokenRequesterPrincipalName: string({ versions: "3+" }),
  issueTimestamp: int64(),
  expiryTimestamp: int64(),
  maxTimestamp: int64(),
  tokenId: string(),
  hmac: bytes(),
  renewers: array({ principalType: string(), principalName: string() }),
};

export const describeDelegationToken = defineApi({
  key: 41,
  name: "DescribeDelegationToken",
  versions: "1-3",
  flexible: "2+",
  request: {
    owners: array({ principalType: string(), principalName: string() }, { nullable: "0+" }),
  },
  response: {
    errorCode: int16(),
    tokens: array(describedDelegationToken),
    throttleTimeMs: int32(),
  },
  handle: () => ({ errorCode: TOKEN_REQUEST_NOT_ALLOWED, tokens: [], throttleTimeMs: 0 }),
});
