/**
 * Features of the cluster (KIP-584): how far this program goes with each, and what a new cluster settles on.
 *
 * - Clients go by one alone, `transaction.version`: at 2 they use the transactions of KIP-890. The others are for
 *   `kafka-features.sh` and for clusters of mixed versions.
 * - Every feature of Kafka 4.3 is known by name. Those that have nothing behind them here stay at 0, as on a Kafka that has them
 *   turned off: share groups, streams groups, eligible leader replicas, and voters that come and go (kraft.version).
 */
import type { Command } from "./commands.ts";
import type { Image } from "./image.ts";

export interface Feature {
  readonly name: string;
  readonly least: number;
  readonly greatest: number;
}

export const knownFeatures: readonly Feature[] = [
  { name: "eligible.leader.replicas.version", least: 0, greatest: 0 },
  { name: "group.version", least: 0, greatest: 1 },
  { name: "kraft.version", least: 0, greatest: 0 },
  { name: "metadata.version", least: 7, greatest: 30 },
  { name: "share.version", least: 0, greatest: 0 },
  { name: "streams.version", least: 0, greatest: 0 },
  { name: "transaction.version", least: 0, greatest: 2 },
];

/** Settles what nobody has settled yet on the newest level; a level that was lowered stays. */
export function featureCommands(image: Image): Command[] {
  return knownFeatures
    .filter(({ name }) => !image.features.has(name))
    .map(({ name, greatest }) => ({
      type: "feature-level",
      version: 0,
      name,
      level: greatest,
    }));
}
