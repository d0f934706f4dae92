/**
 * DeleteGroups (key 42): forget groups that have no members, with their offsets.
 */
import { mapInTurns } from "../../lib/async.ts";
import { array, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { codeOf, NONE } from "../error-codes.ts";

export const deleteGroups = defineApi({
  key: 42,
  name: "DeleteGroups",
  versions: "0-2",
  flexible: "2+",
  request: { groupsNames: array(string()) },
  response: { throttleTimeMs: int32(), results: array({ groupId: string(), errorCode: int16() }) },
  async handle({ groupsNames }, { broker, context, door }) {
    const results = await mapInTurns(door.clock, [...new Set(groupsNames)], async (groupId) => {
      try {
        await broker.groups.delete(context, groupId);
        return { groupId, errorCode: NONE };
      } catch (error) {
        return { groupId, errorCode: codeOf(error) };
      }
    });
    return { throttleTimeMs: 0, results };
  },
});
