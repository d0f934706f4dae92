/**
 * The verbs of transactions, for both doors: producer ids, what a transaction writes to, its end, and what can be asked about it.
 *
 * - Partitions are added all or none: an unknown one refuses the others as not attempted, as Kafka does.
 * - Offsets that are committed within a transaction belong to the group's partition of `__consumer_offsets`, which is a
 *   partition of the transaction like any other; the group's own rules are its coordinator's.
 * - Left out: access rules on transactional ids, until security/ is there.
 */
import type { Image } from "../../cluster/image.ts";
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from "../../coordinators/internal-topic.ts";
import {
  eachPartition,
  type TransactionPartitions,
} from "../../coordinators/transactions/partitions.ts";
import type {
  ProducerIdentity,
  Transaction,
  TransactionMarker,
  TransactionStatus,
  TransactionVersion,
} from "../../coordinators/transactions/state.ts";
import { transactionStatuses } from "../../coordinators/transactions/state.ts";
import { mapInTurns, mapSlices } from "../../lib/async.ts";
import type { Clock } from "../../lib/clock.ts";
import { Refusal } from "../../lib/refusal.ts";
import { isInternal } from "../access.ts";
import type { GroupOffsets } from "./transactions.ts";
import { checkMayBegin } from "./one-shot-producers.ts";
import { type SessionOptions, sessionVerbs } from "./sessions.ts";
import type { TransactAnswer, TransactOffsets, TransactRequest } from "./transact.ts";
import type { Context } from "../verbs.ts";

export interface InitProducerIdRequest {
  /** Null: a producer without transactions. */
  readonly transactionalId: string | null;
  readonly timeoutMs: number;
  /** The identity to go on from (KIP-360); null: it begins anew. */
  readonly expected: ProducerIdentity | null;
}

export interface TransactionRequest {
  readonly transactionalId: string;
  readonly producer: ProducerIdentity;
  readonly clientVersion: TransactionVersion;
}

export interface AddPartitionsRequest extends TransactionRequest {
  readonly partitions: TransactionPartitions;
}

export interface EndTransactionRequest extends TransactionRequest {
  readonly commit: boolean;
}

/** One partition's outcome; null: it is part of the transaction. */
export interface PartitionOutcome {
  readonly topic: string;
  readonly index: number;
  readonly refusal: Refusal | null;
}

export interface TransactionDescription {
  readonly transactionalId: string;
  readonly status: TransactionStatus;
  readonly producer: ProducerIdentity;
  readonly timeoutMs: number;
  /** -1 before the first. */
  readonly startMs: number;
  readonly partitions: TransactionPartitions;
}

export interface TransactionFilter {
  /** Kafka's names of states; none: all. */
  readonly states: readonly string[];
  /** None: all. */
  readonly producerIds: readonly bigint[];
  /** Only transactions open for longer than this; -1: all. */
  readonly olderThanMs: number;
  /** Only ids that this matches as a whole; null: all. */
  readonly matches: ((transactionalId: string) => boolean) | null;
}

export interface TransactionList {
  readonly unknownStates: readonly string[];
  readonly transactions: readonly TransactionDescription[];
}

export interface TransactionVerbs {
  /** The node that coordinates a transactional id; makes the coordinator's topic on first use. */
  locate(context: Context, transactionalId: string): Promise<number>;
  /** @throws Refusal as Kafka's InitProducerId; transactional_id_authorization_failed for the node's own ids. */
  initProducerId(context: Context, request: InitProducerIdRequest): Promise<ProducerIdentity>;
  /** One outcome a partition, in order. @throws Refusal about the transaction as a whole. */
  addPartitions(context: Context, request: AddPartitionsRequest): Promise<PartitionOutcome[]>;
  /** The same without adding: was each of them added? */
  verifyPartitions(context: Context, request: AddPartitionsRequest): Promise<PartitionOutcome[]>;
  /** Makes the group's offsets part of the transaction. */
  addOffsets(context: Context, groupId: string, request: TransactionRequest): Promise<void>;
  /**
   * Resolves once the outcome is fixed, with the identity to go on with. It waits a moment for the markers, as Kafka does not:
   * who has committed then reads what was committed, and the next transaction begins at once.
   */
  end(context: Context, request: EndTransactionRequest): Promise<ProducerIdentity>;
  /** All of a transaction in one call; idempotent by its key. */
  transact(context: Context, request: TransactRequest): Promise<TransactAnswer>;
  /**
   * Aborts what the process before left open of one-shot transactions, which nobody else can end: called once at start, when
   * the coordinator has begun to load. Others' transactions stay. Resolves once all are fenced off.
   */
  abortLeftOpen(): Promise<void>;
  /** InitProducerId for a session, refused as that is: waits for what the producer before left open. */
  begin(context: Context, transactionalId: string, timeoutMs: number): Promise<ProducerIdentity>;
  /** Commits a group's offsets with a session's transaction. */
  addGroupOffsets(
    context: Context,
    offsets: TransactOffsets,
    transactionalId: string,
    producer: ProducerIdentity,
  ): Promise<void>;
  /** The end of a session's transaction, also of one that wrote nothing; resolves once its outcome can be read. */
  endSession(
    context: Context,
    transactionalId: string,
    producer: ProducerIdentity,
    commit: boolean,
  ): Promise<ProducerIdentity>;
  describe(context: Context, transactionalId: string): TransactionDescription;
  list(context: Context, filter: TransactionFilter): TransactionList;
  /** Writes one transaction's marker to partitions, as another node's coordinator or an administrator asks. */
  writeMarkers(
    context: Context,
    marker: TransactionMarker & { readonly coordinatorEpoch: number },
    partitions: TransactionPartitions,
  ): Promise<PartitionOutcome[]>;
}

export interface TransactionVerbsOptions extends SessionOptions {
  readonly image: Image;
  readonly nodeId: number;
  readonly offsets: GroupOffsets;
  readonly clock: Clock;
}

export function transactionVerbs(options: TransactionVerbsOptions): TransactionVerbs {
  const { image, nodeId, coordinator, offsets, clock } = options;
  return {
    async locate(_context, transactionalId) {
      await coordinator.locate(transactionalId);
      return nodeId;
    },
    async initProducerId(_context, { transactionalId, timeoutMs, expected }) {
      if (transactionalId === null) return coordinator.takeProducerId();
      checkMayBegin(transactionalId);
      return coordinator.init({ transactionalId, timeoutMs, expected });
    },
    addPartitions: (_context, request) =>
      ifAllAreThere(options, request, ({ transactionalId, producer, partitions, clientVersion }) =>
        coordinator.addPartitions(transactionalId, producer, partitions, clientVersion),
      ),
    verifyPartitions: (_context, request) =>
      ifAllAreThere(options, request, ({ transactionalId, producer, partitions }) =>
        coordinator.checkPartitions(transactionalId, producer, partitions),
      ),
    async addOffsets(_context, groupId, { transactionalId, producer, clientVersion }) {
      const partitions = [{ topic: OFFSETS_TOPIC, partitions: [await offsets.locate(groupId)] }];
      await coordinator.addPartitions(transactionalId, producer, partitions, clientVersion);
    },
    async end(_context, { transactionalId, producer, commit, clientVersion }) {
      const next = await coordinator.end(transactionalId, producer, commit, clientVersion);
      await coordinator.completion(transactionalId);
      return next;
    },
    ...sessionVerbs(options),
    describe(_context, transactionalId) {
      if (transactionalId === "") {
        throw new Refusal("invalid_request", "The transactional id must not be empty.");
      }
      const transaction = coordinator.state(transactionalId);
      if (transaction) return description(transaction);
      throw new Refusal(
        "transactional_id_not_found",
        `No producer has used the transactional id "${transactionalId}" lately.`,
      );
    },
    list: (_context, filter) => list(coordinator.states(), filter, clock.nowMs()),
    writeMarkers(_context, { coordinatorEpoch, ...marker }, partitions) {
      const told: Told = new Map();
      return mapInTurns(clock, [...eachPartition(partitions)], async (place) => {
        const { topic, index } = place;
        const isClosed = isInternal(topic) && topic !== OFFSETS_TOPIC;
        const refusal = refusalOf(image, topic, index, told, isClosed);
        if (refusal) return { ...place, refusal };
        if (marker.producerId === -1n || marker.producerEpoch === -1)
          return { ...place, refusal: noProducer() };
        if (marker.producerEpoch < 0)
          return {
            ...place,
            refusal: new Refusal("invalid_producer_epoch", "The epoch is below 0."),
          };
        try {
          const outcome = await coordinator.writeMarker(place, marker, coordinatorEpoch);
          const isGone = outcome === "gone";
          return { ...place, refusal: isGone ? unknownPartition(place.topic) : null };
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          return { ...place, refusal: error };
        }
      });
    },
  };
}

/** Does it with all partitions, or tells which are not there, or closed, and that the others were let be. */
async function ifAllAreThere(
  { image, clock }: TransactionVerbsOptions,
  request: AddPartitionsRequest,
  act: (request: AddPartitionsRequest) => Promise<void>,
): Promise<PartitionOutcome[]> {
  const places = [...eachPartition(request.partitions)];
  const told: Told = new Map();
  const refusals = await mapSlices(clock, places, (some) =>
    some.map(({ topic, index }) =>
      refusalOf(image, topic, index, told, isClosedTo(request, topic, image)),
    ),
  );
  if (refusals.some((refusal) => refusal !== null)) {
    return places.map((place, at) => ({ ...place, refusal: refusals[at] ?? notAttempted() }));
  }
  await act(request);
  return places.map((place) => ({ ...place, refusal: null }));
}

/** What is Kafka's own, there or not. */
const kafkasOwn: ReadonlySet<string> = new Set([
  OFFSETS_TOPIC,
  TRANSACTIONS_TOPIC,
  "__share_group_state",
]);

/**
 * As in Kafka the batched form, which is for brokers, may add the partitions of groups' offsets. Unlike there nobody adds those
 * of the transactions' own state: a marker is nothing that its reader knows.
 */
function isClosedTo({ clientVersion }: AddPartitionsRequest, topic: string, image: Image): boolean {
  if (clientVersion === 0 && kafkasOwn.has(topic)) return true;
  return isInternal(topic) && topic !== OFFSETS_TOPIC && image.topic(topic) !== null;
}

function noProducer(): Refusal {
  return new Refusal("unknown_server_error", "A marker needs a producer's id and its epoch.");
}

/** What one request was refused with, by topic: fifty thousand refusals apart are a tenth of a second of garbage collection. */
type Told = Map<string, Refusal>;

function refusalOf(
  image: Image,
  topic: string,
  index: number,
  told: Told,
  isClosed: boolean,
): Refusal | null {
  if (!isClosed && image.topic(topic)?.partitions[index]) return null;
  const known = told.get(topic);
  if (known) return known;
  const refusal = isClosed
    ? new Refusal("topic_authorization_failed", `"${topic}" is the node's own topic.`, { topic })
    : unknownPartition(topic);
  told.set(topic, refusal);
  return refusal;
}

function unknownPartition(topic: string): Refusal {
  return new Refusal("unknown_topic_or_partition", `There is no such partition of "${topic}".`, {
    topic,
  });
}

function notAttempted(): Refusal {
  return new Refusal(
    "operation_not_attempted",
    "Another partition of the same request is unknown, so none was added.",
  );
}

function description(transaction: Transaction): TransactionDescription {
  const { transactionalId, status, producerId, producerEpoch } = transaction;
  const { timeoutMs, startMs, partitions } = transaction;
  const producer = { producerId, producerEpoch };
  return { transactionalId, status, producer, timeoutMs, startMs, partitions };
}

function list(
  transactions: Iterable<Transaction>,
  { states, producerIds, olderThanMs, matches }: TransactionFilter,
  nowMs: number,
): TransactionList {
  const found: TransactionDescription[] = [];
  const unknownStates = states.filter((name) => !Object.hasOwn(transactionStatuses, name));
  const ids = new Set(producerIds);
  // Only states that nobody knows were asked for: nothing matches them, rather than everything.
  for (const transaction of transactions) {
    if (states.length > 0 && !states.includes(transaction.status)) continue;
    if (ids.size > 0 && !ids.has(transaction.producerId)) continue;
    if (olderThanMs >= 0 && nowMs - transaction.startMs <= olderThanMs) continue;
    if (matches && !matches(transaction.transactionalId)) continue;
    found.push(description(transaction));
  }
  return { unknownStates, transactions: found };
}
