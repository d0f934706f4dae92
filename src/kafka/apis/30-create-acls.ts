/**
 * CreateAcls (key 30): add access rules, each with an answer of its own.
 *
 * - v1 has pattern types (KIP-290), v3 users as resources (KIP-373).
 */
import { array, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { codeFor } from "../error-codes.ts";

const aclCreation = {
  resourceType: int8(),
  resourceName: string(),
  resourcePatternType: int8({ default: 3 }),
  principal: string(),
  host: string(),
  operation: int8(),
  permissionType: int8(),
};

export const createAcls = defineApi({
  key: 30,
  name: "CreateAcls",
  versions: "1-3",
  flexible: "2+",
  request: { creations: array(aclCreation) },
  response: {
    throttleTimeMs: int32(),
    results: array({ errorCode: int16(), errorMessage: string({ nullable: "0+" }) }),
  },
  handle: ({ creations }) => ({
    throttleTimeMs: 0,
    results: creations.map(() => ({
      errorCode: codeFor("security_disabled"),
      errorMessage: "Access rules are not in use on this node.",
    })),
  }),
});
