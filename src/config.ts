/**
 * What a node can be told, declared once: flag, environment variable, Kafka's own key where the meaning is the same,
 * default and a sentence. The command line, the README's table and the checks all come from this table.
 *
 * - Flags go before environment before `--config FILE` before defaults. `PORT` and `HOST` stand in for `KEDGE_HTTP`.
 * - An unknown flag is refused; an unknown key in a file or a `KEDGE_*` variable is a warning with the nearest name.
 * - Secrets come by file only, so that they stand in no process list and no environment dump.
 * - Left out, and refused rather than ignored: the flags of the cluster and of remote storage.
 */
import { resolve } from "node:path";
import type { NodeSetting } from "./broker/config-verbs.ts";
import { nodeSettings } from "./broker/node-settings.ts";
import { groupSettings } from "./coordinators/group-settings.ts";
import { transactionSettings } from "./coordinators/transaction-settings.ts";
import { Refusal } from "./lib/refusal.ts";
import {
  fromArgs,
  fromEnv,
  fromFile,
  variable,
  type Said,
  type Vocabulary,
} from "./lib/setting-sources.ts";
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
  type Address,
  type Kind,
  type Setting,
} from "./lib/setting.ts";
import { type ConfigDefinition, topicConfigs } from "./log/config-definitions.ts";
import { type ConfigValues, parseTopicConfig } from "./log/topic-config.ts";

const MIB = 1024 * 1024;

/** In place of a folder: everything is gone with the process. */
export const IN_MEMORY = ":memory:";

/** Every setting by its flag's name; its variable is `KEDGE_` and that name in capitals. */
export const settings = {
  data: one(folder, "./data", "Where the node keeps everything it knows.", "log.dirs"),
  http: one(address, "127.0.0.1:8080", "Where HTTP is served; port 0 takes a free one."),
  kafka: many(
    listener,
    "Where the Kafka protocol is served; port 0 takes a free one, `none` serves it nowhere.",
    "listeners",
    "127.0.0.1:9092",
  ),
  "kafka-advertised": many(
    listener,
    "What Kafka clients are told to connect to, by listener name.",
    "advertised.listeners",
  ),
  config: maybe(file, "More settings: JSON, or Kafka's server.properties."),
  "token-file": maybe(file, "Every request must carry this file's text as a bearer token."),
  insecure: one(toggle, "false", "Serve beyond loopback without a token."),
  "cors-origin": many(text, "A web page's origin that may call; `*` for any."),
  "host-name": many(
    text,
    "A name that requests may ask for beside localhost and addresses; `*` for any.",
  ),
  "tls-cert": maybe(file, "Serve HTTPS with this certificate chain (PEM)."),
  "tls-key": maybe(file, "The certificate's private key (PEM)."),
  "log-level": one(
    oneOf("debug", "info", "warn", "error"),
    "info",
    "The least important log line that is written.",
  ),
  "num-partitions": one(
    integer(1, 10_000),
    "1",
    "Partitions of a topic that does not say.",
    "num.partitions",
  ),
  "auto-create-topics": one(
    toggle,
    "true",
    "A Kafka client that asks for a topic that is not there makes it (HTTP asks for this by itself).",
    "auto.create.topics.enable",
  ),
  "connections-max": one(
    integer(1, 1_000_000),
    "20000",
    "HTTP requests, streams and WebSockets under way at once (a connection that waits for its next request is not counted), and connections of each Kafka listener.",
    "max.connections",
  ),
  "connections-per-address-max": one(
    integer(1, 1_000_000),
    "1000",
    "The same for one client address off loopback.",
    "max.connections.per.ip",
  ),
  "connections-max-idle-ms": one(
    integer(1, 2 ** 31 - 1),
    "600000",
    "A Kafka connection on which nothing happens for so long is closed.",
    "connections.max.idle.ms",
  ),
  "request-bytes-max": one(
    integer(1024, 2 ** 31 - 1),
    String(100 * MIB),
    "The largest request of a Kafka client.",
    "socket.request.max.bytes",
  ),
  "tail-life-ms": one(
    integer(1_000, 86_400_000),
    "60000",
    "About how long an event stream lives until its reader comes back by itself.",
  ),
  "body-bytes-max": one(
    integer(1024, 1024 * MIB),
    String(16 * MIB),
    "The largest request body, after decompression.",
  ),
  "answer-bytes-max": one(
    integer(MIB, 1024 * 1024 * MIB),
    String(64 * MIB),
    "Large answers that their clients have not read yet, over all connections of a door; past it they get shorter.",
  ),
  "queued-bytes-max": one(
    integer(MIB, 1024 * 1024 * MIB),
    String(64 * MIB),
    "Records that wait to be written, over all partitions; past it appends are refused, but for one request alone.",
  ),
  "tail-cache-bytes": one(
    integer(0, 1024 * 1024 * MIB),
    String(16 * MIB),
    "The newest records kept in memory for who reads along, over all partitions.",
  ),
  "log-retention-check-interval-ms": one(
    integer(1, 2 ** 31 - 1),
    "300000",
    "How often retention looks for old records.",
    "log.retention.check.interval.ms",
  ),
  "log-cleaner-enable": one(
    toggle,
    "true",
    "Compact the logs of topics whose `cleanup.policy` says so.",
    "log.cleaner.enable",
  ),
  "log-cleaner-backoff-ms": one(
    integer(1, 2 ** 31 - 1),
    "15000",
    "How long compaction pauses between two looks at the logs.",
    "log.cleaner.backoff.ms",
  ),
  "log-cleaner-dedupe-buffer-size": one(
    integer(64 * 1024, 2 ** 31 - 1),
    String(16 * MIB),
    "Memory for the keys of the log that is being compacted: 24 bytes each.",
    "log.cleaner.dedupe.buffer.size",
  ),
  "producer-id-expiration-ms": one(
    integer(1, Number.MAX_SAFE_INTEGER),
    "86400000",
    "How long a request that is safe to repeat is remembered.",
    "producer.id.expiration.ms",
  ),
  ...groupSettings,
  ...transactionSettings,
  "drain-ms": one(integer(0, 600_000), "5000", "How long a stop waits for what was accepted."),
} as const satisfies Record<string, Setting<unknown>>;

type OwnConfig = {
  [Name in keyof typeof settings]: ReturnType<(typeof settings)[Name]["value"]>;
};

export interface Config extends OwnConfig {
  /** By the topic config's name: what a topic has that does not say. */
  readonly topicDefaults: ConfigValues;
  /** What Kafka has a name for too, as it was said; without the defaults of topics. */
  readonly kafkaSettings: readonly NodeSetting[];
}

/** Parts of the design that are not there yet: better refused than silently ignored. */
const notBuilt = ["storage", "node-id", "cluster", "cluster-listen", "cluster-secret-file"];

/** Kafka's coarser keys for a time; the finer one wins, so it is looked for first. */
const conversions = new Map([
  ["log.retention.minutes", { name: "log-retention-ms", factor: 60_000 }],
  ["log.retention.hours", { name: "log-retention-ms", factor: 3_600_000 }],
]);

/** The node's defaults of topic configs, by their flag's name: Kafka's node-level key with dashes. */
const topicSettings = new Map(
  topicConfigs.map((definition) => [
    definition.node.replace(/^kedge\./, "").replaceAll(".", "-"),
    { definition, setting: topicSetting(definition) },
  ]),
);

function topicSetting(definition: ConfigDefinition): Setting<string | null> {
  const { name, node, doc } = definition;
  const kind: Kind<string> = {
    argument: definition.type.toUpperCase(),
    parse(value) {
      try {
        parseTopicConfig({}, { [name]: value });
        return value;
      } catch (error) {
        if (error instanceof Refusal) throw new UsageError(`is wrong: ${error.message}`);
        throw error;
      }
    },
  };
  return { ...maybe(kind, doc, node), fallback: definition.default };
}

const vocabulary: Vocabulary = {
  settings: new Map<string, Setting<unknown>>([
    ...Object.entries(settings),
    ...[...topicSettings].map(([name, { setting }]) => [name, setting] as const),
  ]),
  conversions,
  notBuilt,
  // The command line's, which speaks to a node.
  otherVariables: ["KEDGE_URL", "KEDGE_TOKEN", "KEDGE_BOOTSTRAP_SERVER"],
};

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

/** Reads every source and checks every value. Throws UsageError with what is wrong, where, and what to do. */
export async function loadConfig(sources: Sources): Promise<Loaded> {
  const warnings: string[] = [];
  const env = fromEnv(sources.env, vocabulary, warnings);
  sayPortAndHost(env, sources.env);
  const said = [fromArgs(sources.args, vocabulary), env];
  const path = said.map((source) => source.get("config")?.texts.at(-1)).find((each) => each);
  if (path !== undefined) {
    const content = await sources.readFile(path).catch((error: unknown) => {
      throw new UsageError(`cannot read the file of --config: ${String(error)}`);
    });
    said.push(fromFile(content, path, vocabulary, warnings));
  }
  const value = (name: string, setting: Setting<unknown>): unknown => {
    const found = said.map((source) => source.get(name)).find((each) => each !== undefined);
    try {
      return setting.value(found?.texts ?? []);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new UsageError(`${found?.called ?? name} ${error.message}`);
    }
  };
  const topicDefaults: Record<string, string> = {};
  for (const [name, { definition, setting }] of topicSettings) {
    const text = value(name, setting);
    if (typeof text === "string") topicDefaults[definition.name] = text;
  }
  const own = Object.entries(settings).map(([name, setting]) => [name, value(name, setting)]);
  // Each entry's type is that of its own setting's `value`, which the compiler cannot see through fromEntries.
  const given = Object.fromEntries(own) as OwnConfig;
  const textsOf = (name: string) => said.find((source) => source.has(name))?.get(name)?.texts;
  const kafkaSettings = nodeSettings(settings, textsOf, places(given));
  const config = { ...given, topicDefaults, kafkaSettings };
  const called = said.map((source) => source.get("http")?.called).find((each) => each);
  checkTogether(config, called ?? "--http");
  return { config, warnings };
}

/** What Kafka's tools are told of where the node is. */
function places({ data, kafka, "kafka-advertised": advertised }: OwnConfig) {
  const listeners = (addresses: readonly Address[]): string =>
    addresses.map((each) => `${listenerName(each)}://${each.host}:${each.port}`).join();
  return {
    "log.dirs": data === IN_MEMORY ? data : resolve(data),
    listeners: listeners(kafka),
    "advertised.listeners": listeners(advertised),
  };
}

/** What platforms that start programs for others say instead of `KEDGE_HTTP`. */
function sayPortAndHost(said: Said, env: Sources["env"]): void {
  if (said.has("http") || !(env["PORT"] || env["HOST"])) return;
  const host = env["HOST"] || "127.0.0.1";
  const texts = [`${host.includes(":") ? `[${host}]` : host}:${env["PORT"] || "8080"}`];
  const called = ["HOST", "PORT"].filter((name) => env[name]).join(" and ");
  said.set("http", { texts, called });
}

/** What must fit together whatever each says by itself. */
function checkTogether(config: Config, httpCalled: string): void {
  const { http } = config;
  if (!isLoopback(http.host) && config["token-file"] === null && !config.insecure) {
    throw new UsageError(
      `${httpCalled} asks for ${http.host}:${http.port}, which other machines can reach: give --token-file FILE ` +
        `to ask for a token, or --insecure to let everybody in`,
    );
  }
  checkKafka(config);
  if ((config["tls-cert"] === null) !== (config["tls-key"] === null)) {
    throw new UsageError("--tls-cert and --tls-key come together");
  }
}

function checkKafka({ kafka, "kafka-advertised": advertised, insecure }: OwnConfig): void {
  const open = kafka.find(({ host }) => !isLoopback(host));
  if (open && !insecure) {
    throw new UsageError(
      `--kafka asks for ${open.host}:${open.port}, which other machines can reach, and Kafka clients are not asked who ` +
        `they are yet: listen on 127.0.0.1, or give --insecure to let everybody in`,
    );
  }
  const names = kafka.map(listenerName);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw new UsageError(
      `two --kafka listeners are called ${twice}: give each a name of its own, as in LAN://127.0.0.1:9093`,
    );
  }
  const stray = advertised.find((each) => !names.includes(listenerName(each)));
  if (stray) {
    throw new UsageError(
      `--kafka-advertised names the listener ${listenerName(stray)}, which no --kafka has`,
    );
  }
}

/** Kafka's listeners by name, each with what its clients are told to connect to, where that is said. */
export function kafkaListeners({ kafka, "kafka-advertised": advertised }: OwnConfig) {
  return kafka.map((address) => {
    const name = listenerName(address);
    const told = advertised.find((each) => listenerName(each) === name);
    return { name, host: address.host, port: address.port, advertised: told ?? null };
  });
}

/** What a Kafka listener without a name is called, as in Kafka. */
function listenerName({ name }: Address): string {
  return (name ?? "PLAINTEXT").toUpperCase();
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** What is worth showing: of the topic configs, those that change something here. */
function shown(): (readonly [string, Setting<unknown>])[] {
  return [...vocabulary.settings].filter(
    ([name]) => topicSettings.get(name)?.definition.effect !== "none",
  );
}

/** What `kedge serve --help` says. */
export function helpText(): string {
  const rows = shown().map(([name, { kind, fallback, repeats, sentence }]) => {
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
  const rows = shown().map(([name, { kind, kafka, fallback, sentence }]) => {
    const flag = `\`--${name}${kind.argument === "" ? "" : ` ${kind.argument.replaceAll("|", "\\|")}`}\``;
    const given = fallback === "" ? "" : `\`${fallback}\``;
    return `| ${flag} | \`${variable(name)}\` | ${kafka === null ? "" : `\`${kafka}\``} | ${given} | ${sentence} |`;
  });
  return ["| flag | variable | Kafka's key | default | |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}
