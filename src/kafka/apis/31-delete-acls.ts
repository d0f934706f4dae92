/**
 * DeleteAcls (key 31): remove the access rules that match filters, and tell which they were.
 *
 * - v1 has pattern types (KIP-290), v3 users as resources (KIP-373).
 */
import { array, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { codeFor } from "../error-codes.ts";
import { aclFilter } from "../structs.ts";

const deleteAclsMatchingAcl = {
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  resourceType: int8(),
  resourceName: string(),
  patternType: int8({ default: 3 }),
  principal: string(),
  host: string(),
  operation: int8(),
  permissionType: int8(),
};

const deleteAclsFilterResult = {
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  matchingAcls: array(deleteAclsMatchingAcl),
};

export const deleteAcls = defineApi({
  key: 31,
  name: "DeleteAcls",
  versions: "1-3",
  flexible: "2+",
  request: { filters: array(aclFilter) },
  response: { throttleTimeMs: int32(), filterResults: array(deleteAclsFilterResult) },
  handle: ({ filters }) => ({
    throttleTimeMs: 0,
    filterResults: filters.map(() => ({
      errorCode: codeFor("security_disabled"),
      errorMessage: "Access rules are not in use on this node.",
      matchingAcls: [],
    })),
  }),
});
