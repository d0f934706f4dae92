/**
 * What a node can be told, declared once: flag, environment variable, Kafka's own key where the meaning is the same,
 * default and a sentence. The command line, the README's table and the checks all come from this table.
 *
 * - Flags go before environment before `--config FILE` before defaults. `PORT` and `HOST` stand in for `KEDGE_HTTP`.
 * - An unknown flag is refused; an unknown key in a file or a `KEDGE_*` variable is a warning with the nearest name.
 * - Secrets come by file only, so that they stand in no process list and no environment dump.
 * - Left out, and refused rather than ignored: the flags of the cluster and of remote storage.
 */
import { nearest } from "./lib/nearest.ts";
import { parseProperties } from "./lib/properties.ts";
import {
  address,
  file,
  folder,
  integer,
  listener,
  many,
  maybe,
  one,
  oneOf,
  text,
  toggle,
  UsageError,
  type Setting,
} from "./lib/setting.ts";

const MIB = 1024 * 1024;

/** Every setting by its flag's name; its variable is `KEDGE_` and that name in capitals. */
export const settings = {
  data: one(folder, "./data", "Where the node keeps everything it knows.", "log.dirs"),
  http: one(address, "127.0.0.1:8080", "Where HTTP is served; port 0 takes a free one."),
  kafka: many(listener, "Where the Kafka protocol is served (not built yet).", "listeners"),
  "kafka-advertised": many(
    listener,
    "What Kafka clients are told to connect to, by listener name (not built yet).",
    "advertised.listeners",
  ),
  config: maybe(file, "More settings: JSON, or Kafka's server.properties."),
  "token-file": maybe(file, "Every request must carry this file's text as a bearer token."),
  insecure: one(toggle, "false", "Serve beyond loopback without a token."),
  "cors-origin": many(text, "A web page's origin that may call; `*` for any."),
  "tls-cert": maybe(file, "Serve HTTPS with this certificate chain (PEM)."),
  "tls-key": maybe(file, "The certificate's private key (PEM)."),
  "log-level": one(
    oneOf("debug", "info", "warn", "error"),
    "info",
    "The least important log line that is written.",
  ),
  "connections-max": one(integer(1, 1_000_000), "20000", "HTTP connections open at once."),
  "body-bytes-max": one(
    integer(1024, 1024 * MIB),
    String(16 * MIB),
    "The largest request body, after decompression.",
  ),
  "in-flight-bytes-max": one(
    integer(MIB, 1024 * 1024 * MIB),
    String(64 * MIB),
    "Request bodies held in memory at once, over all connections.",
  ),
  "drain-ms": one(integer(0, 600_000), "5000", "How long a stop waits for what was accepted."),
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof settings;
export type Config = { [Name in SettingName]: ReturnType<(typeof settings)[Name]["value"]> };

/** Parts of the design that are not there yet: better refused than silently ignored. */
const notBuilt = ["storage", "node-id", "cluster", "cluster-listen", "cluster-secret-file"];

/** Where texts come from, passed in so that a test needs neither an environment nor a disk. */
export interface Sources {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readFile(path: string): Promise<string>;
}

export interface Loaded {
  readonly config: Config;
  readonly warnings: readonly string[];
}

/** What one source says: texts by setting, and how that source calls the setting in a message. */
type Said = Map<SettingName, { texts: readonly string[]; called: string }>;

const names = Object.keys(settings).filter((name): name is SettingName => name in settings);
const namesByKafkaKey = new Map(names.map((name) => [settings[name].kafka, name] as const));

/** Reads every source and checks every value. Throws UsageError with what is wrong, where, and what to do. */
export async function loadConfig(sources: Sources): Promise<Loaded> {
  const warnings: string[] = [];
  const said = [fromArgs(sources.args), fromEnv(sources.env, warnings)];
  const path = said.map((source) => source.get("config")?.texts.at(-1)).find((each) => each);
  if (path !== undefined) said.push(await fromFile(path, sources, warnings));
  const value = (name: SettingName): unknown => {
    const found = said.map((source) => source.get(name)).find((each) => each !== undefined);
    try {
      return settings[name].value(found?.texts ?? []);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new UsageError(`${found?.called ?? name} ${error.message}`);
    }
  };
  // Each entry's type is that of its own setting's `value`, which the compiler cannot see through fromEntries.
  const config = Object.fromEntries(names.map((name) => [name, value(name)])) as Config;
  checkTogether(config);
  return { config, warnings };
}

function fromArgs(args: readonly string[]): Said {
  const said: Said = new Map();
  for (let at = 0; at < args.length; at++) {
    const [, flag, inline] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(args[at] ?? "") ?? [];
    if (flag === undefined) throw new UsageError(`serve takes flags alone, not "${args[at]}"`);
    if (notBuilt.includes(flag)) throw new UsageError(`--${flag} is not built yet`);
    if (!isSetting(flag)) {
      throw new UsageError(`there is no flag --${flag}${meant(flag, names, "--")}`);
    }
    const takesValue = settings[flag].kind.argument !== "";
    const given = inline ?? (takesValue ? args[++at] : "");
    if (given === undefined) throw new UsageError(`--${flag} needs a value`);
    const before = said.get(flag)?.texts ?? [];
    said.set(flag, { texts: [...before, given], called: `--${flag}` });
  }
  return said;
}

function fromEnv(env: Sources["env"], warnings: string[]): Said {
  const said: Said = new Map();
  for (const name of names) {
    const variables = [variable("KEDGE", name)];
    const { kafka } = settings[name];
    if (kafka !== null) variables.push(variable("KAFKA", kafka));
    const called = variables.find((each) => env[each] !== undefined);
    if (called !== undefined) said.set(name, { texts: [env[called] ?? ""], called });
  }
  if (!said.has("http") && (env["PORT"] || env["HOST"])) {
    const host = env["HOST"] || "127.0.0.1";
    const texts = [`${host.includes(":") ? `[${host}]` : host}:${env["PORT"] || "8080"}`];
    said.set("http", { texts, called: "HOST and PORT" });
  }
  const known = new Set(names.map((name) => variable("KEDGE", name)));
  for (const key of Object.keys(env)) {
    if (!key.startsWith("KEDGE_") || known.has(key)) continue;
    if (notBuilt.some((name) => variable("KEDGE", name) === key)) {
      throw new UsageError(`${key} is not built yet`);
    }
    warnings.push(`${key} is not a setting${meant(key, known)}`);
  }
  return said;
}

async function fromFile(path: string, sources: Sources, warnings: string[]): Promise<Said> {
  const content = await sources.readFile(path).catch((error: unknown) => {
    throw new UsageError(`cannot read the file of --config: ${String(error)}`);
  });
  const values = content.trimStart().startsWith("{")
    ? jsonValues(content, path)
    : [...parseProperties(content)].map(([key, each]) => [key, [each]] as const);
  const said: Said = new Map();
  for (const [key, texts] of values) {
    const name = isSetting(key) ? key : namesByKafkaKey.get(key);
    if (notBuilt.includes(key)) throw new UsageError(`"${key}" in ${path} is not built yet`);
    if (name !== undefined) said.set(name, { texts, called: `"${key}" in ${path}` });
    else warnings.push(`"${key}" in ${path} is not a setting${meant(key, fileKeys())}`);
  }
  return said;
}

function jsonValues(content: string, path: string): (readonly [string, string[]])[] {
  try {
    const parsed: Record<string, unknown> = JSON.parse(content);
    return Object.entries(parsed).map(([key, value]) => [key, [value].flat().map(String)]);
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${String(error)}`);
  }
}

/** What must fit together whatever each says by itself. */
function checkTogether(config: Config): void {
  const { http } = config;
  if (!isLoopback(http.host) && config["token-file"] === null && !config.insecure) {
    throw new UsageError(
      `--http ${http.host}:${http.port} can be reached from other machines: give --token-file FILE ` +
        `to ask for a token, or --insecure to let everybody in`,
    );
  }
  if ((config["tls-cert"] === null) !== (config["tls-key"] === null)) {
    throw new UsageError("--tls-cert and --tls-key come together");
  }
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function isSetting(name: string): name is SettingName {
  return Object.hasOwn(settings, name);
}

function variable(prefix: string, name: string): string {
  return `${prefix}_${name.toUpperCase().replaceAll(/[-.]/g, "_")}`;
}

function fileKeys(): string[] {
  return [...names, ...[...namesByKafkaKey.keys()].filter((key) => key !== null)];
}

function meant(name: string, candidates: Iterable<string>, prefix = ""): string {
  const found = nearest(name, candidates);
  return found === null ? "" : `; did you mean ${prefix}${found}?`;
}

/** What `kedge serve --help` says. */
export function helpText(): string {
  const rows = names.map((name) => {
    const { kind, fallback, repeats, sentence } = settings[name];
    const flag = `--${name}${kind.argument === "" ? "" : ` ${kind.argument}`}`;
    const notes = [repeats ? "may repeat" : "", fallback === "" ? "" : `default ${fallback}`];
    const note = notes.filter((each) => each !== "").join(", ");
    return `  ${flag.padEnd(40)}  ${sentence}${note === "" ? "" : ` (${note})`}`;
  });
  return [
    "Usage: kedge serve [flags]",
    "",
    "Starts a node. Each flag has a variable (--http is KEDGE_HTTP) and a key in the file of --config.",
    "",
    ...rows,
  ].join("\n");
}

/** The README's table of settings, in Markdown. */
export function settingsTable(): string {
  const rows = names.map((name) => {
    const { kind, kafka, fallback, sentence } = settings[name];
    const flag = `\`--${name}${kind.argument === "" ? "" : ` ${kind.argument.replaceAll("|", "\\|")}`}\``;
    const given = fallback === "" ? "" : `\`${fallback}\``;
    return `| ${flag} | \`${variable("KEDGE", name)}\` | ${kafka === null ? "" : `\`${kafka}\``} | ${given} | ${sentence} |`;
  });
  return ["| flag | variable | Kafka's key | default | |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}
