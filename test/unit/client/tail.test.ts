/**
 * Following: the parser of server-sent events, and a tail that resumes after cuts without a gap or a repeat.
 */
import { expect, spyOn, test } from "bun:test";
import { array, assert, nat, property, uint8Array } from "fast-check";
import { Kedge, KedgeError, type TailEvent } from "../../../src/client/client.ts";
import { fromBase64, toBase64 } from "../../../src/client/data.ts";
import { EventParser } from "../../../src/client/sse.ts";
import { lost, pieces, problem, scripted } from "./fake-node.ts";

const retry = { delayMs: 1, delayMaxMs: 2, budgetMs: 500 };

const cases: readonly [
  name: string,
  text: string,
  events: (readonly [string, string, string])[],
][] = [
  ["data alone", "data: a\n\n", [["message", "a", ""]]],
  ["several lines", "data: a\ndata:b\ndata\n\n", [["message", "a\nb\n", ""]]],
  [
    "type and id",
    "event: gap\nid: 7\ndata: x\n\ndata: y\n\n",
    [
      ["gap", "x", "7"],
      ["message", "y", "7"],
    ],
  ],
  [
    "every line end",
    "data: a\r\n\r\ndata: b\r\rdata: c\n\n",
    [
      ["message", "a", ""],
      ["message", "b", ""],
      ["message", "c", ""],
    ],
  ],
  ["a byte order mark", "\ufeffdata: a\n\n", [["message", "a", ""]]],
  ["comments", ": ping\n\n", [["ping", "ping", ""]]],
  [
    "no data, no event",
    "event: x\nid: 1\n\ndata: a\n\n",
    [
      ["ping", "", "1"],
      ["message", "a", "1"],
    ],
  ],
  ["a cut event", "data: a\n\ndata: b\n", [["message", "a", ""]]],
  ["an id with NUL", "id: a\0b\ndata: a\n\n", [["message", "a", ""]]],
];

test.each(cases)("events are parsed however the text is cut: %s", (_name, text, events) => {
  assert(
    property(array(nat(text.length), { maxLength: 5 }), (cuts) => {
      const parser = new EventParser();
      const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      const parts = at.slice(1).map((end, index) => text.slice(at[index], end));
      const found = parts.flatMap((part) => parser.push(part));
      expect(found.map(({ type, data, id }) => [type, data, id] as const)).toEqual(events);
    }),
    { numRuns: 50 },
  );
});

test("base64 both ways is the platform's", () => {
  assert(
    property(uint8Array({ maxLength: 20_000 }), (bytes) => {
      expect(toBase64(bytes)).toBe(bytes.toBase64());
      expect(fromBase64(bytes.toBase64())).toEqual(new Uint8Array(bytes));
    }),
    { numRuns: 50 },
  );
});

function event(offset: number): string {
  const record = { topic: "t", partition: 0, offset, timestamp: 1, timestamp_type: "create" };
  const data = JSON.stringify({ ...record, key: null, value: `v${offset}`, headers: [] });
  return `event: record\nid: c${offset}\ndata: ${data}\n\n`;
}

async function take(events: AsyncIterable<TailEvent>, count: number): Promise<TailEvent[]> {
  const taken: TailEvent[] = [];
  for await (const next of events) if (taken.push(next) === count) break;
  return taken;
}

test("a tail resumes by its cursor after a cut, an end and a refusal that passes", async () => {
  const gap = { topic: "t", partition: 0, from: 2, to: 5, reason: "trimmed" };
  const { fetch, seen } = scripted(
    pieces([`retry: 250\nid: c-\n\n`, `id: half a`], "break"),
    pieces([": ping\n\n", event(0), `${event(1)}data: half an ev`], "break"),
    lost(),
    pieces([
      `event: end\ndata: ${JSON.stringify({ reason: "failed", error: { status: 503, retryable: true } })}\n\n`,
    ]),
    problem(503, "not_leader_or_follower", { retryable: true, retry_after_ms: 1 }),
    pieces([`event: gap\nid: c4\ndata: ${JSON.stringify(gap)}\n\n`, `event: end\ndata: {}\n\n`]),
    pieces([event(5)], "open"),
  );
  const kedge = new Kedge({ url: "http://n", fetch, retry });
  const events = await take(kedge.tail({ topics: ["t", "u"], from: "latest" }), 4);
  expect(events.map((next) => (next.type === "record" ? next.record.value : next.gap))).toEqual([
    "v0",
    "v1",
    gap,
    "v5",
  ]);
  expect(events.at(-1)?.cursor).toBe("c5");
  expect(seen.map(({ url }) => url.search)).toEqual([
    "?topic=t&topic=u&from=latest",
    "?topic=t&topic=u&cursor=c-",
    "?topic=t&topic=u&cursor=c1",
    "?topic=t&topic=u&cursor=c1",
    "?topic=t&topic=u&cursor=c1",
    "?topic=t&topic=u&cursor=c1",
    "?topic=t&topic=u&cursor=c4",
  ]);
});

test("a node that pings and ends, on and on, is asked ever more seldom, and for as long as it takes", async () => {
  const pings = Array.from({ length: 12 }, () =>
    pieces([": ping\n\n", `event: end\ndata: {}\n\n`]),
  );
  const { fetch } = scripted(...pings, pieces([event(0)]), pieces([event(1)], "open"));
  const pauses: number[] = [];
  const waits = spyOn(globalThis, "setTimeout").mockImplementation(((wake: () => void, ms = 0) => {
    if (ms < 20_000) {
      pauses.push(ms);
      queueMicrotask(wake);
    }
    return 0;
  }) as typeof setTimeout);
  try {
    const policy = { delayMs: 4, delayMaxMs: 512, budgetMs: 20_000 };
    const kedge = new Kedge({ url: "http://n", fetch, retry: policy });
    expect(await take(kedge.tail({ topics: ["t"] }), 2)).toHaveLength(2);
  } finally {
    waits.mockRestore();
  }
  expect(pauses).toHaveLength(13);
  for (const [at, ms] of pauses.slice(0, 12).entries())
    expect(ms).toBeGreaterThanOrEqual(Math.min(512, 4 * 2 ** at) / 2);
  // After a record it begins anew.
  expect(pauses[12]).toBeLessThanOrEqual(4);
});

test("a tail is over when its topics are", async () => {
  const gap = { topic: "t", partition: 0, from: 2, to: null, reason: "deleted" };
  const { fetch, seen } = scripted(
    pieces([
      `event: gap\nid: c1\ndata: ${JSON.stringify(gap)}\n\n`,
      `event: end\nid: c1\ndata: {"reason":"deleted"}\n\n`,
    ]),
  );
  const kedge = new Kedge({ url: "http://n", fetch, retry });
  expect((await Array.fromAsync(kedge.tail({ topics: ["t"] }))).length).toBe(1);
  expect(seen.length).toBe(1);
});

test("a tail of an unknown topic fails at once; one that cannot connect, after its budget", async () => {
  const refused = scripted(problem(404, "unknown_topic_or_partition"));
  const kedge = new Kedge({ url: "http://n", fetch: refused.fetch, retry });
  const error = await take(kedge.tail({ topics: ["t"] }), 1).catch((error: unknown) => error);
  expect((error as KedgeError).code).toBe("unknown_topic_or_partition");
  expect(refused.seen.length).toBe(1);
  const away = scripted(lost());
  const far = new Kedge({ url: "http://n", fetch: away.fetch, retry: { ...retry, budgetMs: 20 } });
  const late = await take(far.tail({ topics: ["t"] }), 1).catch((error: unknown) => error);
  expect((late as KedgeError).code).toBe("unreachable");
});

test("a tail closes its connection when its reader leaves", async () => {
  const { fetch } = scripted((request) => pieces([event(0)], "open")(request));
  const signals: (AbortSignal | null | undefined)[] = [];
  const kedge = new Kedge({
    url: "http://n",
    retry,
    fetch: (url, init) => (signals.push(init.signal), fetch(url, init)),
  });
  await take(kedge.tail({ topics: ["t"] }), 1);
  expect(signals[0]?.aborted).toBe(true);
});
