/**
 * One member's name and several who poll by it: each that loses its place is told so, and nobody is given an empty page at once.
 */
import { expect, test } from "bun:test";
import type { PollJoined } from "../../../../src/broker/polling/verbs.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";
import { openTestNode, somebody } from "../../../simulation/test-node.ts";

async function world() {
  const node = await openTestNode();
  const { polling } = node.broker;
  const settled = async <T>(work: Promise<T>): Promise<T> => {
    await node.clock.settle();
    return work;
  };
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs: {} };
  await settled(node.broker.createTopic(somebody, topic));
  const join = (incarnation: string | null): Promise<PollJoined> =>
    settled(
      polling.join(somebody, "g", "m", {
        topicNames: ["t"],
        topicRegex: null,
        instanceId: null,
        incarnation,
        assignor: null,
        reset: "earliest",
        sessionMs: null,
        rebalanceMs: null,
      }),
    );
  /** How many records it was given, or why none. */
  const poll = async (incarnation: string | null, pollId: string, waitMs = 0) => {
    const request = {
      memberEpoch: 2,
      incarnation,
      pollId,
      commit: [],
      bytesMin: 1,
      bytesMax: 1000,
      waitMs,
      isolation: "read_committed",
      signal: new AbortController().signal,
    } as const;
    try {
      const { value } = await polling.poll(somebody, "g", "m", request, async (reads) => ({
        given: reads.map(({ answer }) => answer.highWatermark),
        value: reads.reduce((sum, { answer }) => sum + answer.highWatermark, 0),
      }));
      return value;
    } catch (error) {
      return error instanceof Refusal ? error.code : String(error);
    }
  };
  const leave = () => settled(polling.leave(somebody, "g", "m"));
  return { join, poll, leave, settled };
}

test("who joins under a name has it: the poll that waits is refused, and so are those after it", async () => {
  const { join, poll, settled } = await world();
  await join("a");
  const waiting = poll("a", "1", 20_000);
  await join("b");
  expect(await settled(waiting)).toBe("fenced_instance_id");
  const kept = poll("b", "1", 20_000);
  // Who was refused does not disturb the one that took over.
  expect(await settled(poll("a", "2"))).toBe("fenced_instance_id");
  expect(await settled(poll(null, "3"))).toBe("fenced_instance_id");
  expect(await Promise.race([kept, Promise.resolve("waits")])).toBe("waits");
});

test("of two polls of one member the older is refused, and the newer waits", async () => {
  const { join, poll, settled } = await world();
  await join(null);
  const older = poll(null, "1", 20_000);
  await settled(Promise.resolve());
  const newer = poll(null, "2", 20_000);
  expect(await settled(older)).toBe("fenced_instance_id");
  expect(await Promise.race([newer, Promise.resolve("waits")])).toBe("waits");
});

test("a poll that is asked again while it waits is answered in its second asking", async () => {
  const { join, poll, settled } = await world();
  await join("a");
  const lost = poll("a", "1", 20_000);
  await settled(Promise.resolve());
  const again = poll("a", "1");
  expect(await settled(lost)).toBe("fenced_instance_id");
  expect(await settled(again)).toBe(0);
});

test("a client that joins again has its own poll before fenced, and goes on", async () => {
  const { join, poll, settled } = await world();
  await join("a");
  const before = poll("a", "1", 20_000);
  await join("a");
  expect(await settled(before)).toBe("fenced_member_epoch");
  expect(await settled(poll("a", "2"))).toBe(0);
});

test("a member that leaves during its poll hears that it is none", async () => {
  const { join, poll, leave, settled } = await world();
  await join("a");
  const waiting = poll("a", "1", 20_000);
  await settled(Promise.resolve());
  await leave();
  expect(await settled(waiting)).toBe("unknown_member_id");
});
