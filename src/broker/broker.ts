/**
 * The broker's verbs, put together: topics over the controller, records over the logs.
 *
 * - Left out: throttling (every answer says 0; quotas are kept and hold nobody up), access rules beyond internal topics.
 */
import { Refusal } from "../lib/refusal.ts";
import type { AppendResult } from "../log/appending/append-request.ts";
import type { LogNode } from "../log/log-node.ts";
import type { Logs } from "../log/logs.ts";
import { findMaxTimestamp } from "../log/reading/newest-record.ts";
import { type FoundRecord, findByTimestamp } from "../log/reading/offset-lookup.ts";
import type { Partition } from "../log/partition.ts";
import type { ConfigValues } from "../log/configs/topic-config.ts";
import { topicDefaults } from "../log/configs/topic-defaults.ts";
import {
  appendInTransaction,
  isTransactional,
  type TransactionalAppend,
} from "../log/transactions/transactional-append.ts";
import type { TransactionVerifier } from "../log/transactions/verification.ts";
import { checkMayChange } from "./access.ts";
import { adminVerbs } from "./topics/admin.ts";
import type { LogLevels, NodeSetting } from "./configs/verbs.ts";
import { configVerbs } from "./configs/configs.ts";
import type { GroupCoordinator } from "../coordinators/groups/coordinator.ts";
import type { TransactionCoordinator } from "../coordinators/transactions/coordinator.ts";
import { clusterVerbs } from "./cluster/cluster.ts";
import { groupVerbs } from "./groups/groups.ts";
import { type LogLookup, logLookup } from "./log-lookup.ts";
import { LogChecks } from "./log-check.ts";
import { PollingMembers } from "./polling/polling.ts";
import { producerVerbs } from "./transactions/producers.ts";
import { quotaVerbs } from "./quotas/quotas.ts";
import { read } from "./reads.ts";
import { pastSkipped } from "./skipped.ts";
import { noDirectory, replicaVerbs } from "./cluster/replicas.ts";
import type { LogDirectory } from "./cluster/replica-verbs.ts";
import { known } from "./topics/rules.ts";
import { type TopicsOptions, topicVerbs } from "./topics/topics.ts";
import { Traffic } from "./traffic.ts";
import { createTransactionVerbs } from "./transactions/transactions.ts";
import type {
  AppendAnswer,
  AppendRequest,
  Broker,
  EpochEnd,
  OffsetAnswer,
  OffsetSpec,
} from "./verbs.ts";

export interface BrokerOptions extends TopicsOptions {
  readonly logs: Logs<Partition>;
  readonly node: LogNode;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  /** Stands in for the transaction coordinator's word on first batches. */
  readonly verifier?: TransactionVerifier;
  /** What the node was told when it started, beside the defaults of topics. */
  readonly settings?: readonly NodeSetting[];
  /** How much the node's log says; null: that cannot be changed. */
  readonly logLevels?: LogLevels | null;
  /** Where the logs are; without one they are nowhere. */
  readonly directory?: LogDirectory;
  /** This program's own. */
  readonly version: string;
}

export function createBroker(given: BrokerOptions): Broker {
  const options = withDefaults(given);
  const { controller, logs, node, groups, transactions, random, version } = options;
  const { verifier = transactions } = options;
  const { image, identity } = controller;
  const lookup = logLookup(image, logs);
  const arriving: Arriving = new Map();
  const traffic = new Traffic(image);
  const checks = new LogChecks(node.clock);
  const appendNow = (request: AppendRequest): Promise<AppendAnswer> =>
    traffic.appending(request, () => append(lookup, logs, arriving, verifier, request));
  const { nodeId } = identity;
  const { clock } = node;
  const groupsSide = groupVerbs({ groups, image, nodeId, random, verifier, clock });
  const verbs: Omit<Broker, "polling"> = {
    ...topicVerbs(options),
    partitionCount: (_context, name) => known(image, name).partitions.length,
    append: (_context, request) => appendNow(request),
    read: async (_context, requests, readOptions) => {
      const answers = await read(node, lookup, requests, readOptions);
      if (!answers.some(({ refusal }) => refusal && isOnItsWay(refusal))) return answers;
      await logs.settled();
      return read(node, lookup, requests, readOptions);
    },
    findOffset: async (_context, topic, index, spec, leaderEpoch) => {
      const log = await logOf(lookup, logs, topic, index);
      if (leaderEpoch !== undefined) log.checkEpoch(leaderEpoch);
      return findOffset(log, spec);
    },
    checkLog: async (_context, topic, index, request) =>
      checks.check(await logOf(lookup, logs, topic, index), request),
    endOfEpoch: async (_context, topic, index, leaderEpoch, current) =>
      endOfEpoch(await logOf(lookup, logs, topic, index), leaderEpoch, current),
    pastSkipped: (_context, topic, index, offset) =>
      pastSkipped(logs.log(image.topic(topic)?.id ?? "", index), offset),
    deleteRecords: async (_context, topic, index, before) => {
      checkMayChange(topic);
      return deleteRecords(await logOf(lookup, logs, topic, index), before);
    },
    producers: producerVerbs(logs, (topic, index) => logOf(lookup, logs, topic, index)),
    describeNode: () => ({
      clusterId: identity.clusterId,
      nodeId,
      controllerId: nodeId,
      version,
      topics: image.topicCount,
      partitions: image.partitionCount,
    }),
    cluster: clusterVerbs(controller, logs),
    ...administration(options, given.configDefaults),
    groups: groupsSide,
    traffic,
    transactions: createTransactionVerbs({
      image,
      nodeId,
      node,
      coordinator: transactions,
      offsets: {
        locate: (groupId) => groups.driver.locate(groupId),
        commit: (context, owner, request) => groupsSide.commitOffsetsIn(context, owner, request),
        check: (context, request) => groupsSide.checkOffsetsIn(context, request),
      },
      append: (_context, request) => appendNow(request),
      logOf: (topic, index) => logOf(lookup, logs, topic, index),
    }),
  };
  return { ...verbs, polling: new PollingMembers({ ...verbs, image, clock }) };
}

/** Those defaults of topics count too that were set while the node ran. */
function withDefaults(given: BrokerOptions): BrokerOptions {
  const { image, nodeId } = given.controller;
  const defaults = topicDefaults(image, nodeId, given.configDefaults);
  return {
    ...given,
    get configDefaults() {
      return defaults();
    },
  };
}

function administration(options: BrokerOptions, fixed: ConfigValues) {
  const { controller, logs, groups, settings = [], logLevels = null } = options;
  const { image, nodeId } = controller;
  return {
    admin: adminVerbs(options),
    configs: configVerbs({
      controller,
      logs,
      sources: { image, nodeId, fixed },
      defaults: () => options.configDefaults,
      groupConfig: groups.config,
      settings,
      logLevels,
    }),
    quotas: quotaVerbs(controller, options.node),
    replicas: replicaVerbs(image, logs, options.directory ?? noDirectory),
  };
}

/** Appends that wait for a log to be made, by partition: those that come after them wait as well, to keep their order. */
type Arriving = Map<string, Promise<unknown>>;

/** Queues at once where the log is there, so that appends go in in the order in which this is called. */
async function append(
  lookup: LogLookup,
  logs: Logs<Partition>,
  arriving: Arriving,
  verifier: TransactionVerifier,
  request: AppendRequest,
): Promise<AppendAnswer> {
  const { topic, partition, acks } = request;
  checkMayChange(topic);
  if (acks !== -1 && acks !== 0 && acks !== 1) {
    throw new Refusal("invalid_required_acks", "acks must be all (-1), 1 or 0.");
  }
  const key = `${partition} ${topic}`;
  const before = arriving.get(key);
  const log = before ? null : findLog(lookup, topic, partition);
  if (log) return { ...(await appendTo(log, request, verifier)), throttleMs: 0 };
  const queued = (before ?? logs.settled()).then(() => {
    const { log } = lookup(topic, partition);
    return { answered: appendTo(log, request, verifier) };
  });
  const arrived = queued.catch(() => {}); // The caller hears of it below.
  arriving.set(key, arrived);
  await arrived;
  if (arriving.get(key) === arrived) arriving.delete(key);
  const { answered } = await queued;
  return { ...(await answered), throttleMs: 0 };
}

/** The request is in the log's queue when this returns, unless it waits for a transaction coordinator. */
function appendTo(
  log: Partition,
  request: AppendRequest,
  verifier: TransactionVerifier,
): Promise<AppendResult> {
  if (!isPartOfTransaction(request)) return log.appendAsLeader(log.epoch, request);
  const { topic, transactional } = request;
  return appendInTransaction(log, topic, request, owned(transactional), verifier);
}

function isPartOfTransaction({ payload }: AppendRequest): boolean {
  if (payload.type === "batch") return isTransactional(payload.bytes);
  return payload.transaction !== undefined;
}

/** As Kafka says it where a transactional batch comes without a transactional id. */
function owned(transactional: TransactionalAppend | undefined): TransactionalAppend {
  if (transactional) return transactional;
  throw new Refusal(
    "transactional_id_authorization_failed",
    "A transactional batch needs the request's transactional id.",
  );
}

async function logOf(
  lookup: LogLookup,
  logs: Logs<Partition>,
  topic: string,
  partition: number,
): Promise<Partition> {
  return findLog(lookup, topic, partition) ?? whenMade(lookup, logs, topic, partition);
}

/** Null when the topic was made just now, by someone else, and its log is on its way. */
function findLog(lookup: LogLookup, topic: string, partition: number): Partition | null {
  try {
    return lookup(topic, partition).log;
  } catch (error) {
    if (isOnItsWay(error)) return null;
    throw error;
  }
}

function isOnItsWay(error: unknown): boolean {
  return error instanceof Refusal && error.code === "not_leader_or_follower";
}

async function whenMade(
  lookup: LogLookup,
  logs: Logs<Partition>,
  topic: string,
  partition: number,
): Promise<Partition> {
  await logs.settled();
  return lookup(topic, partition).log;
}

async function findOffset(log: Partition, spec: OffsetSpec): Promise<OffsetAnswer> {
  const found = await findPlace(log, spec);
  const leaderEpoch = found?.offset === undefined ? -1 : log.epochAt(found.offset);
  return { offset: -1, timestampMs: -1, ...found, leaderEpoch, ...log.ends() };
}

function endOfEpoch(log: Partition, leaderEpoch: number, current: number | undefined): EpochEnd {
  if (current !== undefined) log.checkEpoch(current);
  const { epoch, endOffset } = log.endOfEpoch(leaderEpoch);
  return { leaderEpoch: epoch, endOffset };
}

async function findPlace(log: Partition, spec: OffsetSpec): Promise<Partial<FoundRecord> | null> {
  if (spec.at === "earliest") return { offset: log.logStart };
  const { isolation = "read_uncommitted" } = spec;
  if (isolation === "read_committed" && !log.isStableKnown) await log.whenStableKnown();
  if (spec.at === "latest") return { offset: log.readableEnd(isolation) };
  const found =
    spec.at === "timestamp"
      ? await findByTimestamp(log, spec.timestampMs)
      : await findMaxTimestamp(log);
  // As in Kafka: not the next best, for the record that answers may become readable yet.
  return found && found.offset < log.readableEnd(isolation) ? found : null;
}

/** Kafka's DeleteRecords: -1 is the high watermark; a topic that is only compacted refuses. */
async function deleteRecords(log: Partition, before: number): Promise<number> {
  if (log.config.compact && !log.config.delete) {
    throw new Refusal("policy_violation", "Records of a topic that is only compacted stay.");
  }
  if (before === -1) return log.trim(log.highWatermark);
  if (!Number.isSafeInteger(before) || before < 0 || before > log.highWatermark) {
    throw new Refusal(
      "offset_out_of_range",
      `Records can be deleted up to the high watermark, which is ${log.highWatermark}.`,
      { latest: log.highWatermark },
    );
  }
  return log.trim(before);
}
