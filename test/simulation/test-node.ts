/**
 * A whole node without doors, on a memory disk and a virtual clock: what unit tests and simulation drive.
 */
import { type BrokerOptions, createBroker } from "../../src/broker/broker.ts";
import type { Broker, Context } from "../../src/broker/verbs.ts";
import { Controller } from "../../src/cluster/controller.ts";
import { GroupCoordinator } from "../../src/coordinators/group-coordinator.ts";
import {
  defaultTransactionLimits,
  TransactionCoordinator,
  type TransactionLimits,
} from "../../src/coordinators/transaction-coordinator.ts";
import { type CoordinatorLimits, defaultCoordinatorLimits } from "../../src/coordinators/limits.ts";
import { defaultGroupConfig, type GroupConfig } from "../../src/coordinators/group.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { topicConfigCache } from "../../src/log/config-cache.ts";
import { defaultLogLimits, type LogLimits } from "../../src/log/limits.ts";
import { createLogNode, type LogNode } from "../../src/log/log-node.ts";
import { Logs } from "../../src/log/logs.ts";
import { Partition } from "../../src/log/partition.ts";
import { resumeLogs } from "../../src/log/resume.ts";
import { topicDefaults } from "../../src/log/topic-defaults.ts";
import type { TransactionVerifier } from "../../src/log/verification.ts";
import { MemoryDisk } from "../../src/storage/memory-disk.ts";
import { MemoryMetadataDisk, memoryMetadataStore } from "../../src/storage/memory-metadata.ts";
import { memoryStorage } from "../../src/storage/memory.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { VirtualClock } from "./virtual-clock.ts";

export const somebody: Context = {
  principal: "User:test",
  clientId: "test",
  host: "127.0.0.1",
  listener: "http",
};

export interface TestNode {
  readonly disk: MemoryDisk;
  readonly metadata: MemoryMetadataDisk;
  readonly storage: Storage;
  readonly clock: VirtualClock;
  readonly node: LogNode;
  readonly controller: Controller;
  readonly logs: Logs<Partition>;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  readonly broker: Broker;
  /** Resolves once the logs have begun anew after a power cut. */
  readonly resumed: Promise<void>;
}

export async function openTestNode(
  given: {
    readonly disk?: MemoryDisk;
    readonly metadata?: MemoryMetadataDisk;
    readonly clock?: VirtualClock;
    readonly limits?: Partial<LogLimits>;
    readonly groups?: Partial<GroupConfig>;
    readonly coordinators?: Partial<CoordinatorLimits>;
    readonly transactions?: Partial<TransactionLimits>;
    /** Stands between the log and its disk. */
    readonly wrap?: (storage: Storage) => Storage;
    readonly seed?: number;
    /** The transaction coordinator. */
    readonly verifier?: TransactionVerifier;
  } = {},
): Promise<TestNode> {
  const {
    disk = new MemoryDisk(),
    metadata = new MemoryMetadataDisk(),
    clock = new VirtualClock(),
    wrap = (storage) => storage,
  } = given;
  const random = seededRandom(given.seed ?? 1);
  const storage = wrap(memoryStorage(disk));
  const store = memoryMetadataStore(metadata);
  const controller = await Controller.open({ store, random, logger: silentLogger });
  const { image } = controller;
  const configOf = topicConfigCache(topicDefaults(image, controller.nodeId, {}));
  const node = createLogNode({
    storage,
    clock,
    logger: silentLogger,
    limits: { ...defaultLogLimits, ...given.limits },
    configOf: ({ name }) => configOf(image.configs("topic", name)),
  });
  const logs = await Logs.open<Partition>({
    storage,
    image,
    clock,
    logger: silentLogger,
    openLog: (state, topic, producers) => new Partition(node, state, topic, producers),
  });
  controller.onEffects((effects) => logs.follow(effects));
  const groups = new GroupCoordinator({
    config: { ...defaultGroupConfig, offsetsPartitions: 2, ...given.groups },
    limits: { ...defaultCoordinatorLimits, ...given.coordinators },
    controller,
    logs,
    random,
    clock,
    deadlines: node.deadlines,
    logger: silentLogger,
  });
  const transactions = new TransactionCoordinator({
    controller,
    logs,
    node,
    random,
    groups,
    limits: { ...defaultTransactionLimits, partitions: 2, ...given.transactions },
  });
  const options: BrokerOptions = {
    transactions,
    controller,
    logs,
    node,
    groups,
    random,
    partitionsDefault: 1,
    configDefaults: {},
    version: "test",
    ...(given.verifier ? { verifier: given.verifier } : {}),
  };
  const resumed = resumeLogs(storage, logs.all(), silentLogger);
  return {
    disk,
    groups,
    transactions,
    metadata,
    storage,
    clock,
    node,
    controller,
    logs,
    broker: createBroker(options),
    resumed,
  };
}
