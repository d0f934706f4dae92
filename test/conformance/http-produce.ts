/** Produce in every body form, over any HTTP door. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as zlib from "node:zlib";
import { httpLimits } from "../../src/http/limits.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";
import {
  ask,
  batchType,
  jsonType,
  linesOf,
  linesType,
  newTopic,
  post,
  send,
  values,
} from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";

const encoder = new TextEncoder();

function record(value: string, timestampMs = 1_700_000_000_000) {
  return { key: null, value: encoder.encode(value), headers: [], timestampMs };
}

export function produceSuite(name: string, open: () => Promise<HttpDoor>): void {
  let door: HttpDoor;
  const read = (topic: string, query = "") =>
    ask(door, `/v1/topics/${topic}/partitions/0/records${query}`);

  describe(`${name}: produce`, () => {
    beforeAll(async () => {
      door = await open();
    });
    afterAll(() => door.close());

    test("an envelope keeps key, value, headers and timestamp of each kind of data", async () => {
      const topic = await newTopic(door);
      const records = [
        {
          key: "k",
          value: { json: { n: 1 } },
          headers: [
            ["h", "v"],
            ["h", null],
          ],
          timestamp: 1_000,
        },
        { key: { b64: "/w==" }, value: { b64: "AAE=" }, headers: [["b", { b64: "/w==" }]] },
        { value: "a\0b\ud83d\ude00" },
        { key: "gone", value: null },
      ];
      const made = await post(door, `/v1/topics/${topic}/records`, { records });
      expect(made.status).toBe(200);
      expect(made.body.duplicate).toBe(false);
      expect(made.body.results.map((result: { offset: number }) => result.offset)).toEqual([
        0, 1, 2, 3,
      ]);
      expect(made.body.results[0]).toEqual({ partition: 0, offset: 0, timestamp: 1_000 });
      const { body } = await read(topic);
      expect(body.records).toMatchObject([
        {
          topic,
          partition: 0,
          offset: 0,
          timestamp: 1_000,
          timestamp_type: "create",
          key: "k",
          value: '{"n":1}',
          headers: [
            ["h", "v"],
            ["h", null],
          ],
        },
        { key: { b64: "/w==" }, value: "\0\u0001", headers: [["b", { b64: "/w==" }]] },
        { key: null, value: "a\0b\ud83d\ude00", headers: [] },
        { key: "gone", value: null },
      ]);
      expect(body.records[2].timestamp).toBe(made.body.results[2].timestamp);
      expect(Math.abs(body.records[2].timestamp - Date.now())).toBeLessThan(60_000);
    });

    test("log append time is the broker's", async () => {
      const topic = await newTopic(door, 1, { "message.timestamp.type": "LogAppendTime" });
      const records = [{ value: "a", timestamp: 1_000 }, { value: "b" }];
      const made = await post(door, `/v1/topics/${topic}/records`, { records });
      const { body } = await read(topic);
      for (const index of [0, 1]) {
        expect(body.records[index].timestamp_type).toBe("append");
        expect(body.records[index].timestamp).toBe(made.body.results[index].timestamp);
        expect(body.records[index].timestamp).toBeGreaterThan(1_000);
      }
    });

    test("any body is the value of one record", async () => {
      const topic = await newTopic(door);
      const path = `/v1/topics/${topic}/records`;
      const bytes = new Uint8Array([0, 255, 10, 13]);
      const forms: [string, string | Uint8Array<ArrayBuffer>, Record<string, string>][] = [
        [path, "plain", {}],
        [
          `${path}?key=k%C3%A9y&timestamp=5`,
          bytes,
          { "content-type": "image/png", "kafka-header-Trace-ID": "7" },
        ],
        [`${path}?key_b64=AP8=&raw=1`, '{"x":1}', jsonType],
        [path, '{"y":1}', { "content-type": "application/cloudevents+json; charset=utf-8" }],
        [path, "", { "content-type": "text/plain" }],
        [path, "a=1", { "content-type": "application/x-www-form-urlencoded" }],
      ];
      for (const [index, [to, body, headers]] of forms.entries()) {
        const { status, body: answer } = await send(door, to, body, headers);
        expect([status, answer.results[0].offset]).toEqual([200, index]);
      }
      const { body } = await read(topic);
      expect(body.records).toMatchObject([
        { key: null, value: "plain" },
        { key: "kéy", value: { b64: "AP8KDQ==" }, timestamp: 5, headers: [["trace-id", "7"]] },
        { key: { b64: "AP8=" }, value: '{"x":1}' },
        { value: '{"y":1}' },
        { value: "" },
        { value: "a=1" },
      ]);
    });

    test("a raw batch, as it was read elsewhere, goes in and comes out with its compression", async () => {
      const topic = await newTopic(door);
      const records = Array.from({ length: 20 }, (_, at) => record(`value ${at}`));
      for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
        const body = new Uint8Array(encodeBatch(records, { codec, baseOffset: 7 }));
        const made = await send(door, `/v1/topics/${topic}/partitions/0/records`, body, batchType);
        expect(made.status).toBe(200);
        expect(made.body.results).toHaveLength(20);
      }
      const { body } = await read(topic, "?max_records=1000");
      expect(body.records).toHaveLength(100);
      expect(body.records[99]).toMatchObject({ offset: 99, value: "value 19" });
      const raw = await ask(door, `/v1/topics/${topic}/partitions/0/records`, {
        headers: { accept: "application/vnd.kafka.recordbatch" },
      });
      expect(raw.headers.get("kafka-next")).toBe("100");
      expect(raw.body.length).toBeGreaterThan(300);
    });

    test("what raw batches bring is counted, whatever their size", async () => {
      const topic = await newTopic(door);
      const path = `/v1/topics/${topic}/partitions/0/records`;
      let bytes = 0;
      for (const length of [10, 70_000, 300_000]) {
        const body = new Uint8Array(encodeBatch([record("x".repeat(length))]));
        bytes += body.length;
        expect((await send(door, path, body, batchType)).status).toBe(200);
      }
      const name = "kafka_server_brokertopicmetrics_bytesin_total";
      const metrics = await ask(door, "/metrics");
      expect(metrics.body).toContain(`${name}{topic="${topic}"} ${bytes}\n`);
    });

    test("damaged batches are refused whole", async () => {
      const topic = await newTopic(door);
      const good = encodeBatch([record("a"), record("b")]);
      const flipped = new Uint8Array(good);
      flipped[70] = (flipped[70] ?? 0) ^ 1;
      const wrongMagic = new Uint8Array(good);
      wrongMagic[16] = 1;
      const negative = new Uint8Array(good);
      new DataView(negative.buffer).setInt32(8, -1);
      const huge = new Uint8Array(good);
      new DataView(huge.buffer).setInt32(8, 2 ** 31 - 1);
      const two = new Uint8Array([...good, ...good]);
      const bodies = [
        flipped,
        wrongMagic,
        negative,
        huge,
        two,
        good.slice(0, -1),
        good.slice(0, 10),
        new Uint8Array(0),
      ];
      for (const body of bodies) {
        const answer = await send(
          door,
          `/v1/topics/${topic}/records`,
          new Uint8Array(body),
          batchType,
        );
        expect([answer.status, answer.body.code]).toEqual([400, "corrupt_message"]);
      }
      expect(values(await read(topic))).toEqual([]);
    });

    test("what was cut of an upload in zstd is told, and no record", async () => {
      const topic = await newTopic(door);
      const lines = new Uint8Array(zlib.zstdCompressSync('{"value":"whole"}\n{"value":"cut"}'));
      const headers = { ...linesType, "content-encoding": "zstd" };
      const path = `/v1/topics/${topic}/records`;
      for (let length = 1; length < lines.length; length += 1) {
        const receipts = linesOf((await send(door, path, lines.slice(0, length), headers)).body);
        expect(receipts.at(-1)?.error?.code).toBe("bad_request");
      }
      expect(new Set(values(await read(topic)))).not.toContain("cut");
      const whole = linesOf((await send(door, path, lines, headers)).body);
      expect(whole.filter(({ error }) => error)).toEqual([]);
    });

    test("zstd of a window that HTTP does not know is refused", async () => {
      const topic = await newTopic(door);
      // A frame of one stored block; the window's exponent stands above ten, in eighths.
      const frame = (bits: number) =>
        new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0, (bits - 10) << 3, 9, 0, 0, 34]);
      const [path, encoding] = [`/v1/topics/${topic}/records`, { "content-encoding": "zstd" }];
      const asked = [23, 24, 27].map((bits) => send(door, path, frame(bits), encoding));
      const answers = await Promise.all(asked);
      expect(answers.map(({ status }) => status)).toEqual([200, 400, 400]);
    });

    test("compressed bodies, and bombs", async () => {
      const topic = await newTopic(door);
      const path = `/v1/topics/${topic}/records`;
      const gzip = new Uint8Array(zlib.gzipSync("zipped"));
      const zstd = new Uint8Array(zlib.zstdCompressSync("squeezed"));
      expect((await send(door, path, gzip, { "content-encoding": "gzip" })).status).toBe(200);
      expect((await send(door, path, zstd, { "content-encoding": "zstd" })).status).toBe(200);
      const lines = new Uint8Array(zlib.gzipSync('{"value":"l1"}\n{"value":"l2"}\n'));
      const receipts = await send(door, path, lines, { ...linesType, "content-encoding": "gzip" });
      expect(linesOf(receipts.body).map((receipt) => receipt.offset)).toEqual([2, 3]);
      expect(values(await read(topic))).toEqual(["zipped", "squeezed", "l1", "l2"]);
      const zeros = new Uint8Array(64 * 1024 * 1024);
      const bomb = new Uint8Array(zlib.gzipSync(zeros));
      const zstdBomb = new Uint8Array(zlib.zstdCompressSync(zeros));
      expect((await send(door, path, bomb, { "content-encoding": "gzip" })).status).toBe(413);
      expect((await send(door, path, zstdBomb, { "content-encoding": "zstd" })).status).toBe(413);
      expect((await send(door, path, gzip, { "content-encoding": "zstd" })).status).toBe(400);
      expect(
        (await send(door, path, gzip.slice(0, 10), { "content-encoding": "gzip" })).status,
      ).toBe(400);
      for (let length = 0; length < zstd.length; length += 1) {
        const cut = await send(door, path, zstd.slice(0, length), { "content-encoding": "zstd" });
        expect(cut.status).toBe(400);
      }
      expect((await send(door, path, gzip, { "content-encoding": "br" })).status).toBe(415);
      expect(values(await read(topic))).toHaveLength(4);
    });

    test("acks", async () => {
      const topic = await newTopic(door);
      const path = `/v1/topics/${topic}/records`;
      for (const acks of ["all", "1", "-1"])
        expect((await send(door, `${path}?acks=${acks}`, "v")).status).toBe(200);
      for (const acks of ["all", 1, "1"])
        expect((await post(door, path, { records: [{ value: "v" }], acks })).status).toBe(200);
      const quiet = await send(door, `${path}?acks=0`, "v");
      expect([quiet.status, quiet.body]).toEqual([202, {}]);
      const silent = await post(door, path, { records: [{ value: "v" }], acks: 0 });
      expect([silent.status, silent.body]).toEqual([202, {}]);
      expect((await send(door, `${path}?acks=2`, "v")).status).toBe(400);
      expect((await post(door, path, { records: [{ value: "v" }], acks: 2 })).status).toBe(400);
      const seen = [];
      while (seen.length < 8)
        seen.push(...values(await read(topic, `?from=${seen.length}&wait_ms=5000`)));
      expect(seen).toHaveLength(8);
    });

    test("create=true makes the topic once, whoever comes at once", async () => {
      const topic = `made-on-use-${Date.now()}`;
      expect((await send(door, `/v1/topics/${topic}/records`, "v")).status).toBe(404);
      const all = await Promise.all(
        Array.from({ length: 8 }, () => send(door, `/v1/topics/${topic}/records?create=true`, "v")),
      );
      expect(all.map((answer) => answer.status)).toEqual(Array.from({ length: 8 }, () => 200));
      expect(values(await read(topic))).toHaveLength(8);
      expect((await send(door, "/v1/topics/a%2Fb/records?create=true", "v")).status).toBe(400);
      const lines =
        '{"topic":"nd-1","value":"a"}\n{"topic":"nd-2","value":"b"}\n{"topic":"nd-1","value":"c"}\n';
      const made = await send(door, "/v1/produce?create=true", lines, linesType);
      expect(linesOf(made.body)).toMatchObject([
        { topic: "nd-1", offset: 0 },
        { topic: "nd-2", offset: 0 },
        { topic: "nd-1", offset: 1 },
      ]);
    });

    test("one request names, and an upload makes, no more topics than the limit", async () => {
      const { topicsMax } = httpLimits;
      const named = (prefix: string, count: number) =>
        Array.from({ length: count }, (_, at) => ({ topic: `${prefix}-${at}`, value: "v" }));
      for (const query of ["?create=true", ""]) {
        const body = JSON.stringify({ records: named("crowd", topicsMax + 1) });
        const init = { method: "POST", body, headers: jsonType };
        const refused = await door.fetch(`/v1/produce${query}`, init);
        expect(refused.status).toBe(400);
        expect(await refused.text()).toContain(`at most ${topicsMax} a request`);
      }
      expect((await ask(door, "/v1/topics/crowd-0")).status).toBe(404);
      const enough = { records: named("band", topicsMax) };
      expect((await post(door, "/v1/produce?create=true", enough)).status).toBe(200);
      // Those that are there already do not count for an upload.
      const lines = [...named("band", topicsMax), ...named("line", topicsMax + 1)];
      const upload = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
      const answer = await send(door, "/v1/produce?create=true", upload, linesType);
      const receipts = linesOf(answer.body);
      expect(receipts.slice(0, -1).filter(({ error }) => error)).toEqual([]);
      expect(receipts.at(-1)).toMatchObject({ error: { status: 400 } });
      expect((await ask(door, `/v1/topics/line-${topicsMax}`)).status).toBe(404);
    });

    test("partitions: pinned, named, by key as in Java, sticky without", async () => {
      const topic = await newTopic(door, 6);
      const path = `/v1/topics/${topic}`;
      const pinned = await send(door, `${path}/partitions/4/records`, "v");
      expect(pinned.body.results[0].partition).toBe(4);
      // Kafka's murmur2 of "foobar" is -790332482: & 0x7fffffff, modulo 6.
      const keyed = await send(door, `${path}/records?key=foobar`, "v");
      expect(keyed.body.results[0].partition).toBe((-790332482 & 0x7fffffff) % 6);
      const records = [
        { value: "a", key: "foobar" },
        { value: "b", partition: 5 },
        { value: "c" },
        { value: "d" },
      ];
      const { body } = await post(door, `${path}/records`, { records });
      const partitions = body.results.map((result: { partition: number }) => result.partition);
      expect(partitions.slice(0, 2)).toEqual([(-790332482 & 0x7fffffff) % 6, 5]);
      expect(partitions[2]).toBe(partitions[3]);
      const against = await post(door, `${path}/partitions/1/records`, {
        records: [{ value: "", partition: 2 }],
      });
      expect(against.status).toBe(400);
      for (const partition of ["6", "2147483647"])
        expect((await send(door, `${path}/partitions/${partition}/records`, "v")).status).toBe(404);
      for (const partition of ["-1", "x", "2147483648", "1e0", "0x1"])
        expect((await send(door, `${path}/partitions/${partition}/records`, "v")).status).toBe(400);
    });

    test("mixed outcomes are told record by record", async () => {
      const topic = await newTopic(door, 2);
      const records = [
        { value: "a", partition: 0 },
        { value: "b", partition: 9 },
        { value: "c", partition: 0 },
      ];
      const { status, body } = await post(door, `/v1/topics/${topic}/records`, { records });
      expect(status).toBe(207);
      expect(body.results).toMatchObject([
        { partition: 0, offset: 0, status: 200 },
        { partition: 9, status: 404, error: { code: "unknown_topic_or_partition", status: 404 } },
        { partition: 0, offset: 1, status: 200 },
      ]);
      const many = [
        { topic, value: "x", partition: 1 },
        { topic: "no-such-topic", value: "y", partition: 0 },
      ];
      const mixed = await post(door, "/v1/produce", { records: many });
      expect(mixed.status).toBe(207);
      expect(mixed.body.results).toMatchObject([
        { topic, offset: 0, status: 200 },
        { status: 404 },
      ]);
      const none = await post(door, "/v1/produce", { records: many.slice(1) });
      expect(none.status).toBe(404);
      const unplaced = [
        { topic: "no-such-topic", value: "y" },
        { topic, value: "x", key: "k" },
        { topic: "no-such-topic", value: "z", key: "k" },
      ];
      const told = await post(door, "/v1/produce", { records: unplaced });
      expect(told.status).toBe(207);
      const refused = { topic: "no-such-topic", partition: -1, status: 404 };
      expect(told.body.results).toMatchObject([refused, { topic, status: 200 }, refused]);
      expect((await post(door, "/v1/produce", { records: [unplaced[0]] })).status).toBe(404);
    });

    test("one request is atomic per partition", async () => {
      const topic = await newTopic(door, 1, { "max.message.bytes": "1000" });
      const records = [{ value: "small" }, { value: "x".repeat(2_000) }];
      const { status, body } = await post(door, `/v1/topics/${topic}/records`, { records });
      expect([status, body.code]).toEqual([413, "message_too_large"]);
      expect(values(await read(topic))).toEqual([]);
    });

    test("expect: only at the very offset", async () => {
      const topic = await newTopic(door);
      const path = `/v1/topics/${topic}/partitions/0/records`;
      const expecting = (offset: number) =>
        post(door, path, { records: [{ value: String(offset) }], expect: { offset } });
      expect((await expecting(0)).status).toBe(200);
      const stale = await expecting(0);
      expect([stale.status, stale.body.code, stale.body.actual]).toEqual([
        412,
        "offset_mismatch",
        1,
      ]);
      expect((await send(door, `${path}?expect=1`, "1")).status).toBe(200);
      const race = await Promise.all(Array.from({ length: 5 }, () => expecting(2)));
      expect(race.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1);
      const unpinned = { records: [{ value: "" }], expect: { offset: 0 } };
      expect((await post(door, `/v1/topics/${topic}/records`, unpinned)).status).toBe(400);
    });
  });
}
