/**
 * How much the node's log says, as Kafka's tools see and change it: one logger, `root`, at one of four levels.
 *
 * - It lasts until the node stops, as in Kafka.
 */
import { Refusal } from "../../lib/refusal.ts";
import type { ConfigChange, ConfigEntry, LogLevels } from "./verbs.ts";

const LOGGER = "root";

const levels: Readonly<Record<string, LogLevels["level"]>> = {
  DEBUG: "debug",
  INFO: "info",
  WARN: "warn",
  ERROR: "error",
};

export function loggerEntries(logger: LogLevels | null): readonly ConfigEntry[] {
  if (!logger) return [];
  const value = logger.level.toUpperCase();
  const doc = "The least important line that is written.";
  return [
    { name: LOGGER, value, source: "logger", readOnly: false, type: "string", doc, synonyms: [] },
  ];
}

/** Sets the level, or only says whether it could be. */
export function alterLogger(
  logger: LogLevels | null,
  changes: readonly ConfigChange[],
  validateOnly: boolean,
): void {
  let next = logger?.level;
  for (const { name, operation, value } of changes) {
    if (operation === "append" || operation === "subtract") {
      throw new Refusal("invalid_request", "A log level is no list: it can only be set.");
    }
    if (name !== LOGGER) {
      throw new Refusal("invalid_config", `There is no logger "${name}", but ${LOGGER}.`);
    }
    if (operation === "delete") {
      throw new Refusal("invalid_request", `${LOGGER} has a level always.`);
    }
    next = levels[value ?? ""];
    if (next === undefined) {
      throw new Refusal("invalid_config", `A level is one of ${Object.keys(levels).join(", ")}.`);
    }
  }
  if (logger && next && !validateOnly) logger.level = next;
}
