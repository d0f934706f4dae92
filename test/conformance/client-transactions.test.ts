/** Transactions of the client against a whole node in process, with answers that are lost on their way. */
import { beforeAll, expect, test } from "bun:test";
import { type Kedge, KedgeError } from "../../src/client/client.ts";
import { losing, openMemoryNode } from "./memory-node.ts";

let kedge: Kedge;

beforeAll(async () => {
  kedge = losing(3, await openMemoryNode());
  for (const name of ["in", "one", "other"]) await kedge.createTopic({ name }).catch(() => {});
});

async function valuesOf(topic: string): Promise<unknown[]> {
  const page = await kedge.topic(topic).fetch({ partition: 0, from: "earliest" });
  return page.records.map(({ value }) => value);
}

test("one call is carried out once, though answers are lost", async () => {
  for (let at = 0; at < 10; at += 1) {
    const receipts = await kedge.transact({
      produce: [
        { topic: "one", records: [{ value: `a${at}` }, { value: { n: at } }] },
        { topic: "other", records: [{ key: "k", value: `b${at}` }] },
      ],
      offsets: { group: "g", offsets: [{ topic: "in", partition: 0, offset: at }] },
    });
    expect(receipts.map(({ partition }) => partition)).toEqual([0, 0, 0]);
  }
  expect(await valuesOf("other")).toEqual(Array.from({ length: 10 }, (_, at) => `b${at}`));
  expect(await valuesOf("one")).toHaveLength(20);
});

test("what is expected and does not hold refuses the whole", async () => {
  const before = await valuesOf("other");
  const refused = kedge.transact({
    produce: [
      { topic: "one", records: [{ value: "never" }] },
      { topic: "other", records: [{ value: "never" }] },
    ],
    expect: [{ topic: "one", partition: 0, offset: 1 }],
  });
  expect(await refused.catch((error: KedgeError) => error.code)).toBe("offset_mismatch");
  expect(await valuesOf("other")).toEqual(before);
});

test("a session goes from one transaction to the next", async () => {
  await kedge.createTopic({ name: "session" }).catch(() => {});
  const session = await kedge.transactions("mover", { timeoutMs: 30_000 });
  const [first] = await session.produce("session", [{ value: "a" }]);
  expect(first?.offset).toBe(0);
  await session.addOffsets({ group: "mover", offsets: [{ topic: "in", partition: 0, offset: 3 }] });
  await session.commit();
  await session.produce("session", [{ value: "never" }]);
  await session.abort();
  await session.produce("session", [{ value: "b" }]);
  await session.commit();
  expect(await valuesOf("session")).toEqual(["a", "b"]);
  await kedge.transactions("mover");
  const fenced = await session
    .produce("session", [{ value: "c" }])
    .catch((error: unknown) => error);
  expect(fenced).toBeInstanceOf(KedgeError);
});
