/**
 * Reading through the client: every record once and in its partition's order, to the end that was there or for ever; what
 * was removed is told.
 */
import { expect, test } from "bun:test";
import * as v from "valibot";
import {
  Kedge,
  KedgeError,
  SchemaError,
  type Fetch,
  type Gap,
} from "../../../src/client/client.ts";
import { problem, scripted } from "./fake-node.ts";

const retry = { delayMs: 1, delayMaxMs: 2, budgetMs: 500 };

interface Asked {
  readonly partitions: readonly { readonly partition: number; readonly from: string }[];
  readonly wait_ms: number;
}

/** A node of a few partitions in memory, as far as reading goes. */
class FakePartitions {
  readonly logs: string[][];
  readonly starts: number[];
  readonly asked: Asked[] = [];
  /** Offsets at the end that were never given, as after a power cut. */
  hole = 0;
  /** Called before each fetch is answered. */
  onFetch: (count: number) => Response | undefined = () => undefined;

  constructor(...logs: string[][]) {
    this.logs = logs;
    this.starts = logs.map(() => 0);
  }

  readonly fetch: Fetch = async (url, init) => {
    await Promise.resolve();
    if (init.method === "GET") return Response.json({ partitions: this.logs.length });
    expect(new URL(url).pathname).toBe("/v1/fetch");
    const asked = JSON.parse(init.body as string) as Asked;
    this.asked.push(asked);
    const early = this.onFetch(this.asked.length);
    if (early) return early;
    const partitions = asked.partitions.map(({ partition, from }) => this.#page(partition, from));
    const [only] = partitions;
    if (partitions.length === 1 && only && "error" in only)
      return Response.json(only.error, { status: 410 });
    return Response.json({ partitions, turn: "0" });
  };

  #page(partition: number, from: string) {
    const log = this.logs[partition] ?? [];
    const start = this.starts[partition] ?? 0;
    const at = from === "earliest" ? start : from === "latest" ? log.length : Number(from);
    if (at < start) {
      const error = { code: "offset_trimmed", status: 410, earliest: start, retryable: false };
      return { topic: "t", partition, status: 410, error };
    }
    // Two records a page, so that there is something to page through.
    const records = log.slice(at, at + 2).map((value, index) => {
      const place = { topic: "t", partition, offset: at + index };
      return { ...place, timestamp: 1, timestamp_type: "create", key: null, value, headers: [] };
    });
    const end = log.length + this.hole;
    const ends = {
      log_start: start,
      high_watermark: end,
      last_stable: end,
      epoch: 0,
    };
    const next = at + records.length;
    return { topic: "t", partition, records, next, up_to_date: next === end, ...ends };
  }
}

function topicOn(node: { fetch: Fetch }) {
  return new Kedge({ url: "http://n", fetch: node.fetch, retry }).topic("t");
}

test("all partitions are read to the end that was there, each in its order", async () => {
  const node = new FakePartitions(["a0", "a1", "a2", "a3", "a4"], [], ["c0"]);
  node.onFetch = () => {
    node.logs[0]?.push("later"); // A busy producer does not keep the reader for ever.
    return undefined;
  };
  const records = await Array.fromAsync(topicOn(node).records());
  const of = (wanted: number) =>
    records.filter(({ partition }) => partition === wanted).map(({ value }) => value);
  expect(of(0)).toEqual(["a0", "a1", "a2", "a3", "a4", "later"]);
  expect(of(2)).toEqual(["c0"]);
});

test("a lost answer is asked for again from the first record not yet given", async () => {
  const node = new FakePartitions(["0", "1", "2", "3", "4"]);
  node.onFetch = (count) => {
    if (count === 2) throw new TypeError("socket closed");
    if (count === 3) return Response.json({ code: "busy", retryable: true }, { status: 503 });
    return undefined;
  };
  const records = await Array.fromAsync(topicOn(node).records({ partition: 0 }));
  expect(records.map(({ value }) => value)).toEqual(["0", "1", "2", "3", "4"]);
});

test("following waits at the end, and stops when its reader does", async () => {
  const node = new FakePartitions(["0"], []);
  node.onFetch = (count) => {
    if (count === 3) node.logs[1]?.push("new");
    return undefined;
  };
  const seen: unknown[] = [];
  for await (const { value } of topicOn(node).records({ follow: true }))
    if (seen.push(value) === 2) break;
  expect(seen).toEqual(["0", "new"]);
  expect(node.asked[0]?.wait_ms).toBe(0);
  expect(node.asked[1]?.wait_ms).toBeGreaterThan(0);
});

test("removed records are an error, or told and passed over", async () => {
  for (const partition of [0, undefined]) {
    const node = new FakePartitions(["0", "1", "2", "3", "4"], ["x"]);
    node.onFetch = (count) => {
      if (count === 2) node.starts[0] = 4;
      return undefined;
    };
    const error = await Array.fromAsync(topicOn(node).records({ partition })).catch(
      (error: unknown) => error,
    );
    expect((error as KedgeError).code).toBe("offset_trimmed");
    const gaps: Gap[] = [];
    node.starts[0] = 0;
    node.asked.length = 0;
    const onGap = (gap: Gap) => gaps.push(gap);
    const records = await Array.fromAsync(topicOn(node).records({ partition, onGap }));
    expect(records.filter((each) => each.partition === 0).map(({ value }) => value)).toEqual([
      "0",
      "1",
      "4",
    ]);
    expect(gaps).toEqual([{ topic: "t", partition: 0, from: 2, to: 4, reason: "trimmed" }]);
  }
});

test("offsets at the end that were never given do not keep the reader", async () => {
  const node = new FakePartitions(["a0", "a1", "a2"], [], ["c0"]);
  node.hole = 10;
  const records = await Array.fromAsync(topicOn(node).records());
  expect(records.map(({ value }) => String(value)).toSorted((a, b) => a.localeCompare(b))).toEqual([
    "a0",
    "a1",
    "a2",
    "c0",
  ]);
  expect(node.asked.length).toBeLessThan(6);
});

test("offsets for some partitions read those alone", async () => {
  const node = new FakePartitions(["a", "b"], ["c"], ["d", "e"]);
  const from = new Map([
    [0, 1],
    [2, 0],
  ]);
  const records = await Array.fromAsync(topicOn(node).records({ from }));
  expect(records.map(({ value }) => value)).toEqual(["b", "d", "e"]);
});

test("values come as their format and schema say", async () => {
  const node = new FakePartitions(['{"n":"1"}', "not json"]);
  const kedge = new Kedge({ url: "http://n", fetch: node.fetch, retry });
  const value = v.object({ n: v.pipe(v.string(), v.transform(Number)) });
  const typed = kedge.topic("t", { value });
  const invalid: SchemaError[] = [];
  const onInvalid = (error: SchemaError) => invalid.push(error);
  const records = await Array.fromAsync(typed.records({ partition: 0, onInvalid }));
  const numbers: (number | undefined)[] = records.map((record) => record.value?.n);
  expect(numbers).toEqual([1]);
  expect(invalid.map((error) => error.place)).toEqual([{ topic: "t", partition: 0, offset: 1 }]);
  const strict = Array.fromAsync(typed.records({ partition: 0 }));
  expect(await strict.catch((error: unknown) => error)).toBeInstanceOf(SchemaError);
  const bytes = kedge.topic("t", { format: "bytes" });
  const [first] = await Array.fromAsync(bytes.records({ partition: 0 }));
  expect(first?.value).toEqual(new TextEncoder().encode('{"n":"1"}'));
});

test("a page is fetched as asked", async () => {
  const { fetch, seen } = scripted(() =>
    Response.json({
      records: [],
      next: 9,
      up_to_date: true,
      log_start: 0,
      high_watermark: 9,
      last_stable: 9,
      epoch: 3,
    }),
  );
  const page = await topicOn({ fetch }).fetch({
    partition: 2,
    from: new Date(7),
    waitMs: 5,
    to: 9,
  });
  expect(page).toEqual({
    records: [],
    next: 9,
    upToDate: true,
    logStart: 0,
    highWatermark: 9,
    lastStable: 9,
    epoch: 3,
  });
  expect(seen[0]?.url.pathname).toBe("/v1/topics/t/partitions/2/records");
  expect(seen[0]?.url.search).toBe("?from=ts%3A7&to=9&wait_ms=5&as=auto");
});

test("deleting twice for a lost answer is one deletion", async () => {
  const { fetch } = scripted(
    () => {
      throw new TypeError("socket closed");
    },
    problem(404, "unknown_topic_or_partition"),
  );
  await new Kedge({ url: "http://n", fetch, retry }).deleteTopic("t");
  const missing = scripted(problem(404, "unknown_topic_or_partition"));
  const error = await new Kedge({ url: "http://n", fetch: missing.fetch, retry })
    .deleteTopic("t")
    .catch((error: KedgeError) => error.status);
  expect(error).toBe(404);
});

test.each(["banana", "", "ftp://n", "127.0.0.1:8080"])("%p is no address", (url) => {
  expect(() => new Kedge({ url })).toThrow("url must be a node's address such as http://");
});

test("no options at all are told that an address is wanted", () => {
  expect(() => Reflect.construct(Kedge, [])).toThrow("url must be a node's address");
});
