/**
 * A whole node behind its HTTP app, on a memory disk and the machine's own clock, without a socket: what the client and
 * the command line are tested against in process.
 */
import { createBroker } from "../../src/broker/broker.ts";
import type { Fetch } from "../../src/client/client.ts";
import { Controller } from "../../src/cluster/controller.ts";
import { createHttpApp, type HttpAppOptions } from "../../src/http/app.ts";
import { GroupCoordinator } from "../../src/coordinators/group-coordinator.ts";
import { TransactionCoordinator } from "../../src/coordinators/transaction-coordinator.ts";
import { defaultGroupConfig } from "../../src/coordinators/group.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { defaultLogLimits } from "../../src/log/limits.ts";
import { createLogNode } from "../../src/log/log-node.ts";
import { Logs } from "../../src/log/logs.ts";
import { Partition } from "../../src/log/partition.ts";
import { resumeLogs } from "../../src/log/resume.ts";
import { parseTopicConfig } from "../../src/log/topic-config.ts";
import { detectPlatform } from "../../src/runtime/runtime.ts";
import { memoryMetadataStore } from "../../src/storage/memory-metadata.ts";
import { memoryStorage } from "../../src/storage/memory.ts";

/** The node's own address, for URLs; nothing listens there. */
export const nodeUrl = "http://127.0.0.1:8080";

/** A `fetch` that goes to a new node. */
export async function openMemoryNode(options: Partial<HttpAppOptions> = {}): Promise<Fetch> {
  const { clock, random } = await detectPlatform();
  const logger = silentLogger;
  const storage = memoryStorage();
  const controller = await Controller.open({ store: memoryMetadataStore(), random, logger });
  const { image } = controller;
  const node = createLogNode({
    storage,
    clock,
    logger,
    limits: defaultLogLimits,
    configOf: ({ name }) => parseTopicConfig(Object.fromEntries(image.configs("topic", name)), {}),
  });
  const logs = await Logs.open<Partition>({
    storage,
    image,
    clock,
    logger,
    openLog: (state, topic, producers) => new Partition(node, state, topic, producers),
  });
  controller.onEffects((effects) => logs.follow(effects));
  const { deadlines } = node;
  const groups = new GroupCoordinator({
    config: defaultGroupConfig,
    controller,
    logs,
    random,
    clock,
    deadlines,
    logger,
  });
  const transactions = new TransactionCoordinator({ controller, logs, node, random, groups });
  const broker = createBroker({
    transactions,
    controller,
    logs,
    node,
    groups,
    random,
    partitionsDefault: 1,
    configDefaults: {},
    version: "test",
  });
  await resumeLogs(storage, logs.all(), logger);
  const app = createHttpApp({ broker, clock, random, logger, ...options });
  return async (url, init) => {
    init.signal?.throwIfAborted();
    const answer = Promise.resolve(app.fetch(new Request(url, init)));
    return init.signal ? raced(answer, init.signal) : answer;
  };
}

/** A socket would be closed by an abort; an app called in process must be left behind. */
function raced(answer: Promise<Response>, signal: AbortSignal): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    answer.then(resolve, reject);
  });
}
