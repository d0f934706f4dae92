/**
 * Where settings are said: flags, environment, a file. Each source gives texts by setting and how it calls it in a
 * message; the values are read by the settings themselves (setting.ts).
 *
 * - An unknown flag is refused, since whoever types it is there to mend it, and so is an unknown key of a JSON file, which
 *   was written for kedge. A variable may be another program's, and Kafka's `server.properties` has much that is not needed
 *   here: those are warnings, with the nearest name.
 * - Names that are known and not built yet are refused from everywhere: better than silently ignored.
 */
import { nearest } from "./nearest.ts";
import { parseProperties } from "./properties.ts";
import { UsageError, type Setting } from "./setting.ts";

/** Everything that may be said, by its flag's name. */
export interface Vocabulary {
  readonly settings: ReadonlyMap<string, Setting<unknown>>;
  /** Kafka's keys that say the same in another unit: to which setting, and times how much. */
  readonly conversions: ReadonlyMap<string, { readonly name: string; readonly factor: number }>;
  readonly notBuilt: readonly string[];
  /** What other programs call a setting: to what it is here. */
  readonly otherWords: ReadonlyMap<string, string>;
  /** Variables that other parts of the program read. */
  readonly otherVariables: readonly string[];
}

/** What one source says. */
export type Said = Map<string, { readonly texts: readonly string[]; readonly called: string }>;

/** A flag that may stand alone; `--no-FLAG` and `--FLAG false` turn it off. */
function isSwitch(setting: Setting<unknown> | undefined): boolean {
  return setting?.kind.argument === "";
}

export function fromArgs(
  args: readonly string[],
  { settings, notBuilt, otherWords }: Vocabulary,
): Said {
  const said: Said = new Map();
  for (let at = 0; at < args.length; at++) {
    const [, flag, inline] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(args[at] ?? "") ?? [];
    if (flag === undefined) throw new UsageError(`only flags are taken here, not "${args[at]}"`);
    if (notBuilt.includes(flag)) throw new UsageError(`--${flag} is not built yet`);
    const negated = flag.startsWith("no-") && isSwitch(settings.get(flag.slice(3)));
    const name = negated ? flag.slice(3) : flag;
    const setting = settings.get(name);
    if (!setting) {
      const other = otherWords.get(flag);
      const near = other === undefined ? meant(flag, settings.keys(), "--") : `; say --${other}`;
      throw new UsageError(`there is no flag --${flag}${near}`);
    }
    const takesNext = !isSwitch(setting) || /^(true|false)$/.test(args[at + 1] ?? "");
    const given = negated ? "false" : (inline ?? (takesNext ? args[++at] : ""));
    if (given === undefined) throw new UsageError(`--${flag} needs a value`);
    const before = said.get(name)?.texts ?? [];
    said.set(name, { texts: [...before, given], called: `--${flag}` });
  }
  return said;
}

/** `KEDGE_LOG_LEVEL`, and as in Kafka's containers `KAFKA_LOG_RETENTION_MS` for a key of Kafka's. */
export function fromEnv(
  env: Readonly<Record<string, string | undefined>>,
  vocabulary: Vocabulary,
  warnings: string[],
): Said {
  const { settings, conversions, notBuilt, otherVariables } = vocabulary;
  const said: Said = new Map();
  const take = (name: string, called: string, factor = 1) => {
    const text = env[called];
    if (text === undefined || said.has(name)) return;
    said.set(name, { texts: [converted(text, factor)], called });
  };
  for (const [name, { kafka }] of settings) {
    take(name, variable(name));
    if (kafka !== null) take(name, variable(kafka, "KAFKA"));
  }
  for (const [key, { name, factor }] of conversions) take(name, variable(key, "KAFKA"), factor);
  const known = new Set([...settings.keys()].map((name) => variable(name)));
  for (const key of Object.keys(env)) {
    if (!key.startsWith("KEDGE_") || known.has(key) || otherVariables.includes(key)) continue;
    if (notBuilt.some((name) => variable(name) === key)) {
      throw new UsageError(`${key} is not built yet`);
    }
    warnings.push(`${key} is not a setting${meant(key, known)}`);
  }
  return said;
}

/** A JSON object or Kafka's `server.properties`; keys are flags' names or Kafka's. */
export function fromFile(
  content: string,
  path: string,
  vocabulary: Vocabulary,
  warnings: string[],
): Said {
  const { settings, conversions, notBuilt } = vocabulary;
  const byKafkaKey = new Map([...settings].map(([name, { kafka }]) => [kafka, name] as const));
  const isJson = /^\s*[[{]/.test(content);
  const values = isJson
    ? jsonValues(content, path)
    : new Map([...parseProperties(content)].map(([key, text]) => [key, [text]]));
  const said: Said = new Map();
  for (const [key, texts] of values) {
    const name = settings.has(key) ? key : byKafkaKey.get(key);
    if (notBuilt.includes(key)) throw new UsageError(`"${key}" in ${path} is not built yet`);
    if (name !== undefined) said.set(name, { texts, called: `"${key}" in ${path}` });
    else if (!conversions.has(key)) {
      const kafkaKeys = [...byKafkaKey.keys()].filter((each) => each !== null);
      const near = meant(key, [...settings.keys(), ...kafkaKeys]);
      const words = `"${key}" in ${path} is not a setting${near}`;
      if (isJson) throw new UsageError(words);
      warnings.push(words);
    }
  }
  for (const [key, { name, factor }] of conversions) {
    const texts = values.get(key)?.map((text) => converted(text, factor));
    if (texts && !said.has(name)) said.set(name, { texts, called: `"${key}" in ${path}` });
  }
  return said;
}

function jsonValues(content: string, path: string): Map<string, string[]> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${String(error)}`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new UsageError(`${path} must be one JSON object of settings by their names`);
  }
  return new Map(Object.entries(parsed).map(([key, value]) => [key, jsonTexts(key, value, path)]));
}

/** What a flag would have said: one text, or one each of a list. */
function jsonTexts(key: string, value: unknown, path: string): string[] {
  return [value].flat().map((each: unknown) => {
    if (typeof each === "string") return each;
    if (typeof each === "number" || typeof each === "boolean") return String(each);
    throw new UsageError(
      `"${key}" in ${path} must be a string, a number, true or false, or a list of them, not ${JSON.stringify(each)}`,
    );
  });
}

/** Other units as text; negative numbers mean "for ever" in any, and what is no number is left for its reader to refuse. */
function converted(text: string, factor: number): string {
  return /^\d{1,12}$/.test(text) ? String(Number(text) * factor) : text;
}

/** The environment variable of a setting. */
export function variable(name: string, prefix = "KEDGE"): string {
  return `${prefix}_${name.toUpperCase().replaceAll(/[-.]/g, "_")}`;
}

function meant(name: string, candidates: Iterable<string>, prefix = ""): string {
  const found = nearest(name, candidates);
  return found === null ? "" : `; did you mean ${prefix}${found}?`;
}
