/**
 * DescribeConfigs (key 32): the settings of topics, brokers and other resources.
 *
 * - Resource types: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
 * - v1 tells each value's source and synonyms (KIP-226), v3 type and documentation (KIP-569).
 */
import { mapInTurns } from "../../lib/async.ts";
import { distinct } from "../../lib/collections.ts";
import { array, bool, int16, int32, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { describeResource, strangeType } from "../answers/config-admin.ts";

const describeConfigsResource = {
  resourceType: int8(),
  resourceName: string(),
  configurationKeys: array(string(), { nullable: "0+" }),
};

const describeConfigsSynonym = {
  name: string(),
  value: string({ nullable: "0+" }),
  source: int8(),
};

const describeConfigsResourceResult = {
  name: string(),
  value: string({ nullable: "0+" }),
  readOnly: bool(),
  configSource: int8({ default: -1 }),
  isSensitive: bool(),
  synonyms: array(describeConfigsSynonym),
  configType: int8({ versions: "3+", default: 0, ignorable: true }),
  documentation: string({ versions: "3+", nullable: "0+", ignorable: true }),
};

const describeConfigsResult = {
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  resourceType: int8(),
  resourceName: string(),
  configs: array(describeConfigsResourceResult),
};

export const describeConfigs = defineApi({
  key: 32,
  name: "DescribeConfigs",
  versions: "1-4",
  flexible: "4+",
  request: {
    resources: array(describeConfigsResource),
    includeSynonyms: bool({ default: false }),
    includeDocumentation: bool({ versions: "3+", default: false }),
  },
  response: { throttleTimeMs: int32(), results: array(describeConfigsResult) },
  async handle({ resources, ...shown }, call) {
    // Each once: a short request must not make an answer that has no end.
    const asked = distinct(
      resources,
      ({ resourceType, resourceName }) => `${resourceType} ${resourceName}`,
    );
    const refusal = strangeType(asked);
    const describe = (resource: (typeof asked)[number]) =>
      describeResource(resource, shown, call, refusal);
    return { throttleTimeMs: 0, results: await mapInTurns(call.door.clock, asked, describe) };
  },
});
