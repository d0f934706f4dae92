/**
 * DescribeLogDirs and AlterReplicaLogDirs: the node's one folder, and what each partition takes in it.
 *
 * - Partitions that are not there are left out of the description, as in Kafka.
 */
import { mapNestedInTurns } from "../../lib/async.ts";
import type { Call } from "../call.ts";
import { codeOf, NONE } from "../error-codes.ts";
import { eachOnce } from "./each-once.ts";

/** Partitions that are looked up before others get their turn. */
const PARTITIONS_PER_TURN = 1_000;

type Asked = readonly { readonly topic: string; readonly partitions: readonly number[] }[];

/** Null asks for every topic. */
export async function describeDirectory(asked: Asked | null, call: Call) {
  const { broker, context, door } = call;
  const { path, space } = await broker.replicas.logDirectory(context);
  const topics: ReturnType<typeof sizesOf>[] = [];
  let looked = 0;
  for (const { topic, partitions } of asked ? onceOf(asked) : everyTopic(call)) {
    const sizes = sizesOf(topic, partitions, call);
    if (sizes.partitions.length > 0) topics.push(sizes);
    looked += partitions.length;
    if (looked < PARTITIONS_PER_TURN) continue;
    looked = 0;
    await door.clock.turn();
  }
  return {
    errorCode: NONE,
    logDir: path,
    topics,
    totalBytes: space?.totalBytes ?? -1,
    usableBytes: space?.usableBytes ?? -1,
    isCordoned: false,
  };
}

function onceOf(asked: Asked): Asked {
  return eachOnce(
    asked,
    ({ topic }) => topic,
    (index) => index,
  ).topics;
}

function everyTopic({ broker, context }: Call): Asked {
  return broker.listTopics(context).map(({ name, partitions }) => ({
    topic: name,
    partitions: Array.from({ length: partitions }, (_, index) => index),
  }));
}

function sizesOf(name: string, indexes: readonly number[], { broker, context }: Call) {
  const partitions = [...new Set(indexes)].flatMap((partitionIndex) => {
    const partitionSize = broker.replicas.bytes(context, name, partitionIndex);
    if (partitionSize === null) return [];
    return [{ partitionIndex, partitionSize, offsetLag: 0, isFutureKey: false }];
  });
  return { name, partitions };
}

interface AskedMove {
  readonly path: string;
  readonly topics: readonly { readonly name: string; readonly partitions: readonly number[] }[];
}

export async function moveEach(moves: readonly AskedMove[], { broker, context, door }: Call) {
  const move = (path: string, name: string, partitionIndex: number) => {
    try {
      broker.replicas.moveTo(context, path, name, partitionIndex);
      return { partitionIndex, errorCode: NONE };
    } catch (error) {
      return { partitionIndex, errorCode: codeOf(error) };
    }
  };
  // Each partition once, as in Kafka: where it was to go last.
  const byTopic = new Map<string, Map<number, string>>();
  for (const { path, topics } of moves)
    for (const { name, partitions } of topics) {
      const paths = byTopic.get(name) ?? new Map<number, string>();
      for (const index of partitions) paths.set(index, path);
      if (paths.size > 0) byTopic.set(name, paths);
    }
  const asked = Array.from(byTopic, ([name, paths]) => ({ name, paths: [...paths] }));
  const moved = await mapNestedInTurns(
    door.clock,
    asked,
    ({ paths }) => paths,
    ([index, path], { name }) => move(path, name, index),
  );
  return asked.map(({ name }, at) => ({ topicName: name, partitions: moved[at] ?? [] }));
}
