/**
 * A node: the one file that knows every room. It opens them from the ground up and closes them in the opposite order.
 *
 * - Several nodes may live in one process; whatever they share is passed in. `--data :memory:` keeps nothing.
 * - `stop` lets streams and long polls end early, finishes what was accepted within `drain-ms`, and leaves the mark of a
 *   clean end. What is left past that time is cut off without an answer, never half done.
 * - After a bug or a lost disk the node must not go on: `onFatal` is called, and whoever started it ends the process.
 */
import { createBroker } from "./broker/broker.ts";
import type { LogLevels } from "./broker/configs/verbs.ts";
import type { Broker } from "./broker/verbs.ts";
import type { Controller } from "./cluster/controller.ts";
import { featureCommands } from "./cluster/features.ts";
import { GroupCoordinator } from "./coordinators/groups/coordinator.ts";
import { groupConfigOf } from "./coordinators/groups/settings.ts";
import { TransactionCoordinator } from "./coordinators/transactions/coordinator.ts";
import { skipProducerIds } from "./coordinators/transactions/producer-ids.ts";
import { transactionLimitsOf } from "./coordinators/transactions/settings.ts";
import type { Config } from "./config.ts";
import type { Logger } from "./lib/logger.ts";
import { isEverywhere } from "./lib/setting.ts";
import type { Random } from "./lib/random.ts";
import { httpLimits as serverLimits, type HttpServer, type Platform } from "./lib/platform.ts";
import { topicConfigCache } from "./log/configs/cache.ts";
import { Cleaner } from "./log/compaction/cleaner.ts";
import { createLogNode, type LogNode } from "./log/log-node.ts";
import { logLimitsOf } from "./log/log-settings.ts";
import { Logs } from "./log/logs.ts";
import { Partition } from "./log/partition.ts";
import { topicDefaults } from "./log/configs/topic-defaults.ts";
import { resumeLogs } from "./log/resume.ts";
import { RetentionPass } from "./log/retention.ts";
import { kafkaListeners } from "./kafka/listener-settings.ts";
import type { KafkaDoor, openKafkaDoor } from "./kafka/listener.ts";
import { whyNotListening } from "./runtime/listen-error.ts";
import { logDirectory } from "./runtime/disk-space.ts";
import { nodeProbes } from "./runtime/node-probes.ts";
import { openController } from "./runtime/open-controller.ts";
import { type Ahead, openAhead, type Secrets } from "./runtime/open-ahead.ts";
import { IN_MEMORY, type Stores } from "./runtime/open-stores.ts";
import { StartError } from "./runtime/start-error.ts";
import type { MetadataStore } from "./storage/metadata-store.ts";
import type { Storage } from "./storage/storage.ts";

export interface Node {
  /** Where HTTP is served. */
  readonly port: number;
  readonly url: string;
  /** Where the Kafka protocol is served, by listener name. */
  readonly kafkaPorts: ReadonlyMap<string, number>;
  readonly clusterId: string;
  /** Finishes what was accepted and closes everything; a second call waits for the first. */
  stop(): Promise<void>;
}

export interface Surroundings {
  readonly platform: Platform;
  readonly logger: Logger;
  /** This program's own. */
  readonly version: string;
  /** Lets a client say how much the log says; without it nobody can. */
  readonly logLevels?: LogLevels;
  /** A broken invariant, or a disk that failed: end the process at once, without `stop`. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * Resolves once every door serves. Throws StartError, having closed what was open; so is `ahead`, which a process opens
 * while it loads this file.
 */
export async function startNode(
  config: Config,
  surroundings: Surroundings,
  ahead: Ahead = openAhead(config, surroundings),
): Promise<Node> {
  await using opened = ahead.opened;
  const { platform, logger, version } = surroundings;
  const { clock, random } = platform;
  // While the storage's Worker starts, this thread loads the door's code.
  const door = import("./http/app.ts");
  const kafkaDoor = config.kafka.length > 0 ? import("./kafka/listener.ts") : null;
  kafkaDoor?.catch(() => {}); // Told where it is awaited.
  const { auth, tls, stores } = await ahead.parts;
  const { storage, store, states } = stores;
  const controller = await openController(config.data, { store, states }, platform, logger);
  const { logNode, logs } = await openLogs(
    config,
    controller,
    { storage, states },
    platform,
    logger,
  );
  // Not before: a snapshot would forget which topics were deleted while their logs are still there.
  await controller.submit(featureCommands);
  startUpkeep(config, logNode, logs, opened);
  const coordinators = openCoordinators(config, controller, logs, logNode, random);
  opened.defer(() => coordinators.transactions.close());
  opened.defer(() => coordinators.groups.close()); // Of a start that fails before the doors.
  const broker = createBroker({
    controller,
    logs,
    node: logNode,
    ...coordinators,
    random,
    version,
    ...brokerSettings(config),
    logLevels: surroundings.logLevels ?? null,
  });
  broker.transactions.abortLeftOpen().catch(surroundings.onFatal);
  const stopping = new AbortController();
  const { createHttpApp } = await door;
  const app = createHttpApp({
    ...httpSettings(config),
    broker: endingEarly(broker, stopping.signal),
    clock,
    random,
    logger,
    auth,
    node: {
      ...nodeProbes({ storage, platform, stopping: stopping.signal }),
      ...backups(config, storage, store, random, controller),
    },
    stopping: stopping.signal,
    copiesPieces: platform.copiesPieces,
    onBug: surroundings.onFatal,
  });
  const kafka =
    kafkaDoor && (await openKafka((await kafkaDoor).openKafkaDoor, config, surroundings, broker));
  opened.defer(() => kafka?.stop(config["drain-ms"]));
  // Members that wait for a rebalance are told to ask elsewhere.
  opened.defer(() => coordinators.groups.close());
  // Last, since /readyz says that every door serves.
  const server = await listen(config, tls, surroundings, (...call) => app.fetch(...call));
  opened.defer(() => server.stop(config["drain-ms"]));
  opened.defer(() => stopping.abort());
  const everything = opened.move();
  return {
    port: server.port,
    url: urlOf(config, server.port),
    kafkaPorts: kafka?.ports ?? new Map(),
    clusterId: controller.identity.clusterId,
    stop: once(() => everything.disposeAsync()),
  };
}

/** Retention and compaction, and what a stop does once both have ended. */
function startUpkeep(
  config: Config,
  logNode: LogNode,
  logs: Logs<Partition>,
  opened: AsyncDisposableStack,
): void {
  const retention = new RetentionPass(logNode, () => logs.all());
  retention.start();
  const cleaner = new Cleaner(logNode, () => logs.all());
  if (config["log-cleaner-enable"]) cleaner.start();
  opened.defer(() => storeProducers(logs));
  opened.defer(() => drain(logNode, config["drain-ms"]));
  opened.defer(() => cleaner.stop());
  opened.defer(() => retention.stop());
}

function brokerSettings(config: Config) {
  return {
    partitionsDefault: config["num-partitions"],
    configDefaults: config.topicDefaults,
    settings: config.kafkaSettings,
    ...(config.data === IN_MEMORY ? {} : { directory: logDirectory(config.data) }),
  };
}

function httpSettings(config: Config) {
  return {
    limits: {
      bodyBytesMax: config["body-bytes-max"],
      bodiesBytesMax: config["queued-bytes-max"],
      answerBytesMax: config["answer-bytes-max"],
      // What is told then has as long again to leave.
      stoppingMs: config["drain-ms"] / 2,
    },
    corsOrigins: config["cors-origin"],
    hosts: config["host-name"],
    tail: { lifeMs: config["tail-life-ms"] },
  };
}

function openCoordinators(
  config: Config,
  controller: Controller,
  logs: Logs<Partition>,
  node: LogNode,
  random: Random,
): { groups: GroupCoordinator; transactions: TransactionCoordinator } {
  const { clock, logger, deadlines } = node;
  const groups = new GroupCoordinator({
    config: groupConfigOf(config),
    controller,
    logs,
    random,
    clock,
    deadlines,
    logger,
  });
  groups.start();
  const shared = { controller, logs, node, random, groups };
  const limits = transactionLimitsOf(config);
  const transactions = new TransactionCoordinator({ ...shared, limits });
  transactions.loadAll();
  return { groups, transactions };
}

/** What lets a client copy the node's files; nothing where there are none. */
function backups(
  config: Config,
  storage: Storage,
  store: MetadataStore,
  random: Random,
  controller: Controller,
) {
  const directory = config.data;
  if (directory === IN_MEMORY) return {};
  let underWay = 0;
  // The logs are copied first: the metadata's copy must still say which of those topics were deleted meanwhile.
  controller.holdSnapshots(() => underWay > 0);
  return {
    async backup() {
      const { makeBackup } = await import("./storage/files/backup.ts");
      underWay += 1;
      try {
        return await makeBackup({ directory, storage, store, random });
      } finally {
        underWay -= 1;
      }
    },
  };
}

async function openLogs(
  config: Config,
  controller: Controller,
  { storage, states }: Pick<Stores, "storage" | "states">,
  { clock }: Platform,
  logger: Logger,
): Promise<{ logNode: LogNode; logs: Logs<Partition> }> {
  const { image } = controller;
  const defaults = topicDefaults(image, controller.nodeId, config.topicDefaults);
  const configOf = topicConfigCache(defaults);
  const logNode = createLogNode({
    storage,
    clock,
    logger,
    configOf: ({ name }) => configOf(image.configs("topic", name)),
    limits: logLimitsOf(config),
  });
  const logs = await Logs.open<Partition>({
    storage,
    states,
    image,
    clock,
    logger,
    openLog: (state, topic, producers) => new Partition(logNode, state, topic, producers),
  });
  controller.onEffects((effects) => logs.follow(effects));
  controller.holdSnapshots(() => logs.hasLeftovers);
  await resumeLogs(storage, logs.all(), logger, () => skipProducerIds(controller));
  return { logNode, logs };
}

/** Lets what was accepted without anybody waiting (acks=0) reach storage. */
async function drain({ queued, clock }: LogNode, graceMs: number): Promise<void> {
  const deadlineMs = clock.monotonicMs() + graceMs;
  while (queued.bytes > 0 && clock.monotonicMs() < deadlineMs) await clock.turn();
}

/** So that the next start has nothing to read back. */
async function storeProducers(logs: Logs<Partition>): Promise<void> {
  await Promise.all([...logs.all()].map((log) => log.storeProducers()));
}

/** Reads that wait answer with what is there once the node stops. */
function endingEarly(broker: Broker, stopping: AbortSignal): Broker {
  return {
    ...broker,
    read(context, requests, options) {
      if (options.waitMs <= 0) return broker.read(context, requests, options);
      const signal = options.signal ? AbortSignal.any([options.signal, stopping]) : stopping;
      return broker.read(context, requests, { ...options, signal });
    },
  };
}

async function openKafka(
  open: typeof openKafkaDoor,
  config: Config,
  { platform, logger, onFatal }: Surroundings,
  broker: Broker,
): Promise<KafkaDoor> {
  const { kafkaLimits } = await import("./kafka/limits.ts");
  try {
    return await open(kafkaListeners(config), {
      broker,
      clock: platform.clock,
      random: platform.random,
      logger,
      limits: {
        ...kafkaLimits,
        requestBytesMax: config["request-bytes-max"],
        unsentBytesMax: config["answer-bytes-max"],
        idleMs: config["connections-max-idle-ms"],
      },
      tcp: {
        connectionsMax: config["connections-max"],
        connectionsPerAddressMax: config["connections-per-address-max"],
      },
      listenTcp: platform.listenTcp,
      hostname: platform.hostname,
      autoCreateTopics: config["auto-create-topics"],
      onBug: onFatal,
    });
  } catch (error) {
    const { ListenError } = await import("./kafka/listener.ts");
    if (!(error instanceof ListenError)) throw error;
    throw new StartError(whyNotListening(error.cause, error.host, error.port, "--kafka"), {
      cause: error,
    });
  }
}

type HttpOptions = Parameters<Platform["serveHttp"]>[0];
type HttpFetch = HttpOptions["fetch"];

async function listen(
  config: Config,
  tls: Secrets["tls"],
  { platform, logger }: Surroundings,
  fetch: HttpFetch,
): Promise<HttpServer> {
  const { host, port } = config.http;
  const { refusedAhead } = await import("./http/answers/problem.ts");
  const { corsHeaders, originsOf } = await import("./http/guards.ts");
  const { requestIds } = await import("./http/request-ids.ts");
  const nextId = requestIds(platform.clock, platform.random);
  const origins = originsOf(config["cors-origin"]);
  try {
    return await platform.serveHttp({
      host,
      port,
      ...(tls ? { tls } : {}),
      limits: {
        ...serverLimits,
        connectionsMax: config["connections-max"],
        connectionsPerAddressMax: config["connections-per-address-max"],
        requestBytesMax: Math.max(serverLimits.requestBytesMax, config["body-bytes-max"]),
      },
      logger,
      fetch,
      refuse: (request, why) => refusedAhead(why, nextId(), corsHeaders(request, origins)),
    });
  } catch (error) {
    throw new StartError(whyNotListening(error, host, port, "--http"), { cause: error });
  }
}

/** The address to try from this machine. */
function urlOf(config: Config, port: number): string {
  const { host } = config.http;
  const scheme = config["tls-cert"] === null ? "http" : "https";
  const shown = isEverywhere(host) ? "127.0.0.1" : host;
  return `${scheme}://${shown.includes(":") ? `[${shown}]` : shown}:${port}`;
}

function once(task: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => (done ??= task());
}
