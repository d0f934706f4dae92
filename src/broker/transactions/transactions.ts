/**
 * The transaction verbs, put together: the coordinator, groups' offsets, and what the one-shot form asks of the log.
 */
import type { Image } from "../../cluster/image.ts";
import { OFFSETS_TOPIC } from "../../coordinators/internal-topic.ts";
import type { TransactionCoordinator } from "../../coordinators/transactions/coordinator.ts";
import type { ProducerIdentity } from "../../coordinators/transactions/state.ts";
import type { LogNode } from "../../log/log-node.ts";
import type { Partition } from "../../log/partition.ts";
import { readBatches } from "../../log/reading/reader.ts";
import { readBatchHeader } from "../../records/batch.ts";
import type { OffsetRefusal, OffsetsToCommit, OffsetTransaction } from "../groups/verbs.ts";
import { notCommitted } from "../groups/not-committed.ts";
import { checkParts, staleExpectation } from "./transact-checks.ts";
import { type TransactOffsets, Transactor } from "./transact.ts";
import { transactionVerbs, type TransactionVerbs } from "./verbs.ts";
import type { AppendAnswer, AppendRequest, Context } from "../verbs.ts";

/** A group's offsets, as a transaction needs them. */
export interface GroupOffsets {
  /** The partition of `__consumer_offsets` that keeps the group, making the topic on first use. */
  locate(groupId: string): Promise<number>;
  commit(
    context: Context,
    owner: OffsetTransaction,
    request: OffsetsToCommit,
  ): Promise<readonly OffsetRefusal[]>;
  /** What `commit` would answer now; nothing is written. */
  check(context: Context, request: OffsetsToCommit): Promise<readonly OffsetRefusal[]>;
}

export interface TransactionsOptions {
  readonly image: Image;
  readonly nodeId: number;
  readonly node: LogNode;
  readonly coordinator: TransactionCoordinator;
  readonly offsets: GroupOffsets;
  readonly append: (context: Context, request: AppendRequest) => Promise<AppendAnswer>;
  readonly logOf: (topic: string, partition: number) => Promise<Partition>;
}

export function createTransactionVerbs(options: TransactionsOptions): TransactionVerbs {
  const { image, nodeId, node, coordinator, offsets, append, logOf } = options;
  const { clock } = node;
  const placeOfGroup = async (groupId: string) => ({
    topic: OFFSETS_TOPIC,
    partitions: [await offsets.locate(groupId)],
  });
  const commitOffsets = async (
    context: Context,
    wanted: TransactOffsets,
    transactionalId: string,
    producer: ProducerIdentity,
  ): Promise<void> => {
    const owner = { ...producer, transactionalId, support: "joins" } as const;
    refuseAny(image, wanted, await offsets.commit(context, owner, toCommit(wanted)));
  };
  const pause = (waitMs: number) => new Promise<void>((resolve) => clock.after(waitMs, resolve));
  const transactor = new Transactor({
    nodeId,
    coordinator,
    append,
    check: async (context, { parts, offsets: wanted }) => {
      await checkParts(logOf, parts);
      if (wanted) refuseAny(image, wanted, await offsets.check(context, toCommit(wanted)));
    },
    receipt: async ({ topic, partition }, key) => (await logOf(topic, partition)).receiptOf(key),
    fate: async (place, offset) => fateOf(await logOf(place.topic, place.partition), offset),
    placeOfGroup,
    commitOffsets,
    stale: (parts) => staleExpectation(logOf, parts, pause),
    pause,
  });
  return transactionVerbs({
    image,
    nodeId,
    coordinator,
    transactor,
    offsets,
    commitOffsets,
    clock,
  });
}

/** What became of the transaction that wrote the record at `offset`; one that was trimmed was read by whoever was to read it. */
async function fateOf(log: Partition, offset: number): Promise<"committed" | "aborted" | "open"> {
  if (!log.isStableKnown) await log.whenStableKnown();
  if (offset >= log.lastStable) return "open";
  if (offset < log.logStart) return "committed";
  const limit = { bytesMax: 1, firstBytesMax: Infinity };
  const { runs, aborted } = await readBatches(log, offset, limit, "read_committed");
  const [run] = runs;
  if (!run) return "committed";
  const { producerId } = readBatchHeader(run);
  const isAborted = aborted?.some(
    (transaction) =>
      transaction.producerId === producerId &&
      transaction.first <= offset &&
      offset <= transaction.last,
  );
  return isAborted ? "aborted" : "committed";
}

function toCommit({ groupId, memberId, memberEpoch, offsets }: TransactOffsets): OffsetsToCommit {
  return {
    group: groupId,
    member: { memberId, generation: memberEpoch, instanceId: null },
    offsets: offsets.map((offset) => ({ ...offset, topicId: null, leaderEpoch: -1 })),
    knowsMemberEpochs: true,
    retentionMs: null,
  };
}

function refuseAny(
  image: Image,
  { offsets }: TransactOffsets,
  outcomes: readonly OffsetRefusal[],
): void {
  for (const [at, code] of outcomes.entries()) {
    const place = offsets[at];
    if (code === null || !place) continue;
    const { topic, partition } = place;
    throw notCommitted(code, topic, partition, image.topic(topic)?.partitions.length ?? null);
  }
}
