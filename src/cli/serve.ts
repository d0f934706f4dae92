/**
 * `kedge serve`: a node in this process, until a signal.
 *
 * - stdout gets the banner, whose first line is stable for whoever waits for it; logs go to stderr.
 * - TERM, INT or HUP stops gracefully and exits 0; a second one, a second later or more, exits 1 at once. A bad flag exits 2,
 *   a node that cannot start 1, a bug 70 without the mark of a clean end, so that the next start checks what this one left.
 */
import { readFile } from "node:fs/promises";
import process from "node:process";
import manifest from "../../package.json" with { type: "json" };
import { loadConfig, type Config, type Loaded } from "../config.ts";
import type { Platform, ProcessLogger } from "../lib/platform.ts";
import { isEverywhere, UsageError } from "../lib/setting.ts";
import type { Node } from "../node.ts";
import { openAhead } from "../runtime/open-ahead.ts";
import { StartError } from "../runtime/start-error.ts";
import { watchRunner } from "../runtime/runner.ts";
import { detectPlatform } from "../runtime/runtime.ts";
import { StorageFault } from "../storage/storage.ts";
import { helpText } from "./settings-text.ts";
import { stopSignals } from "./stop-signals.ts";
import { START_NODE } from "./kedge-command.ts";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
const EXIT_BUG = 70;

export async function serve(args: readonly string[]): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(helpText());
    return;
  }
  const loaded = await readConfig(args);
  if (loaded === null) {
    process.exitCode = EXIT_USAGE;
    return;
  }
  const { config, warnings } = loaded;
  const platform = await detectPlatform();
  const logger = platform.makeLogger({ level: config["log-level"], format: "auto" });
  const die = dieOf(logger);
  for (const warning of warnings) logger.warn(warning);
  try {
    const surroundings = {
      platform,
      logger,
      logLevels: logger,
      version: manifest.version,
      onFatal: die,
    };
    // The storage opens in its Worker while this thread loads most of what there is to load.
    const ahead = openAhead(config, surroundings);
    const { startNode } = await import("../node.ts");
    const node = await startNode(config, surroundings, ahead);
    console.log(banner(node, config));
    stopOnSignals(node, platform, logger);
  } catch (error) {
    if (!(error instanceof StartError)) return die(error);
    console.error(`kedge: ${error.message}`);
    process.exit(EXIT_FAILURE);
  }
}

async function readConfig(args: readonly string[]): Promise<Loaded | null> {
  try {
    return await loadConfig({ args, env: process.env, readFile: (path) => readFile(path, "utf8") });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`kedge: ${error.message}\nTry "${START_NODE} --help".`);
    return null;
  }
}

/** After a bug nothing that this process still believes may reach the disk; nor after a disk that failed. */
function dieOf(logger: ProcessLogger): (cause: unknown) => never {
  const die = (cause: unknown): never => {
    logger.error("the node cannot go on", { error: cause });
    // In the same step: lines that the logger still holds are written as the process exits.
    process.exit(cause instanceof StorageFault ? EXIT_FAILURE : EXIT_BUG);
  };
  process.on("uncaughtException", die);
  process.on("unhandledRejection", die);
  return die;
}

function stopOnSignals(node: Node, platform: Platform, logger: ProcessLogger): void {
  let stopping = false;
  const stop = (why: string) => {
    if (stopping) return;
    stopping = true;
    logger.info("stopping", { why });
    void node.stop().then(() => process.exit(0));
  };
  const take = stopSignals(platform.clock, { stop, quit: () => process.exit(EXIT_FAILURE) });
  platform.onSignal(["SIGTERM", "SIGINT", "SIGHUP"], take);
  watchRunner(() => stop("the package runner is gone"));
}

function banner({ url, port, clusterId, kafkaPorts }: Node, config: Config): string {
  const token = config["token-file"];
  const auth = token === null ? "" : ` -H "authorization: Bearer $(cat ${quotedForShell(token)})"`;
  const curl = `curl${config["tls-cert"] === null ? "" : " -k"}${auth}`;
  const lines = [
    `kedge ${manifest.version} is listening on ${url}`,
    ...(isEverywhere(config.http.host)
      ? [
          `Others reach it by any address of this machine, at port ${port} (--http ${config.http.host})`,
        ]
      : []),
    ...[...kafkaPorts].map(([name, port], at) => {
      const host = config.kafka[at]?.host ?? "";
      const shown = kafkaPorts.size === 1 ? "" : ` (${name})`;
      return `Kafka clients connect to ${host.includes(":") ? `[${host}]` : host}:${port}${shown}`;
    }),
    `cluster ${clusterId}, data in ${config.data}`,
    "",
    "Try, in another terminal:",
    `  ${curl} ${url}/v1/topics -H 'content-type: application/json' -d '{"name":"hello"}'`,
    `  ${curl} ${url}/v1/topics/hello/records -d 'hello, world'`,
    `  ${curl} '${url}/v1/topics/hello/partitions/0/records?from=earliest'`,
    `  ${curl} -N '${url}/v1/tail?topic=hello&from=earliest'`,
    `The whole API: ${url}/docs`,
  ];
  return `${lines.join("\n")}\n`;
}

/** A path as it can be pasted into a shell, as it stands where it needs no quotes. */
function quotedForShell(path: string): string {
  return /^[\w./+@%:-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
