/**
 * What happens to a request before and after its route: guards, validation, problems, request ids. The broker is a
 * stand-in that refuses as told; what the log does is the conformance suites' affair.
 */
import { describe, expect, test } from "bun:test";
import type { Broker } from "../../../src/broker/verbs.ts";
import type { HttpAppOptions } from "../../../src/http/app.ts";
import { Bug } from "../../../src/lib/assert.ts";
import { Refusal } from "../../../src/lib/refusal.ts";
import { StorageFault } from "../../../src/storage/storage.ts";
import { doorBefore, standingClock } from "./stand-in-door.ts";

const app = (verbs: Partial<Broker> = {}, options: Partial<HttpAppOptions> = {}) =>
  doorBefore({ listTopics: () => [], ...verbs }, options);

const refusing = (error: unknown): Partial<Broker> => ({
  listTopics() {
    throw error;
  },
});

describe("a URL that came before", () => {
  const url = "http://127.0.0.1/v1/topics";

  test("is answered by the same rules again", async () => {
    const door = app({}, { auth: { token: "secret" } });
    const good = { headers: { authorization: "Bearer secret" } };
    expect((await door.fetch(new Request(url, good))).status).toBe(200);
    expect((await door.fetch(new Request(url))).status).toBe(401);
    expect((await door.fetch(new Request(`${url}?nonsense=1`, good))).status).toBe(400);
    expect((await door.fetch(new Request(url, good))).status).toBe(200);
    expect((await door.fetch(new Request(url, { ...good, method: "DELETE" }))).status).toBe(405);
  });

  test("has no body for HEAD, whichever came first", async () => {
    const door = app();
    for (const method of ["HEAD", "GET", "HEAD"]) {
      const answer = await door.fetch(new Request(url, { method }));
      expect(answer.status).toBe(200);
      expect((await answer.text()).length > 0).toBe(method === "GET");
    }
  });

  test("tells HEAD how long the body of GET is", async () => {
    const door = app();
    const length = (await (await door.fetch(new Request(url))).arrayBuffer()).byteLength;
    for (let times = 0; times < 2; times++) {
      const answer = await door.fetch(new Request(url, { method: "HEAD" }));
      expect(answer.headers.get("content-length")).toBe(String(length));
    }
    const missing = new Request("http://127.0.0.1/v1/nothing", { method: "HEAD" });
    const refused = await door.fetch(missing);
    expect(refused.status).toBe(404);
    expect(Number(refused.headers.get("content-length"))).toBeGreaterThan(100);
  });

  test("is found again after more URLs than are remembered", async () => {
    const door = app({
      describeTopic() {
        throw new Refusal("unknown_topic_or_partition", "none");
      },
    });
    for (let at = 0; at < 1_200; at++) {
      const answer = await door.fetch(new Request(`${url}/t${at}`));
      expect(answer.status).toBe(404);
    }
    expect((await door.fetch(new Request(url))).status).toBe(200);
  });
});

describe("problems", () => {
  test("each kind says what to do, as JSON and as a page", async () => {
    const door = app({});
    const body: unknown = await (await door.request("/errors")).json();
    for (const { code, advice } of Object(body).errors)
      expect([code, advice]).toEqual([code, expect.stringMatching(/^[A-Z`].{9,}\.$/)]);
    const headers = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
    for (const path of ["/errors", "/errors/storage_full"]) {
      const page = await door.request(path, { headers });
      expect(page.headers.get("content-type")).toStartWith("text/html");
      expect(page.headers.get("vary")?.toLowerCase()).toContain("accept");
      expect(await page.text()).toContain("Make room on the disk");
    }
    const one: unknown = await (await door.request("/errors/storage_full")).json();
    expect(one).toMatchObject({ advice: expect.stringContaining("Make room") });
  });

  const cases: [string, unknown, number, Record<string, unknown>, string | null][] = [
    [
      "a refusal keeps its facts",
      new Refusal("offset_trimmed", "gone", { earliest: 7 }),
      410,
      { code: "offset_trimmed", earliest: 7, kafka_error: 1, retryable: false },
      null,
    ],
    [
      "a topic that is not there: how to make it",
      new Refusal("unknown_topic_or_partition", 'There is no topic "nope".', { topic: "nope" }),
      404,
      { detail: expect.stringMatching(/POST \/v1\/topics.*create=true/) },
      null,
    ],
    [
      "503 says when to come back",
      new Refusal("not_leader_or_follower", "moved"),
      503,
      { code: "not_leader_or_follower", retryable: true, side_effects: "none" },
      "1",
    ],
    [
      "429 takes the time it is told",
      new Refusal("throttling_quota_exceeded", "slow", { retry_after_ms: 2_500 }),
      429,
      { retry_after_ms: 2_500 },
      "3",
    ],
    [
      "a full disk",
      new StorageFault("full", "no space"),
      507,
      { code: "storage_full", side_effects: "none" },
      "10",
    ],
    [
      "a fault of unknown outcome",
      new StorageFault("io", "disk", { outcome: "unknown" }),
      503,
      { code: "kafka_storage_error", side_effects: "unknown" },
      "1",
    ],
    [
      "a time-out may have been carried out",
      new Refusal("request_timed_out", "late"),
      504,
      { side_effects: "unknown" },
      null,
    ],
    [
      "a bug's message stays inside",
      new TypeError("secret"),
      500,
      { code: "unknown_server_error" },
      null,
    ],
  ];
  for (const [name, error, status, members, retryAfter] of cases)
    test(name, async () => {
      const response = await app(refusing(error)).request("/v1/topics");
      const document = await response.json();
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(response.headers.get("retry-after")).toBe(retryAfter);
      expect(document).toMatchObject({ status, ...members });
      expect(document.instance).toBe(`/v1/requests/${response.headers.get("request-id")}`);
      expect(document.type).toBe(`/errors/${document.code}`);
      expect(JSON.stringify(document)).not.toContain("secret");
    });

  test("a broken invariant is told to the node", async () => {
    let told: unknown = null;
    const bug = new Bug("no");
    await app(refusing(bug), { onBug: (error) => (told = error) }).request("/v1/topics");
    expect(told).toBe(bug);
  });
});

test("a request that takes too long is told so, and that it may still be carried out", async () => {
  let nowMs = 0;
  const timers: (() => void)[] = [];
  const slow = app(
    { createTopic: () => new Promise(() => {}) },
    {
      limits: { requestMs: 5_000 },
      clock: {
        ...standingClock(),
        monotonicMs: () => nowMs,
        after(_delayMs, fire) {
          timers.push(fire);
          return { cancel() {} };
        },
      },
    },
  );
  const answer = slow.request("/v1/topics", { method: "POST", body: '{"name":"a"}' });
  for (nowMs = 0; nowMs <= 6_000; nowMs += 1_000) {
    await Bun.sleep(0);
    timers.pop()?.();
  }
  const response = await answer;
  expect(response.status).toBe(504);
  expect(await response.json()).toMatchObject({
    code: "request_timed_out",
    side_effects: "unknown",
    retryable: true,
  });
  expect(timers).toEqual([]);
});

test("a group's stream without topics is told the field by its name there", async () => {
  const answer = await app().request("/v1/groups/g/stream");
  expect(answer.status).toBe(400);
  expect((await answer.json()).detail).toContain("in `topic`,");
});

describe("routing", () => {
  const cases: [string, string, RequestInit, number, Record<string, string>][] = [
    ["unknown path", "/v1/nothing", {}, 404, {}],
    ["wrong method", "/v1/topics", { method: "PUT" }, 405, { allow: "OPTIONS, POST, GET, HEAD" }],
    ["options", "/v1/topics", { method: "OPTIONS" }, 204, { allow: "OPTIONS, POST, GET, HEAD" }],
    ["head", "/v1/topics", { method: "HEAD" }, 200, {}],
    ["unknown query parameter", "/v1/topics?limt=1", {}, 400, {}],
    ["a parameter twice", "/v1/topics?limit=1&limit=2", {}, 400, {}],
    ["a parameter out of range", "/v1/topics?limit=1001", {}, 400, {}],
    ["bytes that are not UTF-8", "/v1/topics?after=%ff", {}, 400, {}],
    ["malformed JSON", "/v1/topics", { method: "POST", body: "{" }, 400, {}],
    ["no body", "/v1/topics", { method: "POST" }, 400, {}],
    ["unknown member", "/v1/topics", { method: "POST", body: '{"name":"a","x":1}' }, 400, {}],
    ["wrong type", "/v1/topics", { method: "POST", body: '{"name":1}' }, 400, {}],
    ["huge integer", "/v1/topics", { method: "POST", body: '{"partitions":1e99}' }, 400, {}],
    ["deep nesting", "/v1/topics", { method: "POST", body: "[".repeat(1e6) }, 400, {}],
    [
      "not JSON",
      "/v1/topics",
      { method: "POST", body: "{}", headers: { "content-type": "image/png" } },
      415,
      { accept: "application/json" },
    ],
    [
      "unknown encoding",
      "/v1/topics",
      { method: "POST", body: "{}", headers: { "content-encoding": "br" } },
      415,
      { "accept-encoding": "gzip, zstd" },
    ],
    [
      "damaged gzip",
      "/v1/topics",
      { method: "POST", body: "{}", headers: { "content-encoding": "gzip" } },
      400,
      {},
    ],
  ];
  for (const [name, path, init, status, headers] of cases)
    test(name, async () => {
      const json = { "content-type": "application/json" };
      const request = init.method === "POST" ? { headers: json, ...init } : init;
      const response = await app().request(path, request);
      expect(response.status).toBe(status);
      expect(response.headers.get("request-id")).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
      for (const [header, value] of Object.entries(headers))
        expect(response.headers.get(header)).toBe(value);
      if (status >= 400)
        expect(response.headers.get("content-type")).toBe("application/problem+json");
    });

  test("a body over the limit, a bomb", async () => {
    const small = app({}, { limits: { bodyBytesMax: 1_000 } });
    const send = (body: Uint8Array<ArrayBuffer>, encoding?: string) =>
      small.request("/v1/topics", {
        method: "POST",
        body,
        headers: encoding ? { "content-encoding": encoding } : {},
      });
    expect((await send(new Uint8Array(1_001))).status).toBe(413);
    expect((await send(Bun.gzipSync(new Uint8Array(500_000)), "gzip")).status).toBe(413);
    const zstd = new Uint8Array(Bun.zstdCompressSync(new Uint8Array(500_000)));
    expect((await send(zstd, "zstd")).status).toBe(413);
  });
});

describe("guards", () => {
  const token = { auth: { token: "s3cret" } };

  test("what to try names the token where one is wanted", async () => {
    const tries = async (options: object): Promise<string> =>
      (await app({}, options).request("/")).text();
    expect(await tries(token)).toContain("curl -H 'Authorization: Bearer TOKEN' -d hello");
    expect(await tries({})).not.toContain("Authorization");
  });

  const cors = { corsOrigins: ["https://app.example"] };
  const cases: [string, Partial<HttpAppOptions>, Record<string, string>, number][] = [
    ["a foreign origin", {}, { origin: "https://evil.example" }, 403],
    ["a null origin", {}, { origin: "null" }, 403],
    ["the same origin", {}, { origin: "http://localhost" }, 200],
    ["a listed origin", cors, { origin: "https://app.example" }, 200],
    ["a listed origin, no token", { ...cors, ...token }, { origin: "https://app.example" }, 401],
    ["a listed origin, no such route", cors, { origin: "https://app.example" }, 404],
    ["another than the listed", cors, { origin: "https://app.example.evil" }, 403],
    ["any origin", { corsOrigins: ["*"] }, { origin: "https://x.example" }, 200],
    ["no token", token, {}, 401],
    ["a wrong token", token, { authorization: "Bearer wrong" }, 401],
    ["another scheme", token, { authorization: "Basic s3cret" }, 401],
    ["the token", token, { authorization: "Bearer s3cret" }, 200],
    ["the token, scheme in capitals", token, { authorization: "BEARER s3cret" }, 200],
  ];
  for (const [name, options, headers, status] of cases)
    test(name, async () => {
      const path = status === 404 ? "/nowhere" : "/v1/topics";
      const response = await app({}, options).request(path, { headers });
      expect(response.status).toBe(status);
      expect(response.headers.has("www-authenticate")).toBe(status === 401);
      const allowed = response.headers.get("access-control-allow-origin");
      expect(allowed).toBe(options.corsOrigins && status !== 403 ? headers["origin"]! : null);
    });

  test("a listed page may read that the host is wrong", async () => {
    const headers = { origin: "https://app.example" };
    const { request } = app({}, cors);
    for (const method of ["GET", "PUT"]) {
      const response = await request("http://evil.example/v1/topics", { method, headers });
      expect(response.status).toBe(421);
      expect(response.headers.get("access-control-allow-origin")).toBe(headers.origin);
    }
  });

  const hosts: [string, readonly string[], number][] = [
    ["localhost:8080", [], 200],
    ["127.0.0.1:8080", [], 200],
    ["[::1]:8080", [], 200],
    ["192.168.1.5", [], 200],
    ["evil.example", [], 421],
    ["127.0.0.1.evil.example", [], 421],
    ["kedge.example:8080", ["kedge.example"], 200],
    ["KEDGE.example", ["kedge.example"], 200],
    ["any.example", ["*"], 200],
  ];
  for (const [host, listed, status] of hosts)
    test(`host ${host}`, async () => {
      const response = await app({}, { hosts: listed }).request(`http://${host}/v1/topics`);
      expect(response.status).toBe(status);
    });

  test("a preflight names methods and headers, those of records too", async () => {
    const response = await app({}, { ...cors, ...token }).request("/v1/topics", {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, kafka-header-trace",
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-methods")).toContain("POST");
    for (const header of ["kafka-header-trace", "Idempotency-Key", "Txn"])
      expect(response.headers.get("access-control-allow-headers")).toContain(header);
    expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example");
  });
});

describe("topics, paged", () => {
  const names = ["a", "b", "c", "d", "e"];
  const listTopics = () =>
    names.map((name) => ({
      name,
      id: name,
      partitions: 1,
      replicationFactor: 1,
      internal: name === "c",
    }));
  test("page after page gives each topic once, internal ones only when asked", async () => {
    const pages = async (more: string) => {
      const seen: string[] = [];
      let after = "";
      for (;;) {
        const response = await app({ listTopics }).request(`/v1/topics?limit=2${after}${more}`);
        const page = await response.json();
        seen.push(...page.topics.map((topic: { name: string }) => topic.name));
        if (page.next === null) return seen;
        after = `&after=${page.next}`;
      }
    };
    expect(await pages("")).toEqual(["a", "b", "d", "e"]);
    expect(await pages("&internal=true")).toEqual(names);
  });
});
