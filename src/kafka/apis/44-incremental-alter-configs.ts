/**
 * IncrementalAlterConfigs (key 44): set (0), delete (1), append to (2) or subtract from (3) single settings (KIP-339).
 *
 * - A resource is changed wholly or not at all.
 */
import { array, bool, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { alterEach } from "../answers/config-admin.ts";
import { resourceOutcome } from "../structs.ts";

const alterableConfig = {
  name: string(),
  configOperation: int8(),
  value: string({ nullable: "0+" }),
};

const alterConfigsResource = {
  resourceType: int8(),
  resourceName: string(),
  configs: array(alterableConfig),
};

export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: "IncrementalAlterConfigs",
  versions: "0-1",
  flexible: "1+",
  request: { resources: array(alterConfigsResource), validateOnly: bool() },
  response: { throttleTimeMs: int32(), responses: array(resourceOutcome) },
  async handle({ resources, validateOnly }, call) {
    const options = { replace: false, validateOnly };
    return { throttleTimeMs: 0, responses: await alterEach(resources, options, call) };
  },
});
