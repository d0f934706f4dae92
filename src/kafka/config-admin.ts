/**
 * Settings as Kafka's tools see and change them, resource by resource: topics, and this node's, which are read only.
 *
 * - Left out, and refused: settings of groups, client metrics and loggers, and of a node while it runs.
 */
import type { ConfigChange, ConfigEntry } from "../broker/admin-verbs.ts";
import type { ConfigSource } from "../broker/verbs.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Call } from "./call.ts";
import { codeOf, messageOf, NONE } from "./error-codes.ts";

const resourceTypes = { topic: 2, broker: 4 } as const;

/** Kafka's `ConfigSource`: dynamic topic, static broker, default. */
export const sourceCodes: Readonly<Record<ConfigSource, number>> = {
  topic: 1,
  node: 4,
  default: 5,
};

/** Kafka's `ConfigType`. */
const typeCodes: Readonly<Record<ConfigEntry["type"], number>> = {
  boolean: 1,
  string: 2,
  int: 3,
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
) {
  const { resourceType, resourceName, configurationKeys } = asked;
  try {
    const keys = new Set(configurationKeys ?? []);
    // No key at all means all of them, as in Kafka.
    const wanted = ({ name }: ConfigEntry) => keys.size === 0 || keys.has(name);
    const configs = entriesOf(asked, call)
      .filter(wanted)
      .map((entry) => told(entry, shown));
    return { errorCode: NONE, errorMessage: "", resourceType, resourceName, configs };
  } catch (error) {
    const errorCode = codeOf(error);
    return { errorCode, errorMessage: messageOf(error), resourceType, resourceName, configs: [] };
  }
}

function entriesOf({ resourceType, resourceName }: Resource, { broker, context }: Call) {
  if (resourceType === resourceTypes.topic) {
    return broker.admin.describeTopicConfigs(context, resourceName);
  }
  if (resourceType !== resourceTypes.broker) throw unknownType(resourceType);
  // The default of all brokers: nothing is set there.
  if (resourceName === "") return [];
  checkNode(resourceName, broker.describeNode(context).nodeId);
  return broker.admin.describeNodeConfigs(context);
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
  const answers = resources.map(async ({ configs, ...resource }) => {
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
  return Promise.all(answers);
}

async function alter(
  { resourceType, resourceName }: Resource,
  configs: readonly AskedChange[],
  options: { readonly replace: boolean; readonly validateOnly: boolean },
  { broker, context }: Call,
): Promise<void> {
  if (resourceType === resourceTypes.broker) {
    if (resourceName !== "") checkNode(resourceName, broker.describeNode(context).nodeId);
    if (configs.length === 0) return;
    const names = configs.map(({ name }) => name).join(", ");
    throw new Refusal("invalid_request", `Start the node anew to change ${names}.`);
  }
  if (resourceType !== resourceTypes.topic) throw unknownType(resourceType);
  if (resourceName === "") throw new Refusal("invalid_request", "Topics have no common defaults.");
  await broker.admin.alterTopicConfigs(context, resourceName, configs.map(change), options);
}

function change({ name, configOperation, value }: AskedChange): ConfigChange {
  const operation = operations[configOperation];
  if (operation) return { name, operation, value };
  throw new Refusal("invalid_request", `There is no config operation ${configOperation}.`);
}

function checkNode(name: string, nodeId: number): void {
  if (name === String(nodeId)) return;
  throw new Refusal("invalid_request", `This is node ${nodeId}; ask node "${name}" itself.`);
}

function namedTwice(): Refusal {
  return new Refusal("invalid_request", "The resource is named twice in the request.");
}

function unknownType(type: number): Refusal {
  return new Refusal("invalid_request", `Resources of type ${type} have no settings here.`);
}
