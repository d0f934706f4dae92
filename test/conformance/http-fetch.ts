/** Fetch from any place, many partitions, offsets by time, chunks, over any HTTP door. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { walkBatches } from "../../src/records/batch.ts";
import { ask, linesOf, newTopic, post, send, values } from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";

const batches = { headers: { accept: "application/vnd.kafka.recordbatch" } };
const lines = { headers: { accept: "application/x-ndjson" } };

export function fetchSuite(name: string, open: () => Promise<HttpDoor>): void {
  describe(`${name}: fetch`, () => {
    let door: HttpDoor;
    let topic: string;
    let path: string;
    beforeAll(async () => {
      door = await open();
      topic = await newTopic(door);
      path = `/v1/topics/${topic}/partitions/0`;
      for (let at = 0; at < 10; at++)
        await send(door, `${path}/records?timestamp=${1_000 * (at + 1)}`, `v${at}`);
    });
    afterAll(() => door.close());

    const places: [string, string[], number][] = [
      ["", ["v0", "v9"], 10],
      ["from=earliest", ["v0", "v9"], 10],
      ["from=7", ["v7", "v9"], 10],
      ["from=2&to=4", ["v2", "v3"], 4],
      ["from=4&to=4", [], 4],
      ["from=5&to=4", [], 5],
      ["from=10", [], 10],
      ["from=latest", [], 10],
      ["from=tail:2", ["v8", "v9"], 10],
      ["from=tail:99", ["v0", "v9"], 10],
      ["from=tail:0", [], 10],
      ["from=ts:3000", ["v2", "v9"], 10],
      ["from=ts:3001", ["v3", "v9"], 10],
      ["from=ts:1970-01-01T00:00:03Z", ["v2", "v9"], 10],
      ["from=ts:1970-01-01T01:00:03+01:00", ["v2", "v9"], 10],
      ["from=ts:99999", [], 10],
      ["max_records=3", ["v0", "v2"], 3],
      ["max_bytes=1", ["v0", "v0"], 1],
      ["max_bytes=1&from=9", ["v9", "v9"], 10],
      ["from=11&clamp=1", [], 10],
      ["isolation=read_uncommitted&from=8", ["v8", "v9"], 10],
      ["turn=5", ["v0", "v9"], 10],
    ];
    for (const [query, [first, last], next] of places)
      test(`?${query}`, async () => {
        const { status, body } = await ask(door, `${path}/records?${query}`);
        expect(status).toBe(200);
        const seen = body.records.map((record: { value: string }) => record.value);
        expect([seen[0], seen.at(-1), body.next]).toEqual([first, last, next]);
        expect(body).toMatchObject({
          up_to_date: next === 10,
          log_start: 0,
          high_watermark: 10,
          last_stable: 10,
          epoch: expect.any(Number),
          turn: expect.stringMatching(/^\d+$/),
        });
      });

    const refused: [string, number, string][] = [
      ["from=11", 416, "offset_out_of_range"],
      ["from=9007199254740991", 416, "offset_out_of_range"],
      ["from=9007199254740992", 400, "invalid_request"],
      ["from=-1", 400, "invalid_request"],
      ["from=", 400, "invalid_request"],
      ["from=ts:yesterday", 400, "invalid_request"],
      ["from=ts:-5", 400, "invalid_request"],
      ["from=tail:x", 400, "invalid_request"],
      ["from=max_timestamp&x=1", 400, "invalid_request"],
      ["max_records=0", 400, "invalid_request"],
      ["max_records=10001", 400, "invalid_request"],
      ["max_bytes=8388609", 400, "invalid_request"],
      ["wait_ms=25001", 400, "invalid_request"],
      ["wait_ms=1.5", 400, "invalid_request"],
      ["isolation=serializable", 400, "invalid_request"],
      ["as=xml", 400, "invalid_request"],
      ["turn=x", 400, "invalid_request"],
    ];
    for (const [query, status, code] of refused)
      test(`refused: ?${query}`, async () => {
        const answer = await ask(door, `${path}/records?${query}`);
        expect([answer.status, answer.body.code]).toEqual([status, code]);
        if (status === 416) expect(answer.body.latest).toBe(10);
      });

    test("unknown topics and partitions", async () => {
      for (const from of ["0", "earliest", "latest", "ts:0"]) {
        expect((await ask(door, `/v1/topics/none/partitions/0/records?from=${from}`)).status).toBe(
          404,
        );
        expect(
          (await ask(door, `/v1/topics/${topic}/partitions/1/records?from=${from}`)).status,
        ).toBe(404);
      }
    });

    test("as: each form of data", async () => {
      const topic = await newTopic(door);
      const records = [
        { key: "7", value: '{"a": [1, 2]}' },
        { value: "plain" },
        { value: "12345678901234567890" },
        { value: { b64: "/w==" } },
        { value: null },
        { value: "\ufeffbom" },
      ];
      await post(door, `/v1/topics/${topic}/records`, { records });
      const as = async (form: string) => {
        const { body } = await ask(door, `/v1/topics/${topic}/partitions/0/records?as=${form}`);
        return body.records.map(({ key, value }: { key: unknown; value: unknown }) => [key, value]);
      };
      expect(await as("auto")).toEqual([
        ["7", '{"a": [1, 2]}'],
        [null, "plain"],
        [null, "12345678901234567890"],
        [null, { b64: "/w==" }],
        [null, null],
        [null, "\ufeffbom"],
      ]);
      expect((await as("json"))[0]).toEqual(["7", { a: [1, 2] }]);
      expect((await as("json")).slice(1, 4)).toEqual((await as("auto")).slice(1, 4));
      expect((await as("text"))[3]).toEqual([null, "\ufffd"]);
      expect((await as("b64"))[0]).toEqual([{ b64: "Nw==" }, { b64: btoa('{"a": [1, 2]}') }]);
    });

    test("a long poll answers at the next record, or with none when the time is over", async () => {
      const topic = await newTopic(door);
      const poll = (query: string) =>
        ask(door, `/v1/topics/${topic}/partitions/0/records?${query}`);
      // Not from the latest: on a busy machine the record may be there before the request.
      const waiting = poll("from=0&wait_ms=20000");
      await new Promise((resolve) => setTimeout(resolve, 20));
      await send(door, `/v1/topics/${topic}/records`, "awaited");
      expect(values(await waiting)).toEqual(["awaited"]);
      const startMs = performance.now();
      const late = await poll("from=latest&wait_ms=60");
      expect([late.status, late.body.records, late.body.next]).toEqual([200, [], 1]);
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(55);
    });

    test("lines and raw batches say the rest in headers", async () => {
      const text = await ask(door, `${path}/records?from=2&to=4`, lines);
      expect(linesOf(text.body)).toMatchObject([{ value: "v2" }, { value: "v3" }]);
      expect(text.headers.get("kafka-next")).toBe("4");
      expect(text.headers.get("kafka-up-to-date")).toBe("false");
      expect(text.headers.get("kafka-high-watermark")).toBe("10");
      const raw = await ask(door, `${path}/records?from=2&to=4`, batches);
      const headers = [...walkBatches(raw.body)].map(({ header }) => header);
      expect(headers.every((header) => header.baseOffset < 4)).toBe(true);
      expect(Number(raw.headers.get("kafka-next"))).toBeGreaterThanOrEqual(4);
    });

    test("many partitions at once, each for itself", async () => {
      const other = await newTopic(door, 2);
      await send(door, `/v1/topics/${other}/partitions/1/records`, "x");
      const ok = await post(door, "/v1/fetch", {
        partitions: [
          { topic, partition: 0, from: 9 },
          { topic: other, partition: 0 },
          { topic: other, partition: 1, from: "tail:1" },
        ],
      });
      expect(ok.status).toBe(200);
      expect(ok.body.partitions).toMatchObject([
        { topic, partition: 0, next: 10, up_to_date: true, records: [{ value: "v9" }] },
        { topic: other, partition: 0, next: 0, records: [] },
        { topic: other, partition: 1, next: 1, records: [{ value: "x" }] },
      ]);
      const mixed = await post(door, "/v1/fetch", {
        partitions: [
          { topic, partition: 0, from: 99 },
          { topic: "none", partition: 0 },
          { topic: other, partition: 1 },
        ],
        wait_ms: 20_000,
        min_bytes: 1_000_000,
      });
      expect(mixed.status).toBe(207);
      expect(mixed.body.partitions).toMatchObject([
        { status: 416, error: { code: "offset_out_of_range", latest: 10 } },
        { status: 404 },
        { records: [{ value: "x" }] },
      ]);
      const one = await post(door, "/v1/fetch", {
        partitions: [{ topic, partition: 0, from: 99 }],
      });
      expect(one.status).toBe(416);
      const few = await post(door, "/v1/fetch", {
        partitions: [
          { topic, partition: 0 },
          { topic: other, partition: 1 },
        ],
        max_records: 4,
      });
      expect(
        few.body.partitions.map((part: { records: unknown[] }) => part.records.length),
      ).toEqual([4, 0]);
      expect(few.body.partitions[1].next).toBe(0);
      expect((await post(door, "/v1/fetch", { partitions: [] })).status).toBe(400);
    });

    test("a fetch of many waits for whichever comes first", async () => {
      const [a, b] = [await newTopic(door), await newTopic(door)];
      const waiting = post(door, "/v1/fetch", {
        partitions: [
          { topic: a, partition: 0 },
          { topic: b, partition: 0 },
        ],
        wait_ms: 20_000,
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
      await send(door, `/v1/topics/${b}/records`, "here");
      const { body } = await waiting;
      expect(body.partitions).toMatchObject([{ records: [] }, { records: [{ value: "here" }] }]);
    });

    test("a topic that is being made is never half there", async () => {
      const topic = `half-${Date.now()}`;
      const making = post(door, "/v1/topics", { name: topic, partitions: 50 });
      const statuses = new Set<number>();
      for (let round = 0; round < 20; round++) {
        const paths = ["records", "records?from=earliest", "offsets?at=latest"];
        const answers = await Promise.all([
          ...paths.map((path) => ask(door, `/v1/topics/${topic}/partitions/49/${path}`)),
          send(door, `/v1/topics/${topic}/partitions/49/records`, "v"),
          post(door, `/v1/topics/${topic}/partitions/49/delete-records`, { before: -1 }),
        ]);
        for (const { status } of answers) statuses.add(status);
      }
      expect((await making).status).toBe(201);
      expect([...statuses].filter((status) => status !== 404 && status !== 200)).toEqual([]);
    });

    test("offsets by time and the ends of the log", async () => {
      const at = async (place: string) => (await ask(door, `${path}/offsets?at=${place}`)).body;
      expect(await at("earliest")).toMatchObject({ offset: 0, log_start: 0, high_watermark: 10 });
      expect(await at("latest")).toMatchObject({ offset: 10 });
      expect(await at("ts:4500")).toMatchObject({ offset: 4, timestamp: 5_000 });
      expect(await at("ts:99999")).toMatchObject({ offset: null, timestamp: null });
      expect(await at("max_timestamp")).toMatchObject({ offset: 9, timestamp: 10_000 });
      for (const wrong of ["5", "tail:1", "", "ts:x"])
        expect((await ask(door, `${path}/offsets?at=${wrong}`)).status).toBe(400);
      expect((await ask(door, `${path}/offsets`)).status).toBe(400);
      expect((await ask(door, "/v1/topics/none/partitions/0/offsets?at=latest")).status).toBe(404);
    });
  });

  describe(`${name}: chunks`, () => {
    let door: HttpDoor;
    beforeAll(async () => {
      door = await open();
    });
    afterAll(() => door.close());

    test("a log reads back whole by chunks; the sealed ones are immutable", async () => {
      const topic = await newTopic(door);
      const path = `/v1/topics/${topic}/partitions/0`;
      const value = new Uint8Array(700_000).fill(7);
      for (let at = 0; at < 14; at++) await send(door, `${path}/records`, value);
      const chunks: number[] = [];
      let base = "0";
      for (;;) {
        const chunk = await ask(door, `${path}/chunks/${base}`);
        expect(chunk.status).toBe(200);
        const sealed = chunk.headers.get("kafka-sealed") === "true";
        const cache = chunk.headers.get("cache-control");
        expect(cache).toBe(sealed ? "public, max-age=31536000, immutable" : "no-cache");
        const etag = chunk.headers.get("etag")!;
        expect(etag).toMatch(/^"/);
        const again = await ask(door, `${path}/chunks/${base}`, {
          headers: { "if-none-match": `"x", ${etag}` },
        });
        expect(again.status).toBe(304);
        for (const { header } of walkBatches(chunk.body)) chunks.push(header.baseOffset);
        if (!sealed) break;
        base = chunk.headers.get("kafka-next")!;
      }
      expect(chunks).toEqual(Array.from({ length: 14 }, (_, at) => at));
      // 4 MiB hold 5.99 of these batches: a chunk begins with the first batch past the boundary.
      const first = await ask(door, `${path}/chunks/0`);
      expect(first.headers.get("kafka-next")).toBe("6");
      const inside = await ask(door, `${path}/chunks/3`);
      expect(inside.headers.get("kafka-next")).toBe("6");
    });

    test("a chunk that grows changes its tag; trimmed and future ones are refused", async () => {
      const topic = await newTopic(door);
      const path = `/v1/topics/${topic}/partitions/0`;
      const empty = await ask(door, `${path}/chunks/0`);
      expect([empty.status, empty.body.length]).toEqual([200, 0]);
      await send(door, `${path}/records`, "a");
      const before = await ask(door, `${path}/chunks/0`);
      await send(door, `${path}/records`, "b");
      const after = await ask(door, `${path}/chunks/0`, {
        headers: { "if-none-match": before.headers.get("etag")! },
      });
      expect(after.status).toBe(200);
      await post(door, `${path}/delete-records`, { before: 1 });
      expect((await ask(door, `${path}/chunks/0`)).status).toBe(410);
      expect((await ask(door, `${path}/chunks/9`)).status).toBe(416);
      expect((await ask(door, `${path}/chunks/x`)).status).toBe(400);
    });

    test("a compacted topic's chunks are never immutable", async () => {
      const topic = await newTopic(door, 1, { "cleanup.policy": "compact" });
      const path = `/v1/topics/${topic}/partitions/0`;
      for (let at = 0; at < 8; at++)
        await send(door, `${path}/records?key=k`, new Uint8Array(700_000));
      const chunk = await ask(door, `${path}/chunks/0`);
      expect(chunk.headers.get("kafka-sealed")).toBe("true");
      expect(chunk.headers.get("cache-control")).toBe("no-cache");
    });
  });
}
