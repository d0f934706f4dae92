/**
 * Settings of a Kafka broker that can be changed while it runs and have nothing to change here: the sizes of pools of threads
 * and of buffers that this program does not have.
 *
 * They are taken, kept and told, so that what people script for Kafka goes through. What limits or secures something is no
 * such setting (`max.connections`, `ssl.*`): to take it and not to do it would be a lie, and it stays refused.
 */
import { Refusal } from "../../lib/refusal.ts";
import type { ConfigDefinition } from "../../log/configs/definitions.ts";

const why = "Taken and kept; this node has nothing that it would change.";

export const idleSettings: readonly ConfigDefinition[] = [
  idle("num.network.threads", "int", "3"),
  idle("num.io.threads", "int", "8"),
  idle("num.replica.fetchers", "int", "1"),
  idle("num.recovery.threads.per.data.dir", "int", "2"),
  idle("background.threads", "int", "10"),
  idle("log.cleaner.threads", "int", "1"),
  idle("log.cleaner.io.buffer.size", "int", "524288"),
  idle("log.cleaner.io.buffer.load.factor", "double", "0.9"),
  idle("log.cleaner.io.max.bytes.per.second", "double", "1.7976931348623157E308"),
];

function idle(name: string, type: "int" | "double", fallback: string): ConfigDefinition {
  return { name, type, default: fallback, node: name, effect: "none", doc: why };
}

/** Refuses (invalid_config) a value that is no number above 0, or no whole one where one is needed. */
export function checkIdle(values: ReadonlyMap<string, string>): void {
  for (const { name, type } of idleSettings) {
    const value = values.get(name);
    if (value === undefined) continue;
    const number = value.trim() === "" ? NaN : Number(value);
    const isWhole = Number.isInteger(number) && number < 2 ** 31;
    if (number > 0 && (type === "double" || isWhole)) continue;
    throw new Refusal("invalid_config", `${name} must be a number above 0, not "${value}".`);
  }
}
