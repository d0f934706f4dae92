/**
 * Topic configs by what was set: topics that set the same share one typed config. Parsing one takes 40 us, which was most of
 * a start with many partitions; nearly all of them set nothing.
 */
import { type ConfigValues, parseTopicConfig, type TopicConfig } from "./topic-config.ts";

/** Different sets of configs that are remembered; past it all are forgotten and learnt again. */
const SETS_MAX = 1_000;

/** Gives the typed config for a topic's own values, over the node's as they are at the time. */
export function topicConfigCache(
  nodeDefaults: () => ConfigValues,
): (own: ReadonlyMap<string, string>) => TopicConfig {
  const known = new Map<string, TopicConfig>();
  let defaults = nodeDefaults();
  return (own) => {
    if (defaults !== nodeDefaults()) {
      defaults = nodeDefaults();
      known.clear();
    }
    const key =
      own.size === 0
        ? ""
        : JSON.stringify([...own].sort(([one], [other]) => (one < other ? -1 : 1)));
    const found = known.get(key);
    if (found) return found;
    const config = parseTopicConfig(Object.fromEntries(own), defaults);
    if (known.size >= SETS_MAX) known.clear();
    known.set(key, config);
    return config;
  };
}
