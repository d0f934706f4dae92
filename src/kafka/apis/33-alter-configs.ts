/**
 * AlterConfigs (key 33): replace all settings of a resource by those given. Kept for old clients: see IncrementalAlterConfigs.
 */
import { array, bool, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { alterEach } from "../answers/config-admin.ts";
import { resourceOutcome } from "../structs.ts";

const alterConfigsResource = {
  resourceType: int8(),
  resourceName: string(),
  configs: array({ name: string(), value: string({ nullable: "0+" }) }),
};

export const alterConfigs = defineApi({
  key: 33,
  name: "AlterConfigs",
  versions: "0-2",
  flexible: "2+",
  request: { resources: array(alterConfigsResource), validateOnly: bool() },
  response: { throttleTimeMs: int32(), responses: array(resourceOutcome) },
  async handle({ resources, validateOnly }, call) {
    const asked = resources.map(({ configs, ...resource }) => ({
      ...resource,
      configs: configs.map((config) => ({ ...config, configOperation: 0 })),
    }));
    const options = { replace: true, validateOnly };
    return { throttleTimeMs: 0, responses: await alterEach(asked, options, call) };
  },
});
