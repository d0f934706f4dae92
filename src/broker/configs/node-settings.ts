/**
 * What a node was told when it started, in the words of Kafka's broker settings: those that Kafka has a name for.
 */
import type { Setting } from "../../lib/setting.ts";
import type { NodeSetting } from "./verbs.ts";

/** What Kafka keeps as a long, however small it is. */
const longs: ReadonlySet<string> = new Set([
  "connections.max.idle.ms",
  "log.cleaner.backoff.ms",
  "log.cleaner.dedupe.buffer.size",
  "log.retention.check.interval.ms",
  "offsets.retention.check.interval.ms",
]);

/** `shown` gives, by Kafka's name, what is told in place of the text that was said. */
export function nodeSettings(
  settings: Readonly<Record<string, Setting<unknown>>>,
  textsOf: (name: string) => readonly string[] | undefined,
  shown: Readonly<Record<string, string>>,
): NodeSetting[] {
  return Object.entries(settings).flatMap(([name, setting]) => {
    if (setting.kafka === null) return [];
    const texts = textsOf(name);
    const value = shown[setting.kafka] ?? texts?.at(-1) ?? setting.fallback;
    return {
      name: setting.kafka,
      value: value === "" ? null : value,
      type: longs.has(setting.kafka) ? "long" : typeOf(setting),
      said: texts !== undefined,
      fallback: setting.kafka in shown || setting.fallback === "" ? null : setting.fallback,
      doc: setting.sentence,
    };
  });
}

function typeOf({ kind, repeats, fallback }: Setting<unknown>): NodeSetting["type"] {
  if (repeats || kind.argument === "DIR") return "list";
  if (kind.argument === "") return "boolean";
  if (kind.argument !== "N") return "string";
  return Number(fallback) < 2 ** 31 ? "int" : "long";
}
