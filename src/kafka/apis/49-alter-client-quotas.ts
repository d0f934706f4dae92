/**
 * AlterClientQuotas (key 49): set and remove limits of users, client ids and addresses (KIP-546).
 */
import { array, bool, float64, int16, int32, string } from "../../wire/schema.ts";
import { alterQuotas } from "../answers/client-quotas.ts";
import { defineApi } from "../define-api.ts";

const entryData = {
  entity: array({ entityType: string(), entityName: string({ nullable: "0+" }) }),
  ops: array({ key: string(), value: float64(), remove: bool() }),
};

const entryAnswer = {
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  entity: array({ entityType: string(), entityName: string({ nullable: "0+" }) }),
};

export const alterClientQuotas = defineApi({
  key: 49,
  name: "AlterClientQuotas",
  versions: "0-1",
  flexible: "1+",
  request: { entries: array(entryData), validateOnly: bool() },
  response: { throttleTimeMs: int32(), entries: array(entryAnswer) },
  async handle(request, call) {
    return { throttleTimeMs: 0, entries: await alterQuotas(request, call) };
  },
  refuse: ({ entries }, error) => ({
    throttleTimeMs: 0,
    entries: entries.map(({ entity }) => ({ ...error, entity })),
  }),
});
