/**
 * The rates at which brokers may move replicas (Kafka's dynamic broker configs that are no setting of its brokers at their
 * start). `kafka-reassign-partitions` sets them with `--throttle` and clears them with every `--verify` and `--cancel`.
 *
 * - They are kept and shown, and nothing obeys them: one node has nowhere to move a replica to.
 */
import { Refusal } from "../../lib/refusal.ts";
import type { ConfigChange, ConfigEntry, ConfigOrigin } from "./verbs.ts";
import type { Changeable } from "./changes.ts";
import { entryOf } from "./topic.ts";

const RATE_MAX = 2n ** 63n - 1n;

const docs: ReadonlyMap<string, string> = new Map([
  ["leader.replication.throttled.rate", "Bytes a second that leaders send for moves of replicas."],
  [
    "follower.replication.throttled.rate",
    "Bytes a second that followers take for moves of replicas.",
  ],
  [
    "replica.alter.log.dirs.io.max.bytes.per.second",
    "Bytes a second for moves between folders of one node.",
  ],
]);

const changeable: Changeable = { type: "long", inherited: String(RATE_MAX) };

/** What must be known to change it; null for anything else than such a rate. */
export function throttleOf(name: string): Changeable | null {
  return docs.has(name) ? changeable : null;
}

/** Those that are set, and as in Kafka no other. */
export function throttleEntries(
  ...places: readonly {
    readonly values: ReadonlyMap<string, string>;
    readonly source: ConfigOrigin;
  }[]
): readonly ConfigEntry[] {
  return Array.from(docs, ([name, doc]) => ({
    shown: { name, type: changeable.type, doc, readOnly: false },
    synonyms: places.flatMap(({ values, source }) => {
      const value = values.get(name);
      return value === undefined ? [] : [{ name, value, source }];
    }),
  })).flatMap(({ shown, synonyms }) => (synonyms.length > 0 ? [entryOf(shown, synonyms)] : []));
}

/** Refuses a rate that is none. */
export function checkThrottles(changes: readonly ConfigChange[]): void {
  for (const { name, value } of changes) {
    if (!docs.has(name) || value === null) continue;
    const isRate = /^\d{1,19}$/.test(value) && BigInt(value) <= RATE_MAX;
    if (isRate) continue;
    const shown = JSON.stringify(value.slice(0, 40));
    throw new Refusal(
      "invalid_request",
      `${name} cannot be ${shown}: it takes a whole number of bytes a second, from 0 to ${RATE_MAX}.`,
    );
  }
}
