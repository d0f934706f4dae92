/**
 * The client before a server that is no node, or one that lies: what cannot be is `bad_answer`, and what brings nothing is not
 * asked for on and on.
 */
import { expect, test } from "bun:test";
import { Kedge, KedgeError, type NewRecord } from "../../../src/client/client.ts";
import { readLines } from "../../../src/client/lines.ts";
import { EventParser } from "../../../src/client/sse.ts";
import { pieces, problem, scripted, type Step } from "./fake-node.ts";

const retry = { delayMs: 1, delayMaxMs: 2, budgetMs: 50 };
const ends = { log_start: 0, high_watermark: 3, last_stable: 3, epoch: 0 };
const record = {
  topic: "t",
  partition: 0,
  offset: 0,
  timestamp: 1,
  timestamp_type: "create",
  key: null,
  value: "v",
  headers: [],
};

function kedgeOf(...steps: Step[]): Kedge {
  return new Kedge({ url: "http://n", fetch: scripted(...steps).fetch, retry });
}

function page(more: object): Step {
  const whole = { topic: "t", partition: 0, records: [], next: 3, up_to_date: true, ...ends };
  return () => Response.json({ partitions: [{ ...whole, ...more }] });
}

const count: Step = () => Response.json({ partitions: 1 });
const event = (data: string) => pieces([`event: record\nid: c1\ndata: ${data}\n\n`], "open");

async function codeOf(call: (kedge: Kedge) => unknown, ...steps: Step[]): Promise<unknown> {
  try {
    const given = call(kedgeOf(...steps));
    const isMany = typeof given === "object" && given !== null && Symbol.asyncIterator in given;
    return isMany ? await Array.fromAsync(given as AsyncIterable<unknown>) : await given;
  } catch (error) {
    return error instanceof KedgeError ? error.code : error;
  }
}

const one: NewRecord<string> = { value: "a" };
const calls: Readonly<Record<string, (kedge: Kedge) => unknown>> = {
  produce: (kedge) => kedge.topic("t").produce(one),
  produceStream: (kedge) => kedge.topic("t").produceStream([one]),
  transact: (kedge) => kedge.transact({ produce: [{ topic: "t", records: [one] }] }),
  transactions: (kedge) => kedge.transactions("x"),
  createTopic: (kedge) => kedge.createTopic({ name: "t" }),
  topics: (kedge) => kedge.topics(),
  describe: (kedge) => kedge.describeTopic("t"),
  node: (kedge) => kedge.node(),
  fetch: (kedge) => kedge.topic("t").fetch({ partition: 0 }),
  records: (kedge) => kedge.topic("t").records(),
  "records of one": (kedge) => kedge.topic("t").records({ partition: 0 }),
  offset: (kedge) => kedge.topic("t").offset(0, "latest"),
  trim: (kedge) => kedge.topic("t").trim(0, -1),
  check: (kedge) => kedge.topic("t").check(0),
  tail: (kedge) => kedge.tail({ topics: ["t"] }),
  group: (kedge) => kedge.group("g", { topics: ["t"] }).records(),
  offsets: (kedge) => kedge.group("g", {}).offsets(),
  lag: (kedge) => kedge.group("g", {}).lag(),
};

test.each(Object.entries(calls))("%s is never answered by another's page", async (_name, call) => {
  for (const body of ["{}", "null", "7", "[]", '{"results":[null]}', "<html></html>"]) {
    const html = { headers: { "content-type": "text/html" } };
    expect([body, await codeOf(call, () => new Response(body, html))]).toEqual([
      body,
      "bad_answer",
    ]);
  }
});

test("what is answered with nothing is not done by a proxy's page", async () => {
  const reset = (kedge: Kedge) => kedge.group("g", {}).reset([]);
  expect(await codeOf(reset, () => new Response("<html>"))).toBe("bad_answer");
  expect(await codeOf(reset, () => new Response(null, { status: 204 }))).toBeUndefined();
});

test("acks=0 has no results, in one answer or by the line", async () => {
  const given = { partition: -1, offset: -1, timestamp: null };
  const produce = (kedge: Kedge) => kedge.topic("t").produce(one, { acks: 0 });
  expect(await codeOf(produce, () => Response.json({}, { status: 202 }))).toEqual(given);
  expect(await codeOf(produce, () => new Response("<html>"))).toBe("bad_answer");
  const lines = (kedge: Kedge) => kedge.topic("t").produceStream([one], { acks: 0 });
  const { fetch } = scripted(() => new Response("{}\n"));
  const draining = new Kedge({
    url: "http://n",
    retry,
    fetch: async (url, init) => {
      await new Response(init.body).text();
      return fetch(url, { ...init, body: null });
    },
  });
  expect(await Array.fromAsync(lines(draining))).toEqual([given]);
});

test.each([
  ["a foreign partition", page({ partition: 77 })],
  ["the same partition twice", () => Response.json({ partitions: [record, record] })],
  ["none of what was asked", () => Response.json({ partitions: [] })],
  ["records that are none", page({ records: [null, 5] })],
  ["a record that lacks its time", page({ records: [{ ...record, timestamp: undefined }] })],
  ["a key of nonsense", page({ records: [{ ...record, key: { x: 1 } }] })],
  ["base64 that is none", page({ records: [{ ...record, key: { b64: "***" } }] })],
  ["headers that are none", page({ records: [{ ...record, headers: 7 }] })],
  ["the same records again", page({ records: [record], next: 0 })],
  ["no place to read on from", page({ next: null })],
] as [string, Step][])("a page cannot hold %s", async (_name, step) => {
  expect(await codeOf((kedge) => kedge.topic("t").records(), count, step)).toBe("bad_answer");
});

test("a page cannot lead back, nor a gap to where it begins", async () => {
  const reading = (kedge: Kedge) => kedge.topic("t").records({ partition: 0, from: 2, onGap() {} });
  expect(await codeOf(reading, page({ next: 1 }))).toBe("bad_answer");
  expect(await codeOf(reading, problem(410, "offset_trimmed", { earliest: 2 }))).toBe(
    "offset_trimmed",
  );
});

test("lists that never end are an error", async () => {
  const topics: Step = () => Response.json({ topics: [], next: "a" });
  expect(await codeOf((kedge) => kedge.topics(), topics)).toBe("bad_answer");
  const found = { from: 0, next: 0, end: 5, batches: 0, bytes: 0, damaged: [] };
  const check: Step = () => Response.json(found);
  expect(await codeOf((kedge) => kedge.topic("t").check(0), check)).toBe("bad_answer");
});

test.each(["{not json", "7", "{}", JSON.stringify({ ...record, headers: [7] })])(
  "a tail's event cannot be %s",
  async (data) => {
    const tail = (kedge: Kedge) => kedge.tail({ topics: ["t"] });
    expect(await codeOf(tail, event(data))).toBe("bad_answer");
  },
);

/** How often the node is asked by a reader that pauses for long, until it has had every chance to ask again. */
async function askedBy(
  read: (kedge: Kedge, signal: AbortSignal) => AsyncIterable<unknown>,
  ...steps: Step[]
): Promise<number> {
  const stop = new AbortController();
  const { fetch, seen } = scripted(...steps);
  const slow = { delayMs: 1e8, delayMaxMs: 1e8 };
  const kedge = new Kedge({
    url: "http://n",
    retry: slow,
    fetch: (url, init) => {
      if (seen.length >= 20) stop.abort();
      return fetch(url, init);
    },
  });
  const reading = Array.fromAsync(read(kedge, stop.signal)).catch(() => {});
  for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
  const asked = seen.length;
  stop.abort();
  await reading;
  return asked;
}

test("who follows a page that never moves, answered at once, pauses", async () => {
  const follow = (kedge: Kedge, signal: AbortSignal) =>
    kedge.topic("t").records({ follow: true, from: 0, signal });
  expect(await askedBy(follow, count, page({ next: 0 }))).toBe(2);
  // What moves is followed at once.
  const moving = await askedBy(follow, count, page({ next: 1 }), page({ next: 2 }), page({}));
  expect(moving).toBe(5);
});

test("a member whose polls are answered with nothing at once pauses", async () => {
  const assignment = [{ topic: "t", partitions: [0] }];
  const poll = { member_epoch: 1, assignment, records: [], next: [] };
  const read = (kedge: Kedge, signal: AbortSignal) =>
    kedge.group("g", { topics: ["t"], member: "m" }).records({ signal });
  const join: Step = () => Response.json({ member_epoch: 1, assignment });
  expect(await askedBy(read, join, () => Response.json(poll))).toBe(3);
});

test("a line without an end is looked through once, and bounded", async () => {
  const chunk = "a".repeat(1024 * 1024);
  const parser = new EventParser();
  const push = () => {
    for (let at = 0; at <= 64; at++) parser.push(chunk);
  };
  expect(push).toThrow("A line is larger");
  const bytes = new TextEncoder().encode(chunk);
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent++ > 100) controller.close();
      else controller.enqueue(bytes);
    },
  });
  const failed = await Array.fromAsync(readLines(body)).catch((error: unknown) => error);
  expect((failed as KedgeError).code).toBe("bad_answer");
  expect(sent).toBeLessThan(70);
});
