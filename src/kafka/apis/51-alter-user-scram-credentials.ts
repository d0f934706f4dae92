/**
 * AlterUserScramCredentials (key 51): set and remove users' SCRAM passwords, which arrive salted (KIP-554).
 */
import { array, bytes, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { alterUsers } from "../answers/scram-users.ts";

const scramCredentialUpsertion = {
  name: string(),
  mechanism: int8(),
  iterations: int32(),
  salt: bytes(),
  saltedPassword: bytes(),
};

const alterUserScramCredentialsResult = {
  user: string(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
};

export const alterUserScramCredentials = defineApi({
  key: 51,
  name: "AlterUserScramCredentials",
  versions: "0",
  flexible: "0+",
  request: {
    deletions: array({ name: string(), mechanism: int8() }),
    upsertions: array(scramCredentialUpsertion),
  },
  response: { throttleTimeMs: int32(), results: array(alterUserScramCredentialsResult) },
  handle: (request) => ({ throttleTimeMs: 0, results: alterUsers(request) }),
});
