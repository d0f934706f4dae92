/**
 * What changes make of the settings of a resource: what is appended or subtracted is decided in the controller's turn, so that
 * two who change one list both count.
 */
import type { Command, Config } from "../../cluster/commands.ts";
import type { Image } from "../../cluster/image.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { ConfigType } from "../../log/configs/definitions.ts";
import type { ConfigChange } from "./verbs.ts";

/** What must be known of a setting to change it. */
export interface Changeable {
  readonly type: ConfigType;
  /** What a list is before anybody has set it. */
  readonly inherited: string;
}

/** Refuses changes that could stand for no resource. A setting that is unknown may be deleted, as in Kafka. */
export function checkChanges(
  changes: readonly ConfigChange[],
  find: (name: string) => Changeable | null,
): void {
  if (new Set(changes.map(({ name }) => name)).size < changes.length) {
    throw new Refusal("invalid_request", "A config is named twice.");
  }
  for (const { name, operation, value } of changes) {
    if (operation === "delete") continue;
    if (value === null) throw new Refusal("invalid_request", `${name} is null; delete it instead.`);
    const type = find(name)?.type;
    if (type !== undefined && type !== "list" && operation !== "set") {
      throw new Refusal("invalid_config", `${name} is no list: it can only be set or deleted.`);
    }
  }
}

/** The values after the changes. */
export function changed(
  before: ReadonlyMap<string, string>,
  changes: readonly ConfigChange[],
  replace: boolean,
  find: (name: string) => Changeable | null,
): Map<string, string> {
  const after = new Map(replace ? [] : before);
  for (const { name, operation, value } of changes) {
    if (operation === "delete" || value === null) after.delete(name);
    else if (operation === "set") after.set(name, value);
    else {
      const current = after.get(name) ?? find(name)?.inherited ?? "";
      after.set(name, joinedList(current, operation, value));
    }
  }
  return after;
}

/** Word by word as in Kafka: each is appended where it is not there, and subtracted once for each time it is said. */
function joinedList(current: string, operation: "append" | "subtract", value: string): string {
  const kept = current.split(",").filter((word) => word !== "");
  const given = wordsOf(value);
  if (operation === "append") return [...new Set([...kept, ...given])].join(",");
  const left = new Map<string, number>();
  for (const word of given) left.set(word, (left.get(word) ?? 0) + 1);
  const rest = kept.filter((word) => {
    const times = left.get(word) ?? 0;
    left.set(word, times - 1);
    return times <= 0;
  });
  return rest.join(",");
}

/** As Java splits: words that are empty are none at the end, and an empty text is one. */
function wordsOf(text: string): string[] {
  const words = text.split(",");
  if (words.length === 1) return words;
  while (words.at(-1) === "") words.pop();
  return words;
}

/** The commands that lead from what the image has to these values. */
export function configCommands(
  image: Image,
  resource: Config["resource"],
  name: string,
  after: ReadonlyMap<string, string>,
): Command[] {
  const before = image.configs(resource, name);
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.get(key) !== after.get(key))
    .map((key) => ({
      type: "config",
      version: 0,
      resource,
      name,
      key,
      value: after.get(key) ?? null,
    }));
}
