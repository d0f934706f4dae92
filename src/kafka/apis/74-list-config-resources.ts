/**
 * ListConfigResources (key 74): which resources have settings (KIP-1142).
 *
 * - v0 was for client metrics alone (KIP-1000); v1 asks for types, no type meaning all.
 */
import { array, int16, int32, int8, string } from "../../wire/schema.ts";
import { resourcesOf } from "../answers/config-admin.ts";
import { defineApi } from "../define-api.ts";
import { codeFor, NONE } from "../error-codes.ts";

const METRICS = 16;

const configResource = {
  resourceName: string(),
  resourceType: int8({ versions: "1+", default: 16, ignorable: true }),
};

export const listConfigResources = defineApi({
  key: 74,
  name: "ListConfigResources",
  versions: "0-1",
  flexible: "0+",
  request: { resourceTypes: array(int8(), { versions: "1+" }) },
  response: { throttleTimeMs: int32(), errorCode: int16(), configResources: array(configResource) },
  handle({ resourceTypes }, call) {
    const configResources = resourcesOf(call.version === 0 ? [METRICS] : resourceTypes, call);
    const errorCode = configResources ? NONE : codeFor("unsupported_version");
    return { throttleTimeMs: 0, errorCode, configResources: configResources ?? [] };
  },
});
