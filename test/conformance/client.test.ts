/**
 * The client against a whole node in process: what unit tests hold against a script holds against the real routes.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import * as v from "valibot";
import { type Fetch, type Gap, Kedge, KedgeError } from "../../src/client/client.ts";
import { losing, nodeUrl, openMemoryNode } from "./memory-node.ts";

let fetch: Fetch;
let kedge: Kedge;

beforeAll(async () => {
  fetch = await openMemoryNode();
  kedge = new Kedge({ url: nodeUrl, fetch });
});

describe("topics", () => {
  test("are made, listed, described, altered and deleted", async () => {
    const made = await kedge.createTopic({
      name: "life",
      partitions: 2,
      configs: { "retention.ms": "60000" },
    });
    expect([made.partitions, made.configs["retention.ms"]?.value]).toEqual([2, "60000"]);
    expect((await kedge.topics()).map(({ name }) => name)).toContain("life");
    const altered = await kedge.alterTopic("life", {
      partitions: 3,
      configs: { "retention.ms": null },
    });
    expect(altered.partitionList.length).toBe(3);
    expect(altered.configs["retention.ms"]?.source).not.toBe("topic");
    await kedge.deleteTopic("life");
    const gone = await kedge.describeTopic("life").catch((error: unknown) => error);
    expect(gone).toBeInstanceOf(KedgeError);
    expect(gone).toMatchObject({ code: "unknown_topic_or_partition", status: 404 });
  });

  test("are only checked if that is all one asks", async () => {
    await kedge.createTopic({ name: "checked", validateOnly: true });
    expect((await kedge.topics()).map(({ name }) => name)).not.toContain("checked");
    const bad = kedge.createTopic({ name: "a b" });
    expect(await bad.catch((error: KedgeError) => error.code)).toBe("invalid_topic_exception");
  });

  test("the node says who it is", async () => {
    expect(await kedge.node()).toMatchObject({ nodeId: 1, version: "test" });
  });
});

describe("records", () => {
  test("come back with key, value, headers and timestamp, in every format", async () => {
    await kedge.createTopic({ name: "formats" });
    const topic = kedge.topic("formats");
    const raw = Uint8Array.of(0, 255, 128);
    await topic.produce([
      { key: "k", value: "text", headers: { a: "1", b: null }, timestamp: 1_700_000_000_000 },
      { key: raw, value: raw, headers: [["a", raw]] },
      { value: { n: 1 } },
      { value: null },
    ]);
    const records = await Array.fromAsync(topic.records());
    expect(records.map(({ value }) => value)).toEqual(["text", raw, '{"n":1}', null]);
    expect(records[0]).toMatchObject({ key: "k", offset: 0, timestamp: 1_700_000_000_000 });
    expect(records[0]?.headers).toEqual([
      ["a", "1"],
      ["b", null],
    ]);
    expect(records[1]?.key).toEqual(raw);
    expect(records[1]?.headers).toEqual([["a", raw]]);
    const bytes = await kedge.topic("formats", { format: "bytes" }).fetch({ partition: 0 });
    expect(bytes.records[0]?.value).toEqual(new TextEncoder().encode("text"));
    expect(bytes.records[0]?.key).toBe("k");
    expect(bytes).toMatchObject({ next: 4, upToDate: true, highWatermark: 4, logStart: 0 });
  });

  test("are typed by a schema, both ways", async () => {
    await kedge.createTopic({ name: "typed" });
    const value = v.object({
      at: v.pipe(
        v.string(),
        v.isoTimestamp(),
        v.transform((t) => new Date(t)),
      ),
    });
    const topic = kedge.topic("typed", { value, key: v.string() });
    await topic.produce({ key: "a", value: { at: "2026-11-21T00:00:00.000Z" } });
    const [record] = await Array.fromAsync(topic.records());
    const year: number | undefined = record?.value?.at.getUTCFullYear();
    expect(year).toBe(2026);
  });

  test("of a key keep their order, once each, through lost answers", async () => {
    await kedge.createTopic({ name: "lossy", partitions: 6 });
    const topic = losing(2, fetch).topic("lossy", { limits: { batchRecordsMax: 37 } });
    const sent = Array.from({ length: 1_000 }, (_, n) => ({ key: `k${n % 17}`, value: String(n) }));
    for (const record of sent) await topic.send(record);
    await topic.flush();
    const got = new Map<unknown, unknown[]>();
    const wanted = new Map<unknown, unknown[]>();
    for (const { key, value } of sent) wanted.set(key, [...(wanted.get(key) ?? []), value]);
    for await (const { key, value } of kedge.topic("lossy").records())
      got.set(key, [...(got.get(key) ?? []), value]);
    expect(got).toEqual(wanted);
  });

  test("are refused one by one, and the others stand", async () => {
    await kedge.createTopic({ name: "small", configs: { "max.message.bytes": "1000" } });
    const topic = kedge.topic("small");
    const settled = await Promise.allSettled([
      topic.produce({ value: "a" }),
      topic.produce({ value: "b".repeat(2_000) }),
      topic.produce({ value: "c" }),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    const records = await Array.fromAsync(topic.records());
    expect(records.map(({ value }) => value)).toEqual(["a", "c"]);
  });

  test("stand only where they were expected", async () => {
    await kedge.createTopic({ name: "expected" });
    const topic = kedge.topic("expected");
    await topic.produceExpecting([{ value: "a" }, { value: "b" }], {
      partition: 0,
      expectOffset: 0,
    });
    const late = topic.produceExpecting([{ value: "c" }], { partition: 0, expectOffset: 1 });
    expect(await late.catch((error: KedgeError) => [error.code, error.status])).toEqual([
      "offset_mismatch",
      412,
    ]);
  });

  test("make their topic if asked to", async () => {
    const missing = kedge.topic("unmade").produce({ value: "x" });
    expect(await missing.catch((error: KedgeError) => error.status)).toBe(404);
    await kedge.topic("unmade", { create: true }).produce({ value: "x" });
    expect((await kedge.describeTopic("unmade")).partitions).toBe(1);
  });

  test("are found by time, and by distance from the end", async () => {
    await kedge.createTopic({ name: "timed" });
    const topic = kedge.topic("timed");
    await topic.produce([1, 2, 3, 4].map((n) => ({ value: String(n), timestamp: n * 1_000 })));
    expect(await topic.offset(0, new Date(2_500))).toBe(2);
    expect(await topic.offset(0, new Date(9_000))).toBeNull();
    expect(await topic.offset(0, "latest")).toBe(4);
    const from = async (from: Date | { tail: number }) =>
      (await Array.fromAsync(topic.records({ from }))).map(({ value }) => value);
    expect(await from(new Date(2_500))).toEqual(["3", "4"]);
    expect(await from({ tail: 1 })).toEqual(["4"]);
  });

  test("that were trimmed are an error or a told gap", async () => {
    await kedge.createTopic({ name: "trimmed" });
    const topic = kedge.topic("trimmed");
    await topic.produce(["a", "b", "c"].map((value) => ({ value })));
    expect(await topic.trim(0, 2)).toBe(2);
    const error = await Array.fromAsync(topic.records({ from: 0 })).catch(
      (e: KedgeError) => e.code,
    );
    expect(error).toBe("offset_trimmed");
    const gaps: Gap[] = [];
    const rest = topic.records({ from: 0, onGap: (gap) => gaps.push(gap) });
    expect((await Array.fromAsync(rest)).map(({ value }) => value)).toEqual(["c"]);
    expect(gaps).toEqual([{ topic: "trimmed", partition: 0, from: 0, to: 2, reason: "trimmed" }]);
  });

  test("stream up and their receipts down", async () => {
    await kedge.createTopic({ name: "streamed" });
    const records = Array.from({ length: 50 }, (_, n) => ({ value: String(n) }));
    const receipts = await Array.fromAsync(kedge.topic("streamed").produceStream(records));
    expect(receipts.map(({ offset }) => offset)).toEqual(records.map((_, n) => n));
  });
});

describe("following", () => {
  test("by long poll: what was there and what comes, until the reader stops", async () => {
    await kedge.createTopic({ name: "polled", partitions: 3 });
    const topic = kedge.topic("polled");
    await topic.produce({ value: "before", partition: 2 });
    const seen: unknown[] = [];
    for await (const { value } of topic.records({ follow: true })) {
      if (seen.push(value) === 2) break;
      await topic.produce({ value: "after", partition: 0 });
    }
    expect(seen).toEqual(["before", "after"]);
  });

  test("by long poll finds partitions that are added meanwhile", async () => {
    await kedge.createTopic({ name: "growing" });
    const topic = kedge.topic("growing");
    await topic.produce({ value: "0" });
    const seen: unknown[] = [];
    for await (const { partition, value } of topic.records({ follow: true, refreshMs: 0 })) {
      if (seen.push([partition, value]) === 3) break;
      if (seen.length === 1) {
        await kedge.alterTopic("growing", { partitions: 2 });
        await topic.produce({ value: "1", partition: 1 });
        await topic.produce({ value: "2", partition: 0 });
      }
    }
    expect(seen).toContainEqual([1, "1"]);
  });

  test("by long poll ends with its signal's reason", async () => {
    await kedge.createTopic({ name: "quiet" });
    const signal = AbortSignal.timeout(20);
    const reading = Array.fromAsync(kedge.topic("quiet").records({ follow: true, signal }));
    expect(await reading.catch((error: Error) => error.name)).toBe("TimeoutError");
  });

  test("by events resumes at its cursor, on another connection", async () => {
    await kedge.createTopic({ name: "events", partitions: 2 });
    const topic = kedge.topic("events");
    await topic.produce([0, 1].map((partition) => ({ value: `early ${partition}`, partition })));
    const seen: unknown[] = [];
    let cursor: string | undefined;
    for (let round = 0; round < 4; round++) {
      for await (const event of kedge.tail({ topics: ["events"], from: "earliest", cursor })) {
        if (event.type !== "record") continue;
        seen.push(event.record.value);
        cursor = event.cursor;
        break;
      }
      if (round === 1)
        await topic.produce([
          { value: "late a", partition: 1 },
          { value: "late b", partition: 1 },
        ]);
    }
    expect(seen.map(String).toSorted((a, b) => a.localeCompare(b))).toEqual([
      "early 0",
      "early 1",
      "late a",
      "late b",
    ]);
  });
});
