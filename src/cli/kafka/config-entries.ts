/**
 * The configs of topics, brokers and groups, asked of a broker.
 */
import { describeConfigs } from "../../kafka/apis/32-describe-configs.ts";
import { listConfigResources } from "../../kafka/apis/74-list-config-resources.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check } from "../../kafka/client-error.ts";

/** Kafka's numbers of the kinds of things that have configs. */
export const resourceTypes = {
  topic: 2,
  broker: 4,
  "broker-logger": 8,
  "client-metric": 16,
  group: 32,
} as const;

export type ResourceType = keyof typeof resourceTypes;

export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  /** Where the value comes from: an index of `configSources`. */
  readonly source: number;
  readonly isSensitive: boolean;
  readonly synonyms: readonly {
    readonly name: string;
    readonly value: string | null;
    readonly source: number;
  }[];
}

/** By Kafka's numbers. */
export const configSources = [
  "UNKNOWN",
  "DYNAMIC_TOPIC_CONFIG",
  "DYNAMIC_BROKER_CONFIG",
  "DYNAMIC_DEFAULT_BROKER_CONFIG",
  "STATIC_BROKER_CONFIG",
  "DEFAULT_CONFIG",
  "DYNAMIC_BROKER_LOGGER_CONFIG",
  "DYNAMIC_CLIENT_METRICS_CONFIG",
  "DYNAMIC_GROUP_CONFIG",
] as const;

const DEFAULT_CONFIG = configSources.indexOf("DEFAULT_CONFIG");

export function isDefaultConfig({ source }: ConfigEntry): boolean {
  return source === DEFAULT_CONFIG;
}

/** The names of those that have configs of their own, by name: groups and client metrics. Throws KafkaError. */
export async function resourceNames(
  client: KafkaClient,
  type: ResourceType,
): Promise<readonly string[]> {
  const request = { resourceTypes: [resourceTypes[type]] };
  const { configResources } = await client.ask(
    { to: "any" },
    listConfigResources,
    request,
    ({ errorCode }) => check(errorCode),
  );
  return configResources.map(({ resourceName }) => resourceName).toSorted();
}

/** The configs of each resource, in the order of the names. Throws KafkaError. */
export async function configsOf(
  client: KafkaClient,
  type: ResourceType,
  names: readonly string[],
  { includeSynonyms = false },
): Promise<readonly (readonly ConfigEntry[])[]> {
  if (names.length === 0) return [];
  const resourceType = resourceTypes[type];
  const resources = names.map((resourceName) => ({
    resourceType,
    resourceName,
    configurationKeys: null,
  }));
  const isOfBroker = type === "broker" || type === "broker-logger";
  const [name = ""] = names;
  const target =
    isOfBroker && name !== ""
      ? ({ to: "broker", id: Number(name) } as const)
      : ({ to: "any" } as const);
  const { results } = await client.ask(
    target,
    describeConfigs,
    { resources, includeSynonyms },
    (answer) => {
      for (const { errorCode, errorMessage } of answer.results) check(errorCode, errorMessage);
    },
  );
  return names.map((name) => {
    const found = results.find(({ resourceName }) => resourceName === name);
    return (found?.configs ?? []).map(({ configSource: source, ...config }) => ({
      ...config,
      source,
    }));
  });
}
