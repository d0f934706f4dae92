/**
 * DescribeAcls (key 29): the access rules that match a filter.
 *
 * - v1 has pattern types (KIP-290), v3 users as resources (KIP-373).
 */
import { array, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { codeFor } from "../error-codes.ts";
import { aclFilter } from "../structs.ts";

const aclDescription = {
  principal: string(),
  host: string(),
  operation: int8(),
  permissionType: int8(),
};

const describeAclsResource = {
  resourceType: int8(),
  resourceName: string(),
  patternType: int8({ default: 3 }),
  acls: array(aclDescription),
};

export const describeAcls = defineApi({
  key: 29,
  name: "DescribeAcls",
  versions: "1-3",
  flexible: "2+",
  request: aclFilter,
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    resources: array(describeAclsResource),
  },
  handle: () => ({
    throttleTimeMs: 0,
    errorCode: codeFor("security_disabled"),
    errorMessage: "Access rules are not in use on this node.",
    resources: [],
  }),
});
