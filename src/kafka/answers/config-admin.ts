/**
 * Settings as Kafka's tools see and change them, resource by resource; each answers for itself.
 */
import type {
  ConfigChange,
  ConfigEntry,
  ConfigOrigin,
  ConfigResource,
} from "../../broker/configs/verbs.ts";
import { isKafkas } from "../../log/configs/definitions.ts";
import { mapInTurns } from "../../lib/async.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Call } from "../call.ts";
import { codeOf, messageOf, NONE } from "../error-codes.ts";

/** By Kafka's code of the type. */
const resourceTypes: ReadonlyMap<number, ConfigResource["type"]> = new Map([
  [2, "topic"],
  [4, "node"],
  [8, "logger"],
  [16, "client-metrics"],
  [32, "group"],
]);

/** Kafka's `ConfigSource`. */
export const sourceCodes: Readonly<Record<ConfigOrigin, number>> = {
  topic: 1,
  "this-node": 2,
  "all-nodes": 3,
  node: 4,
  default: 5,
  logger: 6,
  "client-metrics": 7,
  group: 8,
};

/** Kafka's `ConfigType`. */
const typeCodes: Readonly<Record<ConfigEntry["type"], number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
};

/** By the code of the operation (KIP-339). */
const operations: readonly ConfigChange["operation"][] = ["set", "delete", "append", "subtract"];

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

interface Shown {
  readonly includeSynonyms: boolean;
  readonly includeDocumentation: boolean;
}

export function describeResource(
  asked: Resource & { readonly configurationKeys: readonly string[] | null },
  shown: Shown,
  call: Call,
  refusal: Refusal | null,
) {
  const { resourceType, resourceName, configurationKeys } = asked;
  try {
    if (refusal) throw refusal;
    const keys = new Set(configurationKeys ?? []);
    // No key at all means all of them, as in Kafka.
    const wanted = ({ name, source }: ConfigEntry) =>
      keys.size > 0 ? keys.has(name) : isKafkas(name) || source !== "default";
    const configs = call.broker.configs
      .describe(call.context, typed(asked))
      .filter(wanted)
      .map((entry) => told(entry, shown));
    return { errorCode: NONE, errorMessage: "", resourceType, resourceName, configs };
  } catch (error) {
    const errorCode = codeOf(error);
    return { errorCode, errorMessage: messageOf(error), resourceType, resourceName, configs: [] };
  }
}

function told(entry: ConfigEntry, { includeSynonyms, includeDocumentation }: Shown) {
  const { name, value, readOnly, source, type, doc, synonyms } = entry;
  return {
    name,
    value,
    readOnly,
    configSource: sourceCodes[source],
    isSensitive: false,
    synonyms: includeSynonyms
      ? synonyms.map((synonym) => ({ ...synonym, source: sourceCodes[synonym.source] }))
      : [],
    configType: typeCodes[type],
    documentation: includeDocumentation ? doc : null,
  };
}

interface AskedChange {
  readonly name: string;
  readonly configOperation: number;
  readonly value: string | null;
}

export async function alterEach(
  resources: readonly (Resource & { readonly configs: readonly AskedChange[] })[],
  options: { readonly replace: boolean; readonly validateOnly: boolean },
  call: Call,
) {
  const keyOf = ({ resourceType, resourceName }: Resource) => `${resourceType} ${resourceName}`;
  const counts = new Map<string, number>();
  for (const one of resources) counts.set(keyOf(one), (counts.get(keyOf(one)) ?? 0) + 1);
  return mapInTurns(call.door.clock, resources, async ({ configs, ...resource }) => {
    const { resourceType, resourceName } = resource;
    try {
      if (counts.get(keyOf(resource)) !== 1) throw namedTwice();
      await alter(resource, configs, options, call);
      return { errorCode: NONE, errorMessage: null, resourceType, resourceName };
    } catch (error) {
      const errorCode = codeOf(error);
      return { errorCode, errorMessage: messageOf(error), resourceType, resourceName };
    }
  });
}

async function alter(
  { resourceType, resourceName }: Resource,
  configs: readonly AskedChange[],
  options: { readonly replace: boolean; readonly validateOnly: boolean },
  { broker, context }: Call,
): Promise<void> {
  const resource = typed({ resourceType, resourceName });
  await broker.configs.alter(context, resource, configs.map(change), options);
}

function change({ name, configOperation, value }: AskedChange): ConfigChange {
  const operation = operations[configOperation];
  if (operation) return { name, operation, value };
  throw new Refusal("unknown_server_error", `There is no config operation ${configOperation}.`);
}

function namedTwice(): Refusal {
  return new Refusal("invalid_request", "The resource is named twice in the request.");
}

/** As in Kafka, one type that has no settings fails the descriptions of all. */
export function strangeType(asked: readonly Resource[]): Refusal | null {
  const stranger = asked.find(({ resourceType }) => !resourceTypes.has(resourceType));
  return stranger ? noSuchType(stranger) : null;
}

function noSuchType({ resourceType }: Resource): Refusal {
  return new Refusal("invalid_request", `Resources of type ${resourceType} have no settings here.`);
}

function typed({ resourceType, resourceName }: Resource): ConfigResource {
  const type = resourceTypes.get(resourceType);
  if (type !== undefined) return { type, name: resourceName };
  throw noSuchType({ resourceType, resourceName });
}

/** ListConfigResources: no type asks for all; null where one of them is not known. */
export function resourcesOf(types: readonly number[], { broker, context }: Call) {
  const asked = types.length === 0 ? [...resourceTypes.keys()] : [...new Set(types)];
  if (!asked.every((type) => resourceTypes.has(type))) return null;
  return asked.flatMap((resourceType) => {
    const { type } = typed({ resourceType, resourceName: "" });
    return broker.configs
      .names(context, type)
      .map((resourceName) => ({ resourceName, resourceType }));
  });
}
