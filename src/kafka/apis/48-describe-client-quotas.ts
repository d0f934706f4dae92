/**
 * DescribeClientQuotas (key 48): the limits of users, client ids and addresses that match a filter (KIP-546).
 *
 * - How a component matches: 0 this name, 1 the default, 2 any that is named.
 */
import { array, bool, float64, int16, int32, int8, string } from "../../wire/schema.ts";
import { describeQuotas } from "../answers/client-quotas.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";

const componentData = {
  entityType: string(),
  matchType: int8(),
  match: string({ nullable: "0+" }),
};

const entryData = {
  entity: array({ entityType: string(), entityName: string({ nullable: "0+" }) }),
  values: array({ key: string(), value: float64() }),
};

export const describeClientQuotas = defineApi({
  key: 48,
  name: "DescribeClientQuotas",
  versions: "0-1",
  flexible: "1+",
  request: { components: array(componentData), strict: bool() },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    entries: array(entryData, { nullable: "0+" }),
  },
  async handle(request, call) {
    const entries = await describeQuotas(request, call);
    return { throttleTimeMs: 0, errorCode: NONE, errorMessage: "", entries };
  },
  refuse: (_request, error) => ({ throttleTimeMs: 0, ...error, entries: null }),
});
