/**
 * Everything of a node between its disk and its doors, put together over whatever disk, clock and randomness is given: virtual
 * ones in unit tests and simulation, the machine's own elsewhere.
 */
import { createBroker } from "../../src/broker/broker.ts";
import type { Broker } from "../../src/broker/verbs.ts";
import { Controller } from "../../src/cluster/controller.ts";
import { GroupCoordinator } from "../../src/coordinators/groups/coordinator.ts";
import { TransactionCoordinator } from "../../src/coordinators/transactions/coordinator.ts";
import {
  defaultTransactionLimits,
  type TransactionLimits,
} from "../../src/coordinators/transactions/limits.ts";
import { type CoordinatorLimits, defaultCoordinatorLimits } from "../../src/coordinators/limits.ts";
import { defaultGroupConfig, type GroupConfig } from "../../src/coordinators/groups/group.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import type { Random } from "../../src/lib/random.ts";
import { topicConfigCache } from "../../src/log/configs/cache.ts";
import { defaultLogLimits, type LogLimits } from "../../src/log/limits.ts";
import { createLogNode, type LogNode } from "../../src/log/log-node.ts";
import { Logs } from "../../src/log/logs.ts";
import { refuseUnclaimed } from "../../src/log/unclaimed.ts";
import { Partition } from "../../src/log/partition.ts";
import { resumeLogs } from "../../src/log/resume.ts";
import { topicDefaults } from "../../src/log/configs/topic-defaults.ts";
import type { TransactionVerifier } from "../../src/log/transactions/verification.ts";
import type { MetadataStore } from "../../src/storage/metadata-store.ts";
import type { Storage } from "../../src/storage/storage.ts";

export interface Parts {
  readonly storage: Storage;
  readonly store: MetadataStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<LogLimits>;
  readonly groups?: Partial<GroupConfig>;
  readonly coordinators?: Partial<CoordinatorLimits>;
  readonly transactions?: Partial<TransactionLimits>;
  /** Stands in for the transaction coordinator's word on first batches. */
  readonly verifier?: TransactionVerifier;
}

export interface Assembled {
  readonly node: LogNode;
  readonly controller: Controller;
  readonly logs: Logs<Partition>;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  readonly broker: Broker;
  /** Resolves once the logs have begun anew after a power cut. */
  readonly resumed: Promise<void>;
}

export async function assemble(parts: Parts): Promise<Assembled> {
  const { storage, store, clock, random } = parts;
  const logger = silentLogger;
  const states = await storage.partitions();
  const controller = await Controller.open({
    store,
    random,
    logger,
    check: (image, removed) => refuseUnclaimed(states, image, removed),
  });
  const { image } = controller;
  const configOf = topicConfigCache(topicDefaults(image, controller.nodeId, {}));
  const node = createLogNode({
    storage,
    clock,
    logger,
    limits: { ...defaultLogLimits, ...parts.limits },
    configOf: ({ name }) => configOf(image.configs("topic", name)),
  });
  const logs = await Logs.open<Partition>({
    storage,
    image,
    clock,
    logger,
    openLog: (state, topic, producers) => new Partition(node, state, topic, producers),
  });
  controller.onEffects((effects) => logs.follow(effects));
  controller.holdSnapshots(() => logs.hasLeftovers);
  const groups = new GroupCoordinator({
    config: { ...defaultGroupConfig, ...parts.groups },
    limits: { ...defaultCoordinatorLimits, ...parts.coordinators },
    controller,
    logs,
    random,
    clock,
    deadlines: node.deadlines,
    logger,
  });
  const transactions = new TransactionCoordinator({
    controller,
    logs,
    node,
    random,
    groups,
    limits: { ...defaultTransactionLimits, ...parts.transactions },
  });
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
    ...(parts.verifier ? { verifier: parts.verifier } : {}),
  });
  const resumed = resumeLogs(storage, logs.all(), logger);
  return { node, controller, logs, groups, transactions, broker, resumed };
}
