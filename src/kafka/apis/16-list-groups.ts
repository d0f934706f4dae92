/**
 * ListGroups (key 16): the groups that this broker coordinates.
 *
 * - v4 asks for states (KIP-518), v5 for types: classic, consumer, share, streams (KIP-848).
 */
import { array, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

const listedGroup = {
  groupId: string(),
  protocolType: string(),
  groupState: string({ versions: "4+", ignorable: true }),
  groupType: string({ versions: "5+", ignorable: true }),
};

export const listGroups = defineApi({
  key: 16,
  name: "ListGroups",
  versions: "0-5",
  flexible: "3+",
  request: {
    statesFilter: array(string(), { versions: "4+" }),
    typesFilter: array(string(), { versions: "5+" }),
  },
  response: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
    groups: array(listedGroup),
  },
});
