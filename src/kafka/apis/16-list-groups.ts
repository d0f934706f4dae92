/**
 * ListGroups (key 16): the groups that this broker coordinates.
 *
 * - v4 asks for states (KIP-518), v5 for types: classic, consumer, share, streams (KIP-848).
 */
import { array, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";

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
  handle({ statesFilter, typesFilter }, { broker, context }) {
    const states = new Set(statesFilter.map((state) => state.trim().toLowerCase()));
    const types = new Set(typesFilter.map((type) => type.toLowerCase()));
    const groups = broker.groups
      .list(context)
      .filter(({ state }) => states.size === 0 || states.has(state.toLowerCase()))
      .filter(({ type }) => types.size === 0 || types.has(type));
    return {
      throttleTimeMs: 0,
      errorCode: NONE,
      groups: groups.map(({ group, type, state, protocolType }) => ({
        groupId: group,
        protocolType,
        groupState: state,
        groupType: type,
      })),
    };
  },
  refuse: (_request, { errorCode }) => ({ throttleTimeMs: 0, errorCode, groups: [] }),
});
