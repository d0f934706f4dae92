/**
 * What topics have that do not say: the node's own settings, over them what was set for all nodes while they ran, over that
 * what was set for this one (Kafka's dynamic broker configs).
 *
 * - The same object comes back until one of them changes, so that what was parsed with it can be kept.
 */
import type { Image } from "../../cluster/image.ts";
import { type ConfigValues, nodeDefaultsFrom } from "./topic-config.ts";

/** Gives the defaults as they stand, by the topic config's name. */
export function topicDefaults(
  image: Image,
  nodeId: number,
  fixed: ConfigValues,
): () => ConfigValues {
  let known = fixed;
  let knownAt = -1;
  return () => {
    if (knownAt === image.configsIndex) return known;
    knownAt = image.configsIndex;
    const next = mergedDefaults(
      fixed,
      image.configs("broker", ""),
      image.configs("broker", String(nodeId)),
    );
    if (JSON.stringify(next) !== JSON.stringify(known)) known = next;
    return known;
  };
}

/** Later values over earlier ones; those set while the node ran are by the node's own names. */
export function mergedDefaults(
  fixed: ConfigValues,
  ...set: readonly ReadonlyMap<string, string>[]
): ConfigValues {
  return Object.assign(
    {},
    fixed,
    ...set.map((values) => nodeDefaultsFrom(Object.fromEntries(values))),
  );
}
