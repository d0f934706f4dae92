/**
 * The one-shot transaction with expectations: what it leaves behind when it is refused, and what it tells who tries again.
 */
import { describe, expect, test } from "bun:test";
import type {
  TransactPart,
  TransactRequest,
} from "../../../../src/broker/transactions/transact.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";
import { somebody, type TestNode } from "../../../simulation/test-node.ts";
import { now, withTopics } from "./topics-world.ts";

const encoder = new TextEncoder();

function part(topic: string, expectOffset?: number): TransactPart {
  const records = [{ key: null, value: encoder.encode("x"), headers: [], timestampMs: 1 }];
  return { topic, partition: 0, records, ...(expectOffset === undefined ? {} : { expectOffset }) };
}

const transact = (
  node: TestNode,
  parts: readonly TransactPart[],
  offsets: TransactRequest["offsets"] = null,
) => node.broker.transactions.transact(somebody, { parts, offsets, key: null });

function endOf(node: TestNode, topic: string): number {
  return node.logs.log(node.controller.image.topic(topic)?.id ?? "", 0)?.writtenEnd ?? -1;
}

const refusalOf = (error: unknown): Refusal => {
  if (error instanceof Refusal) return error;
  throw error;
};

describe("a transaction that expects an offset", () => {
  test("moves no offset when it is refused, however often", async () => {
    const node = await withTopics("a", "b");
    await now(node, transact(node, [part("a")]));
    for (let tries = 0; tries < 6; tries += 1) {
      const refusal = await now(node, transact(node, [part("b"), part("a", 7)]).catch(refusalOf));
      expect(refusal).toMatchObject({
        code: "offset_mismatch",
        facts: { topic: "a", partition: 0, expected: 7, actual: 2 },
      });
    }
    expect([endOf(node, "a"), endOf(node, "b")]).toEqual([2, 0]);
    await now(node, transact(node, [part("b"), part("a", 2)]));
    expect([endOf(node, "a"), endOf(node, "b")]).toEqual([4, 2]);
  });

  test("is won by one of four in a bounded number of tries", async () => {
    const node = await withTopics("a");
    const [clients, wins] = [4, 5];
    let tries = 0;
    const client = async (): Promise<void> => {
      for (let [won, next] = [0, 0]; won < wins;) {
        tries += 1;
        const answer = await transact(node, [part("a", next)]).catch(refusalOf);
        if (answer instanceof Refusal) next = Number(answer.facts["actual"]);
        else won += 1;
      }
    };
    await now(node, Promise.all(Array.from({ length: clients }, client)));
    expect(tries).toBeLessThanOrEqual(clients * wins * clients);
    // Each win is a record and its marker; who lost has left nothing.
    expect(endOf(node, "a")).toBe(clients * wins * 2);
  });

  test("aborts only what it wrote where another came in between, and tells what is next then", async () => {
    const node = await withTopics("a", "b");
    const both = [transact(node, [part("a", 0)]), transact(node, [part("b", 0), part("a", 0)])];
    const [, lost] = await now(node, Promise.allSettled(both));
    expect(lost).toMatchObject({ reason: { code: "offset_mismatch", facts: { actual: 2 } } });
    expect([endOf(node, "a"), endOf(node, "b")]).toEqual([2, 2]);
    await now(node, transact(node, [part("b", 2), part("a", 2)]));
  });

  test("that another was faster at leaves what expects nothing untouched", async () => {
    const node = await withTopics("a", "b");
    const both = [transact(node, [part("a", 0)]), transact(node, [part("b"), part("a", 0)])];
    const [, lost] = await now(node, Promise.allSettled(both));
    expect(lost).toMatchObject({ reason: { code: "offset_mismatch", facts: { actual: 2 } } });
    expect([endOf(node, "a"), endOf(node, "b")]).toEqual([2, 0]);
    const { appended } = await now(node, transact(node, [part("b"), part("a", 2)]));
    expect(appended.map(({ baseOffset }) => baseOffset)).toEqual([0, 2]);
  });
});

describe("a transaction that cannot be", () => {
  const offsetsOf = (topic: string, memberEpoch: number, metadata = "") => ({
    groupId: "g",
    memberId: memberEpoch < 0 ? "" : "nobody",
    memberEpoch,
    offsets: [{ topic, partition: 0, offset: 1, metadata }],
  });
  const long = {
    ...part("b"),
    records: [{ ...part("b").records[0], value: new Uint8Array(2 ** 21) }],
  };
  const cases = [
    ["a record that is too large", [part("a"), long], null, "message_too_large"],
    [
      "an internal topic",
      [part("a"), part("__consumer_offsets")],
      null,
      "topic_authorization_failed",
    ],
    ["offsets of no topic", [part("a")], offsetsOf("none", -1), "unknown_topic_or_partition"],
    ["a stranger's offsets", [part("a")], offsetsOf("a", 3), "illegal_generation"],
    [
      "long metadata",
      [part("a")],
      offsetsOf("a", -1, "x".repeat(5_000)),
      "offset_metadata_too_large",
    ],
  ] as const;
  for (const [what, parts, offsets, code] of cases) {
    test(`touches no partition: ${what}`, async () => {
      const node = await withTopics("a", "b");
      const tried = transact(node, parts as readonly TransactPart[], offsets);
      expect(await now(node, tried.catch(refusalOf))).toMatchObject({ code });
      expect([endOf(node, "a"), endOf(node, "b")]).toEqual([0, 0]);
    });
  }
});
