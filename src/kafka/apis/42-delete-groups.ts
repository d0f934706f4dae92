/**
 * DeleteGroups (key 42): forget groups that have no members, with their offsets.
 */
import { array, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

export const deleteGroups = defineApi({
  key: 42,
  name: "DeleteGroups",
  versions: "0-2",
  flexible: "2+",
  request: { groupsNames: array(string()) },
  response: { throttleTimeMs: int32(), results: array({ groupId: string(), errorCode: int16() }) },
});
