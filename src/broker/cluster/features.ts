/**
 * Raising and lowering the levels of features (KIP-584): all changes of a request stand or none.
 *
 * - A level is lowered only where the request says so. `metadata.version` is that of this program's own commands and stays.
 */
import type { Command } from "../../cluster/commands.ts";
import { knownFeatures } from "../../cluster/features.ts";
import type { Image } from "../../cluster/image.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { FeatureChange } from "../verbs.ts";

export function featureChangeCommands(image: Image, changes: readonly FeatureChange[]): Command[] {
  const levels = new Map<string, number>();
  for (const change of changes) {
    checkChange(image, change);
    levels.set(change.name, change.level);
  }
  return [...levels]
    .filter(([name, level]) => image.feature(name) !== level)
    .map(([name, level]) => ({ type: "feature-level", version: 0, name, level }));
}

function checkChange(image: Image, { name, level, direction }: FeatureChange): void {
  const refuse = (why: string) =>
    new Refusal("invalid_update_version", `The level ${level} of ${name} cannot be set: ${why}`);
  const feature = knownFeatures.find((each) => each.name === name);
  if (!feature) throw refuse("this program has no such feature.");
  const { least, greatest } = feature;
  if (level < least || level > greatest) throw refuse(`it goes from ${least} to ${greatest}.`);
  const current = image.feature(name);
  if (direction === null) throw refuse("the request must say whether it is raised or lowered.");
  if (level < current && direction === "up") {
    throw refuse(`it is at ${current}, and is lowered only by a downgrade.`);
  }
  if (name === "metadata.version" && level !== current) throw refuse(`it stays at ${current}.`);
}
