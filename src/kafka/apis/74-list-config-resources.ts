/**
 * ListConfigResources (key 74): which resources have settings (KIP-1142).
 *
 * - v0 was for client metrics alone (KIP-1000); v1 asks for types, no type meaning all.
 */
import { array, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

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
});
