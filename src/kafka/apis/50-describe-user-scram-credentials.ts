/**
 * DescribeUserScramCredentials (key 50): which users have SCRAM passwords, never the passwords (KIP-554).
 */
import { array, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";
import { describeUsers } from "../answers/scram-users.ts";

const describeUserScramCredentialsResult = {
  user: string(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  credentialInfos: array({ mechanism: int8(), iterations: int32() }),
};

export const describeUserScramCredentials = defineApi({
  key: 50,
  name: "DescribeUserScramCredentials",
  versions: "0",
  flexible: "0+",
  request: { users: array({ name: string() }, { nullable: "0+" }) },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    results: array(describeUserScramCredentialsResult),
  },
  handle: ({ users }) => ({
    throttleTimeMs: 0,
    errorCode: NONE,
    errorMessage: "",
    results: describeUsers((users ?? []).map(({ name }) => name)),
  }),
});
