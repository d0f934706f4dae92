/**
 * ElectLeaders and AlterPartitionReassignments, partition by partition: each answers for itself.
 */
import type { Call } from "./call.ts";
import { codeOf, messageOf, NONE } from "./error-codes.ts";

interface AskedElections {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** Null asks for all; then partitions that need no election are passed over (KIP-460). */
export function electEach(asked: readonly AskedElections[] | null, call: Call) {
  if (!asked) {
    const topics = call.broker.listTopics(call.context);
    return topics.map(({ name }) => ({ topic: name, partitionResult: [] }));
  }
  return asked.map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({
      partitionId,
      ...tried(() => call.broker.replicas.electLeader(call.context, topic, partitionId)),
    })),
  }));
}

interface AskedMoves {
  readonly name: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly replicas: readonly number[] | null;
  }[];
}

export function reassignEach(asked: readonly AskedMoves[], { broker, context }: Call) {
  return asked.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, replicas }) => ({
      partitionIndex,
      ...tried(() => broker.replicas.reassign(context, name, partitionIndex, replicas)),
    })),
  }));
}

function tried(task: () => void) {
  try {
    task();
    return { errorCode: NONE, errorMessage: null };
  } catch (error) {
    return { errorCode: codeOf(error), errorMessage: messageOf(error) };
  }
}
