/**
 * What a node can be told, declared once: flag, environment variable, Kafka's own key where the meaning is the same,
 * default and a sentence. The command line, the README's table and the checks all come from this table.
 *
 * - Settings of one room are declared there (`…-settings.ts`) and put together here.
 * - Flags go before environment before `--config FILE` before defaults. `PORT` and `HOST` stand in for `KEDGE_HTTP`.
 * - An unknown flag is refused, and an unknown key in a JSON file; an unknown key in Kafka's `server.properties` or a
 *   `KEDGE_*` variable is a warning. Each tells the nearest name.
 * - Secrets come by file only, so that they stand in no process list and no environment dump.
 * - Left out, and refused rather than ignored: the flags of the cluster and of remote storage.
 */
import { resolve } from "node:path";
import type { NodeSetting } from "./broker/configs/verbs.ts";
import { nodeSettings } from "./broker/configs/node-settings.ts";
import { groupSettings } from "./coordinators/groups/settings.ts";
import { transactionSettings } from "./coordinators/transactions/settings.ts";
import {
  checkListeners,
  clientListeners,
  listenerSettings,
  listenersText,
} from "./kafka/listener-settings.ts";
import { Refusal } from "./lib/refusal.ts";
import { fromArgs, fromEnv, fromFile, type Said, type Vocabulary } from "./lib/setting-sources.ts";
import {
  address,
  file,
  folder,
  integer,
  isLoopback,
  many,
  maybe,
  one,
  oneOf,
  text,
  toggle,
  UsageError,
  type Kind,
  type Setting,
  type ValuesOf,
} from "./lib/setting.ts";
import { type ConfigDefinition, topicConfigs } from "./log/configs/definitions.ts";
import { logSettings } from "./log/log-settings.ts";
import { type ConfigValues, parseTopicConfig } from "./log/configs/topic-config.ts";
import { IN_MEMORY } from "./runtime/open-stores.ts";

const MIB = 1024 * 1024;

/** Every setting by its flag's name; its variable is `KEDGE_` and that name in capitals. */
const settings = {
  data: one(folder, "./data", "Where the node keeps everything it knows.", "log.dirs"),
  http: one(address, "127.0.0.1:8080", "Where HTTP is served; port 0 takes a free one."),
  ...listenerSettings,
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
    "What clients have not read yet, over all connections of a door: in large answers, and as much in tails; past it they wait.",
  ),
  ...logSettings,
  ...groupSettings,
  ...transactionSettings,
  "drain-ms": one(integer(0, 600_000), "5000", "How long a stop waits for what was accepted."),
} as const satisfies Record<string, Setting<unknown>>;

type OwnConfig = ValuesOf<typeof settings>;

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
  topicConfigs.flatMap((definition) => {
    const { node } = definition;
    if (node === null) return [];
    const flag = node.replace(/^kedge\./, "").replaceAll(".", "-");
    return [[flag, { definition, setting: topicSetting(definition, node) }] as const];
  }),
);

function topicSetting(definition: ConfigDefinition, node: string): Setting<string | null> {
  const { name, doc } = definition;
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
  otherWords: new Map([
    ["port", "http HOST:PORT"],
    ["host", "http HOST:PORT"],
  ]),
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
  const config = { ...given, ...clientListeners(given), topicDefaults, kafkaSettings };
  const called = said.map((source) => source.get("http")?.called).find((each) => each);
  checkTogether(config, called ?? "--http");
  return { config, warnings };
}

/** What Kafka's tools are told of where the node is. */
function places({ data, kafka, "kafka-advertised": advertised }: OwnConfig) {
  return {
    "log.dirs": data === IN_MEMORY ? data : resolve(data),
    listeners: listenersText(kafka),
    "advertised.listeners": listenersText(advertised),
  };
}

/** What platforms that start programs for others say instead of `KEDGE_HTTP`. */
function sayPortAndHost(said: Said, env: Sources["env"]): void {
  if (said.has("http") || !(env["PORT"] || env["HOST"])) return;
  const host = env["HOST"] || "127.0.0.1";
  if (env["PORT"] && !(/^\d{1,5}$/.test(env["PORT"]) && Number(env["PORT"]) <= 65_535))
    throw new UsageError(`PORT must be a port from 0 to 65535, not "${env["PORT"]}"`);
  const texts = [`${host.includes(":") ? `[${host}]` : host}:${env["PORT"] || "8080"}`];
  const called = ["HOST", "PORT"].filter((name) => env[name]).join(" and ");
  said.set("http", { texts, called });
}

/** What must fit together whatever each says by itself. */
function checkTogether(config: Config, httpCalled: string): void {
  const { http } = config;
  if (!isLoopback(http.host) && config["token-file"] === null && !config.insecure) {
    throw new UsageError(
      `${httpCalled} ${httpCalled.includes(" and ") ? "ask" : "asks"} for ${http.host}:${http.port}, which other machines can reach: give --token-file FILE ` +
        `to ask for a token, or --insecure to let everybody in`,
    );
  }
  checkListeners(config, config.insecure);
  if ((config["tls-cert"] === null) !== (config["tls-key"] === null)) {
    throw new UsageError("--tls-cert and --tls-key come together");
  }
}

/** What is worth showing, by its flag's name: of the topic configs, those that change something here. */
export function shownSettings(): (readonly [string, Setting<unknown>])[] {
  return [...vocabulary.settings].filter(
    ([name]) => topicSettings.get(name)?.definition.effect !== "none",
  );
}
