/**
 * Settings as data: what a value looks like, how it is read from text, what it is when nobody says. Which settings there
 * are is config.ts' affair.
 *
 * Every source gives texts (a flag may repeat, a file's value is written out), so that all are read by one parser.
 */

/** The command line or its surroundings are wrong; the message says what to do. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A HOST:PORT to listen on; `name` is that of a Kafka listener. */
export interface Address {
  readonly name: string | null;
  readonly host: string;
  readonly port: number;
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** A host to listen at that stands for all interfaces of the machine. */
export function isEverywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

export interface Kind<T> {
  /** How a value is written, for help: `HOST:PORT`; empty for a flag without a value. */
  readonly argument: string;
  /** Throws UsageError that says what a value must be. */
  parse(text: string): T;
}

export interface Setting<T> {
  readonly kind: Kind<unknown>;
  readonly repeats: boolean;
  /** Kafka's key in `server.properties`, where its meaning is the same. */
  readonly kafka: string | null;
  /** The default as a user would write it; empty when there is none. */
  readonly fallback: string;
  readonly sentence: string;
  /** From all the texts given; none: the default. */
  value(texts: readonly string[]): T;
}

/** What settings declared together give: a value by each of their names. */
export type ValuesOf<Settings> = {
  readonly [Name in keyof Settings]: Settings[Name] extends Setting<infer Value> ? Value : never;
};

export const text: Kind<string> = { argument: "TEXT", parse: (value) => value };
export const file: Kind<string> = { ...text, argument: "FILE" };
export const folder: Kind<string> = { ...text, argument: "DIR" };
export const toggle: Kind<boolean> = {
  argument: "",
  parse(value) {
    if (value === "true" || value === "1" || value === "") return true;
    if (value === "false" || value === "0") return false;
    throw new UsageError(`must be true or false, not "${value}"`);
  },
};

export function integer(least: number, most: number): Kind<number> {
  return {
    argument: "N",
    parse(value) {
      const number = /^-?\d+$/.test(value.trim()) ? Number(value) : Number.NaN;
      if (number >= least && number <= most) return number;
      throw new UsageError(`must be a whole number from ${least} to ${most}, not "${value}"`);
    },
  };
}

export function oneOf<const T extends string>(...choices: readonly T[]): Kind<T> {
  return {
    argument: choices.join("|"),
    parse(value) {
      const found = choices.find((choice) => choice === value.toLowerCase());
      if (found !== undefined) return found;
      throw new UsageError(`must be one of ${choices.join(", ")}, not "${value}"`);
    },
  };
}

export const address: Kind<Address> = {
  argument: "HOST:PORT",
  parse(value) {
    const match = /^(?:([A-Za-z0-9_]+):\/\/)?(\[[0-9a-fA-F:.]+\]|[^:/[\]]*):(\d{1,5})$/.exec(value);
    const port = Number(match?.[3]);
    if (!match || port > 65_535) {
      throw new UsageError(`must be HOST:PORT, such as 127.0.0.1:8080, not "${value}"`);
    }
    const host = (match[2] ?? "").replaceAll(/[[\]]/g, "");
    return { name: match[1] ?? null, host: host === "" ? "0.0.0.0" : host, port };
  },
};
export const listener: Kind<Address> = { ...address, argument: "[NAME://]HOST:PORT" };

export function one<T>(
  kind: Kind<T>,
  fallback: string,
  sentence: string,
  kafka?: string,
): Setting<T> {
  return {
    kind,
    repeats: false,
    kafka: kafka ?? null,
    fallback,
    sentence,
    value: (texts) => kind.parse(texts.at(-1) ?? fallback),
  };
}

/** A setting that may be missing: null then. */
export function maybe<T>(kind: Kind<T>, sentence: string, kafka?: string): Setting<T | null> {
  const value = (texts: readonly string[]) => {
    const last = texts.at(-1);
    return last === undefined || last === "" ? null : kind.parse(last);
  };
  return { kind, repeats: false, kafka: kafka ?? null, fallback: "", sentence, value };
}

/** A list, over all the times it is given; `none` is an empty one, where there is a default. */
export function many<T>(
  kind: Kind<T>,
  sentence: string,
  kafka?: string,
  fallback = "",
): Setting<readonly T[]> {
  const value = (texts: readonly string[]) =>
    (texts.length === 0 ? [fallback] : texts)
      .flatMap((each) => each.split(","))
      .map((each) => each.trim())
      .filter((each) => each !== "" && (each !== "none" || fallback === ""))
      .map((each) => kind.parse(each));
  return { kind, repeats: true, kafka: kafka ?? null, fallback, sentence, value };
}
