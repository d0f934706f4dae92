/**
 * ElectLeaders and AlterPartitionReassignments, partition by partition: each answers for itself.
 */
import { mapNestedInTurns } from "../../lib/async.ts";
import type { Call } from "../call.ts";
import { codeOf, messageOf, NONE } from "../error-codes.ts";

interface AskedElections {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** Null asks for all; then partitions that need no election are passed over (KIP-460). */
export async function electEach(asked: readonly AskedElections[] | null, call: Call) {
  if (!asked) {
    const topics = call.broker.listTopics(call.context);
    return topics.map(({ name }) => ({ topic: name, partitionResult: [] }));
  }
  const elect = (partitionId: number, { topic }: AskedElections) => ({
    partitionId,
    ...tried(() => call.broker.replicas.electLeader(call.context, topic, partitionId)),
  });
  const elected = await mapNestedInTurns(
    call.door.clock,
    asked,
    ({ partitions }) => partitions,
    elect,
  );
  return asked.map(({ topic }, at) => ({ topic, partitionResult: elected[at] ?? [] }));
}

interface AskedMoves {
  readonly name: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly replicas: readonly number[] | null;
  }[];
}

export async function reassignEach(asked: readonly AskedMoves[], call: Call) {
  const { broker, context, door } = call;
  const moved = await mapNestedInTurns(
    door.clock,
    asked,
    ({ partitions }) => partitions,
    ({ partitionIndex, replicas }, { name }) => ({
      partitionIndex,
      ...tried(() => broker.replicas.reassign(context, name, partitionIndex, replicas)),
    }),
  );
  return asked.map(({ name }, at) => ({ name, partitions: moved[at] ?? [] }));
}

function tried(task: () => void) {
  try {
    task();
    return { errorCode: NONE, errorMessage: null };
  } catch (error) {
    return { errorCode: codeOf(error), errorMessage: messageOf(error) };
  }
}
