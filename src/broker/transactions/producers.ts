/**
 * Producers and their transactions as one partition sees them: what tools ask about them, and the end of a transaction.
 */
import { Refusal } from "../../lib/refusal.ts";
import type { Logs } from "../../log/logs.ts";
import type { Partition } from "../../log/partition.ts";
import { lastSequence, type Marker } from "../../log/producers/producers.ts";
import type { Context } from "../verbs.ts";

/** Kafka's DescribeProducers, of one producer. */
export interface ProducerDescription {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** -1 before any. */
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  /** -1 before any. */
  readonly coordinatorEpoch: number;
  /** The first offset of its open transaction, -1 without one. */
  readonly transactionStart: number;
}

/** A transaction that is open in one partition. */
export interface OpenTransaction {
  readonly topicId: string;
  readonly partition: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstOffset: number;
  readonly lastTimestamp: number;
}

export interface ProducerVerbs {
  /** Every producer that the partition remembers. Throws Refusal unknown_topic_or_partition, StorageFault. */
  describe(context: Context, topic: string, partition: number): Promise<ProducerDescription[]>;
  /**
   * Ends a producer's transaction in one partition; resolves once that is durable. For the node itself and for administrators:
   * who calls it has looked at what the caller may do.
   * @throws Refusal unknown_topic_or_partition, invalid_producer_epoch or transaction_coordinator_fenced; StorageFault.
   */
  appendMarker(context: Context, topicId: string, partition: number, marker: Marker): Promise<void>;
  /** Every open transaction whose producer was last heard of before `beforeMs`, in all partitions: those that hang among them. */
  open(context: Context, beforeMs: number): OpenTransaction[];
}

export function producerVerbs(
  logs: Logs<Partition>,
  logOf: (topic: string, partition: number) => Promise<Partition>,
): ProducerVerbs {
  return {
    async describe(_context, topic, partition) {
      const log = await logOf(topic, partition);
      if (!log.isStableKnown) await log.whenStableKnown();
      return Array.from(log.producers.memory.states(), ([producerId, state]) => ({
        producerId,
        producerEpoch: state.epoch,
        lastSequence: lastSequence(state),
        lastTimestamp: state.lastTimestamp,
        coordinatorEpoch: state.coordinatorEpoch,
        transactionStart: state.transactionStart,
      }));
    },
    async appendMarker(_context, topicId, partition, marker) {
      const log = logs.log(topicId, partition);
      if (!log) {
        throw new Refusal(
          "unknown_topic_or_partition",
          `There is no partition ${partition} of a topic of id "${topicId}".`,
        );
      }
      const payload = { type: "marker", marker } as const;
      await log.appendAsLeader(log.epoch, { acks: -1, payload });
    },
    open: (_context, beforeMs) => [...logs.all()].flatMap((log) => openIn(log, beforeMs)),
  };
}

function openIn(log: Partition, beforeMs: number): OpenTransaction[] {
  const { memory } = log.producers;
  return [...memory.open].flatMap(([producerId, firstOffset]) => {
    const state = memory.state(producerId);
    if (!state || state.lastTimestamp >= beforeMs) return [];
    const { epoch: producerEpoch, lastTimestamp } = state;
    const { topicId, index: partition } = log;
    return [{ topicId, partition, producerId, producerEpoch, firstOffset, lastTimestamp }];
  });
}
