/** Event streams over a scripted broker on a clock that stands still: order, resumption, gaps. */
import { describe, expect, test } from "bun:test";
import { parseCursor } from "../../../../src/http/tail/cursor.ts";
import { tailWorld } from "../tail-world.ts";

describe("following", () => {
  test("records come as they are appended, each with a cursor of its own", async () => {
    const world = tailWorld();
    world.broker.create("t");
    world.broker.append("t", 0, "before");
    const tail = await world.tail("topic=t");
    const begin = await tail.next();
    expect(begin).toMatchObject({ event: null, data: null });
    expect(begin?.id).toMatch(/^[\w-]+$/);
    const events = tail.events(3);
    world.broker.append("t", 0, "k=a");
    world.broker.append("t", 0, "b", "c");
    const got = await events;
    expect(got[0]).toMatchObject({
      event: "record",
      data: { topic: "t", partition: 0, offset: 1, key: "k", value: "a", headers: [] },
    });
    expect(got.map(({ data }) => data?.["value"])).toEqual(["a", "b", "c"]);
    expect(new Set(got.map(({ id }) => id)).size).toBe(3);
    await tail.cancel();
  });

  test("from earliest, of many partitions and topics, none is left out", async () => {
    const world = tailWorld();
    world.broker.create("a", 3);
    world.broker.create("b");
    for (const at of [0, 1, 2]) world.broker.append("a", at, `a${at}`, `A${at}`);
    world.broker.append("b", 0, "b0");
    const tail = await world.tail("topic=a&topic=b&from=earliest");
    expect((await tail.values(7)).toSorted()).toEqual([
      ...["A0", "A1", "A2", "a0", "a1", "a2"].toSorted(),
      "b0",
    ]);
    await tail.cancel();
  });

  test("the cursor moves past a hole at the end of the log", async () => {
    const world = tailWorld();
    world.broker.create("t");
    const tail = await world.tail("topic=t");
    const begin = await tail.next();
    world.broker.jump("t", 0, 10_000);
    const moving = tail.next();
    await world.clock.pass(10_000);
    const moved = await moving;
    expect(moved).toMatchObject({ event: null });
    expect(parseCursor(moved?.id ?? "")[0]?.places).toEqual([{ partition: 0, next: 10_000 }]);
    expect(moved?.id).not.toBe(begin?.id);
    const values = tail.values(1);
    world.broker.append("t", 0, "behind");
    expect(await values).toEqual(["behind"]);
    await tail.cancel();
  });

  test("some partitions only", async () => {
    const world = tailWorld();
    world.broker.create("a", 3);
    for (const at of [0, 1, 2]) world.broker.append("a", at, `a${at}`);
    const tail = await world.tail("topic=a:0,2&from=earliest");
    expect((await tail.values(2)).toSorted()).toEqual(["a0", "a2"]);
    world.broker.grow("a", 4);
    world.broker.append("a", 3, "a3");
    world.broker.append("a", 2, "more");
    expect(await tail.values(1)).toEqual(["more"]);
    await tail.cancel();
  });

  test("partitions that are added are followed from their first record", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const tail = await world.tail("topic=a");
    await tail.next();
    const value = tail.values(2);
    world.broker.grow("a", 2);
    world.broker.append("a", 1, "new");
    await world.clock.pass(5_000);
    world.broker.append("a", 0, "old");
    expect((await value).toSorted()).toEqual(["new", "old"]);
    await tail.cancel();
  });

  test("one read waits for all partitions", async () => {
    const world = tailWorld();
    world.broker.create("a", 200);
    const tail = await world.tail("topic=a");
    await tail.next();
    const value = tail.values(1);
    await world.clock.pass(0);
    expect(world.broker.waiting).toBe(1);
    const reads = world.broker.reads;
    await world.clock.pass(4_000);
    expect(world.broker.reads).toBe(reads);
    world.broker.append("a", 199, "x");
    expect(await value).toEqual(["x"]);
    await tail.cancel();
    await world.clock.pass(0);
    expect(world.broker.waiting).toBe(0);
  });

  test("a filter leaves out other keys, and its cursor moves past them", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const tail = await world.tail("topic=a&filter.key=k");
    await tail.next();
    const values = tail.values(2);
    world.broker.append("a", 0, "x=1", "k=2", "kk=3", "none");
    world.broker.append("a", 0, "k=4");
    expect(await values).toEqual(["2", "4"]);
    const before = tail.lastId;
    world.broker.append("a", 0, "x=5");
    const moved = tail.next();
    await world.clock.pass(5_000);
    expect(await moved).toMatchObject({ event: null, comment: "ping" });
    expect(tail.lastId).not.toBe(before);
    await tail.cancel();
    world.broker.append("a", 0, "x=6", "k=7");
    const resumed = await world.tail(`topic=a&cursor=${tail.lastId}`);
    expect(await resumed.values(2)).toEqual(["6", "7"]);
    await resumed.cancel();
  });

  test("events=batch gives a batch an event, without what was seen", async () => {
    const world = tailWorld();
    world.broker.create("a");
    world.broker.append("a", 0, "0", "1", "2");
    const tail = await world.tail("topic=a&from=1&events=batch");
    const [batch] = await tail.events(1);
    expect(batch).toMatchObject({ event: "batch", data: { topic: "a", partition: 0 } });
    const records = batch?.data?.["records"] as { offset: number; value: string }[];
    expect(records.map(({ value }) => value)).toEqual(["1", "2"]);
    await tail.cancel();
  });

  test("two tails share texts and see the same", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const tails = await Promise.all([world.tail("topic=a"), world.tail("topic=a&as=b64")]);
    tails.push(await world.tail("topic=a"));
    for (const tail of tails) await tail.next();
    const values = tails.map((tail) => tail.values(1));
    world.broker.append("a", 0, "x");
    expect(await Promise.all(values)).toEqual([["x"], ['{"b64":"eA=="}'], ["x"]]);
    for (const tail of tails) await tail.cancel();
  });
});

describe("resuming", () => {
  test("after any event, with neither gap nor repeat", async () => {
    const world = tailWorld();
    world.broker.create("a", 2);
    const all = Array.from({ length: 12 }, (_, at) => `v${at}`);
    for (const [at, value] of all.entries()) world.broker.append("a", at % 2, value, `${value}'`);
    const first = await world.tail("topic=a&from=earliest");
    const events = await first.events(24);
    const order = events.map(({ data }) => data?.["value"]);
    await first.cancel();
    for (const [at, { id }] of events.entries()) {
      const tail = await world.tail("topic=a", { headers: { "last-event-id": id ?? "" } });
      const rest = await tail.values(23 - at);
      expect(new Set([...order.slice(0, at + 1), ...rest]).size).toBe(24);
      await tail.cancel();
    }
  });

  test("before any event: where the first stream began", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const first = await world.tail("topic=a");
    await first.next();
    await first.cancel();
    world.broker.append("a", 0, "meanwhile");
    const tail = await world.tail(`topic=a&cursor=${first.lastId}`);
    expect(await tail.values(1)).toEqual(["meanwhile"]);
    await tail.cancel();
  });

  test("by cursor alone; a header wins over the query", async () => {
    const world = tailWorld();
    world.broker.create("a");
    world.broker.append("a", 0, "0", "1");
    const first = await world.tail("topic=a&from=earliest");
    const [zero, one] = await first.events(2);
    await first.cancel();
    world.broker.append("a", 0, "2");
    const tail = await world.tail(`cursor=${zero?.id}`);
    expect(await tail.values(2)).toEqual(["1", "2"]);
    await tail.cancel();
    const newer = await world.tail(`cursor=${zero?.id}`, {
      headers: { "last-event-id": one?.id ?? "" },
    });
    expect(await newer.values(1)).toEqual(["2"]);
    await newer.cancel();
  });

  test("a cursor of other topics alone is refused, not passed over", async () => {
    const world = tailWorld();
    world.broker.create("a");
    world.broker.create("b");
    const first = await world.tail("topic=a");
    await first.next();
    await first.cancel();
    const answer = await world.request(`/v1/tail?topic=b&cursor=${first.lastId}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      code: "invalid_cursor",
      detail: expect.stringContaining("not of b"),
    });
  });

  test("a partition added while away is read from its first record, a topic from where `from` says", async () => {
    const world = tailWorld();
    world.broker.create("a");
    world.broker.create("b");
    const first = await world.tail("topic=a");
    await first.next();
    await first.cancel();
    world.broker.grow("a", 2);
    world.broker.append("a", 1, "new");
    world.broker.append("b", 0, "old");
    const tail = await world.tail(`topic=a&topic=b&cursor=${first.lastId}`);
    const values = tail.values(2);
    await world.clock.pass(0);
    world.broker.append("b", 0, "newer");
    expect((await values).toSorted()).toEqual(["new", "newer"]);
    await tail.cancel();
  });
});

describe("gaps", () => {
  test("records removed before the reader came to them", async () => {
    const world = tailWorld();
    world.broker.create("a");
    world.broker.append("a", 0, "0", "1", "2", "3");
    const first = await world.tail("topic=a&from=earliest");
    const [zero] = await first.events(1);
    await first.cancel();
    world.broker.trim("a", 0, 3);
    const tail = await world.tail(`topic=a&cursor=${zero?.id}`);
    const [gap, three] = await tail.events(2);
    expect(gap).toMatchObject({
      event: "gap",
      data: { topic: "a", partition: 0, from: 1, to: 3, reason: "trimmed" },
    });
    expect(three?.data?.["offset"]).toBe(3);
    await tail.cancel();
  });

  test("a log that is shorter than the cursor", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const tail = await world.tail("topic=a&from=10");
    const [gap] = await tail.events(1);
    expect(gap?.data).toMatchObject({ from: 10, to: 0, reason: "lost" });
    await tail.cancel();
  });

  test("a topic that is deleted while another is followed, and made anew", async () => {
    const world = tailWorld();
    world.broker.create("a");
    world.broker.create("b");
    world.broker.append("a", 0, "0");
    const tail = await world.tail("topic=a&topic=b&from=earliest");
    expect(await tail.values(1)).toEqual(["0"]);
    const next = tail.events(1);
    world.broker.delete("a");
    expect((await next)[0]).toMatchObject({
      event: "gap",
      data: { topic: "a", from: 1, to: null, reason: "deleted" },
    });
    world.broker.append("b", 0, "still");
    expect(await tail.values(1)).toEqual(["still"]);
    const anew = tail.events(2);
    world.broker.create("a");
    world.broker.append("a", 0, "again");
    await world.clock.pass(5_000);
    const [gap, record] = await anew;
    expect(gap?.data).toMatchObject({ topic: "a", from: 1, to: 0, reason: "recreated" });
    expect(record?.data).toMatchObject({ topic: "a", offset: 0, value: "again" });
    await tail.cancel();
  });

  test("a topic that is made anew while the reader is away", async () => {
    const world = tailWorld();
    world.broker.create("a");
    world.broker.append("a", 0, "0", "1");
    const first = await world.tail("topic=a&from=earliest");
    await first.events(2);
    await first.cancel();
    world.broker.delete("a");
    world.broker.create("a", 2);
    world.broker.append("a", 1, "x");
    const tail = await world.tail(`topic=a&cursor=${first.lastId}`);
    const [gap, record] = await tail.events(2);
    expect(gap?.data).toMatchObject({ partition: 0, from: 2, to: 0, reason: "recreated" });
    expect(record?.data).toMatchObject({ partition: 1, value: "x" });
    await tail.cancel();
  });

  test("the last topic's end is the tail's", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const tail = await world.tail("topic=a");
    const events = tail.events(2);
    await world.clock.pass(0);
    world.broker.delete("a");
    const [gap, end] = await events;
    expect(gap?.data).toMatchObject({ reason: "deleted" });
    expect(end).toMatchObject({ event: "end", data: { reason: "deleted" } });
    expect(await tail.next()).toBeNull();
    const again = await world.request(`/v1/tail?topic=a&cursor=${tail.lastId}`);
    expect(again.status).toBe(404);
  });
});
