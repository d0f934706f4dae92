/**
 * Producing through the client against a scripted node: nothing twice, nothing out of order, nothing failed for its
 * neighbour's fault.
 */
import { expect, test } from "bun:test";
import * as v from "valibot";
import {
  type Fetch,
  Kedge,
  KedgeError,
  ProduceError,
  SchemaError,
} from "../../../src/client/client.ts";
import { FakeLog, lost, problem, receipts, scripted, type Seen } from "./fake-node.ts";

const quick = { delayMs: 1, delayMaxMs: 2, budgetMs: 2_000 };

function kedgeOver(fetch: ConstructorParameters<typeof Kedge>[0]["fetch"]) {
  return new Kedge({ url: "http://node:1/", token: "secret", fetch, retry: quick });
}

function bodies(seen: readonly Seen[]): unknown[] {
  return seen.map(({ body }) => (body as { records: unknown[] }).records);
}

test("a record goes out with all its parts, and its receipt comes back", async () => {
  const { fetch, seen } = scripted(receipts(7, 3));
  const topic = kedgeOver(fetch).topic("a/b");
  const receipt = await topic.produce({
    key: "k",
    value: { n: 1 },
    headers: { h: "1", raw: Uint8Array.of(255) },
    partition: 3,
    timestamp: new Date(5),
  });
  expect(receipt).toEqual({ partition: 3, offset: 7, timestamp: 1 });
  expect(seen[0]?.url.pathname).toBe("/v1/topics/a%2Fb/records");
  expect(seen[0]?.headers.get("authorization")).toBe("Bearer secret");
  const headers = [
    ["h", "1"],
    ["raw", { b64: "/w==" }],
  ];
  expect(bodies(seen)).toEqual([
    [{ value: { json: { n: 1 } }, key: "k", headers, partition: 3, timestamp: 5 }],
  ]);
});

test("a lost answer makes no duplicate: the request comes again under its key", async () => {
  const log = new FakeLog();
  log.losing = 2;
  const topic = kedgeOver(log.fetch).topic("t");
  expect((await topic.produce({ value: "once" })).offset).toBe(0);
  expect(log.records).toEqual([{ offset: 0, value: "once" }]);
  expect(new Set(log.requests).size).toBe(1);
  expect(log.requests.length).toBe(3);
});

test("calls that do not wait share requests, and keep their order through lost answers", async () => {
  const log = new FakeLog();
  log.losing = 3;
  const topic = kedgeOver(log.fetch).topic("t", { limits: { batchRecordsMax: 10 } });
  const values = Array.from({ length: 95 }, (_, index) => String(index));
  const receipts = await Promise.all(values.map((value) => topic.produce({ value })));
  expect(log.records.map(({ value }) => value)).toEqual(values);
  expect(receipts.map(({ offset }) => offset)).toEqual(values.map(Number));
  expect(new Set(log.requests).size).toBe(10);
});

test("Retry-After is honoured, in the header and in the document", async () => {
  for (const told of [{ headers: { "retry-after": "1" } }, { retry_after_ms: 1_000 }]) {
    const { fetch, seen } = scripted(
      problem(503, "not_leader_or_follower", { retryable: true, ...told }),
      receipts(),
    );
    const topic = new Kedge({ url: "http://n", fetch, retry: { budgetMs: 900 } }).topic("t");
    // One second is more than the budget: the error comes at once, and tells how long.
    const error = await topic.produce({ value: "x" }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(KedgeError);
    expect((error as KedgeError).retryAfterMs).toBe(1_000);
    expect(seen.length).toBe(1);
  }
});

test("the node's own pause is waited out before the next try", async () => {
  const { fetch, seen } = scripted(
    problem(429, "throttling_quota_exceeded", { retryable: true, retry_after_ms: 25 }),
    receipts(),
  );
  const started = performance.now();
  await kedgeOver(fetch).topic("t").produce({ value: "x" });
  expect(performance.now() - started).toBeGreaterThanOrEqual(24);
  expect(seen.length).toBe(2);
});

test("what is not retryable is not retried", async () => {
  const { fetch, seen } = scripted(problem(404, "unknown_topic_or_partition"));
  const failed = kedgeOver(fetch).topic("t").produce({ value: "x" });
  expect(await failed.catch((error: KedgeError) => [error.code, error.status])).toEqual([
    "unknown_topic_or_partition",
    404,
  ]);
  expect(seen.length).toBe(1);
});

test("a record that is refused does not take its neighbours with it", async () => {
  const { fetch, seen } = scripted((request) => {
    const { records } = request.body as { records: { value: string }[] };
    if (records.some(({ value }) => value === "big"))
      return problem(413, "message_too_large")(request);
    return receipts(seen.length)(request);
  });
  const topic = kedgeOver(fetch).topic("t");
  const error = await topic
    .produce([{ value: "a" }, { value: "big" }, { value: "b" }])
    .catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ProduceError);
  const { results } = error as ProduceError;
  expect(results.map((result) => (result instanceof Error ? "refused" : "kept"))).toEqual([
    "kept",
    "refused",
    "kept",
  ]);
  expect(bodies(seen).length).toBe(5);
});

test("what is too much for one request goes in halves", async () => {
  const log = new FakeLog();
  const fetch: Fetch = (url, init) => {
    const records = (JSON.parse(init.body as string) as { records: unknown[] }).records;
    return records.length > 300
      ? Promise.resolve(Response.json({ code: "message_too_large" }, { status: 413 }))
      : log.fetch(url, init);
  };
  const values = Array.from({ length: 1_000 }, (_, n) => ({ value: String(n) }));
  await kedgeOver(fetch).topic("t").produce(values);
  expect(log.records.map(({ value }) => value)).toEqual(values.map(({ value }) => value));
  expect(log.requests.length).toBe(4);
});

test("partitions that took their records are not written again when others are retried", async () => {
  const busy = {
    code: "not_leader_or_follower",
    status: 503,
    retryable: true,
    side_effects: "none",
  };
  const stands = { partition: 0, offset: 4, timestamp: 1, status: 200 };
  const { fetch, seen } = scripted(
    () =>
      Response.json(
        { results: [stands, { partition: 1, status: 503, error: busy }] },
        { status: 207 },
      ),
    () => Response.json({ results: [stands, { ...stands, partition: 1 }], duplicate: true }),
  );
  const receipts = await kedgeOver(fetch)
    .topic("t")
    .produce([
      { value: "a", partition: 0 },
      { value: "b", partition: 1 },
    ]);
  expect(receipts.map(({ partition }) => partition)).toEqual([0, 1]);
  expect(seen[0]?.headers.get("idempotency-key")).toBe(
    seen[1]?.headers.get("idempotency-key") ?? "",
  );
});

test("expectOffset goes alone, to its partition", async () => {
  const { fetch, seen } = scripted(receipts(5), problem(412, "offset_mismatch", { actual: 6 }));
  const topic = kedgeOver(fetch).topic("t");
  const records = [{ value: "a" }, { value: "b" }];
  await topic.produceExpecting(records, { partition: 0, expectOffset: 5 });
  expect(seen[0]?.url.pathname).toBe("/v1/topics/t/partitions/0/records");
  expect(seen[0]?.body).toEqual({ records, expect: { offset: 5 } });
  const late = topic.produceExpecting(records, { partition: 0, expectOffset: 5 });
  expect(await late.catch((error: KedgeError) => error.problem["actual"])).toBe(6);
});

test("acks=0 gives receipts without offsets and never shares with acks=all", async () => {
  const { fetch, seen } = scripted((request) =>
    request.url.searchParams.get("acks") === "0"
      ? Response.json({}, { status: 202 })
      : receipts()(request),
  );
  const topic = kedgeOver(fetch).topic("t");
  const [careless, careful] = await Promise.all([
    topic.produce({ value: "a" }, { acks: 0 }),
    topic.produce({ value: "b" }),
  ]);
  expect([careless.offset, careful.offset]).toEqual([-1, 0]);
  expect(seen.length).toBe(2);
});

test("send waits for room, flush tells the first failure once", async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const { fetch, seen } = scripted(
    async (request) => (await gate, receipts()(request)),
    problem(403, "topic_authorization_failed"),
  );
  const topic = kedgeOver(fetch).topic("t", { limits: { queueCharsMax: 30 } });
  await topic.send({ value: "first" });
  await Bun.sleep(0);
  await topic.send({ value: "waits" });
  let roomy = false;
  const full = topic.send({ value: "waits too" }).then(() => (roomy = true));
  await Bun.sleep(1);
  expect([roomy, seen.length]).toEqual([false, 1]);
  release();
  await full;
  expect(await topic.flush().catch((error: KedgeError) => error.code)).toBe(
    "topic_authorization_failed",
  );
  await topic.flush();
});

test("an aborted call rejects with the signal's reason; if it had not left, it never does", async () => {
  const log = new FakeLog();
  const topic = kedgeOver(log.fetch).topic("t");
  const controller = new AbortController();
  const first = topic.produce({ value: "goes" });
  const second = topic.produce({ value: "stays" }, { signal: controller.signal });
  controller.abort(new Error("enough"));
  expect(await second.catch((error: Error) => error.message)).toBe("enough");
  await first;
  await topic.flush();
  expect(log.records.map(({ value }) => value)).toEqual(["goes"]);
});

test("an unreachable node is told after the budget, with what may have happened", async () => {
  const { fetch, seen } = scripted(lost());
  const kedge = new Kedge({
    url: "http://n",
    fetch,
    retry: { delayMs: 1, delayMaxMs: 2, budgetMs: 100 },
  });
  const error = await kedge
    .topic("t")
    .produce({ value: "x" })
    .catch((error: KedgeError) => error);
  expect(error).toMatchObject({ code: "unreachable", sideEffects: "unknown", status: 0 });
  expect(seen.length).toBeGreaterThan(2);
});

test("schemas check what goes in, and a slow one keeps its place", async () => {
  const log = new FakeLog();
  const slow = v.pipeAsync(
    v.object({ n: v.number() }),
    v.checkAsync(async ({ n }) => (await Bun.sleep(n === 0 ? 5 : 0), n >= 0), "is negative"),
  );
  const topic = kedgeOver(log.fetch).topic("t", { value: slow, key: v.pipe(v.string(), v.uuid()) });
  const good = [0, 1, 2].map((n) => topic.produce({ value: { n } }));
  const negative = topic.produce({ value: { n: -1 } });
  const keyed = topic.produce({ key: "no uuid", value: { n: 3 } });
  const bad = await Promise.allSettled([negative, keyed]);
  expect(bad.map((result) => result.status === "rejected" && result.reason)).toEqual([
    expect.any(SchemaError),
    expect.any(SchemaError),
  ]);
  await Promise.all(good);
  await topic.produce({ value: null });
  expect(log.records.map(({ value }) => value)).toEqual([
    { json: { n: 0 } },
    { json: { n: 1 } },
    { json: { n: 2 } },
    null,
  ]);
});

test("NDJSON streams up and down, and a cut one says what is unsettled", async () => {
  const fetch = (cut: boolean) => async (_url: string, init: RequestInit) => {
    if (!(init.body instanceof ReadableStream)) throw new TypeError("no stream");
    const text = await new Response(init.body).text();
    const lines = text
      .trim()
      .split("\n")
      .slice(0, cut ? 1 : undefined);
    const answer = lines.map((_, index) =>
      JSON.stringify({ partition: 0, offset: index, timestamp: 1 }),
    );
    return new Response(answer.join("\n"));
  };
  async function* source() {
    yield { value: "a" };
    yield { value: "b" };
  }
  const whole = await Array.fromAsync(kedgeOver(fetch(false)).topic("t").produceStream(source()));
  expect(whole.map(({ offset }) => offset)).toEqual([0, 1]);
  const part = kedgeOver(fetch(true)).topic("t").produceStream(source());
  expect((await part.next()).value).toMatchObject({ offset: 0 });
  expect(await part.next().catch((error: KedgeError) => [error.code, error.sideEffects])).toEqual([
    "unreachable",
    "unknown",
  ]);
});
