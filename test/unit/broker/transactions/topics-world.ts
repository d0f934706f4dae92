/**
 * A node with topics of one partition, on a clock that goes on only as far as each call needs.
 */
import { openTestNode, somebody, type TestNode } from "../../../simulation/test-node.ts";

/** More than any verb waits by itself before it tries again. */
const CALL_MS = 3_000;

/** What becomes of a call by the time that none of them takes longer than. */
export async function now<T>({ clock }: TestNode, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await clock.advance(CALL_MS);
  return promise;
}

export async function withTopics(...names: readonly string[]): Promise<TestNode> {
  const node = await openTestNode();
  for (const name of names) {
    const topic = { name, partitions: 1, replicationFactor: 1, configs: {} };
    await now(node, node.broker.createTopic(somebody, topic));
  }
  return node;
}
