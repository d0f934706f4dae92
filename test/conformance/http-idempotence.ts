/** Requests that are safe to repeat, and uploads of lines, over any HTTP door. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ask, linesOf, linesType, newTopic, post, send, values } from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";

export function idempotenceSuite(name: string, open: () => Promise<HttpDoor>): void {
  let door: HttpDoor;
  const read = (topic: string, partition = 0) =>
    ask(door, `/v1/topics/${topic}/partitions/${partition}/records`);

  describe(`${name}: idempotence`, () => {
    beforeAll(async () => {
      door = await open();
    });
    afterAll(() => door.close());

    test("the same key again gives the first one's offsets", async () => {
      const topic = await newTopic(door);
      const once = () =>
        post(
          door,
          `/v1/topics/${topic}/records`,
          { records: [{ value: "a" }, { value: "b", timestamp: 7 }] },
          { "idempotency-key": "k1" },
        );
      const [first, again] = [await once(), await once()];
      expect([first.status, again.status]).toEqual([200, 200]);
      expect([first.body.duplicate, again.body.duplicate]).toEqual([false, true]);
      expect(again.body.results).toEqual(first.body.results);
      expect(values(await read(topic))).toEqual(["a", "b"]);
      const other = await send(door, `/v1/topics/${topic}/records`, "other", {
        "idempotency-key": "k1",
      });
      expect(other.status).toBe(400);
    });

    test("a repeated request finds its partition again, also without a key of its records", async () => {
      const topic = await newTopic(door, 6);
      const path = `/v1/topics/${topic}/records`;
      const places = new Set<string>();
      for (let attempt = 0; attempt < 8; attempt++) {
        const headers = { "idempotency-key": "again" };
        const raw = await send(door, path, "raw", headers);
        const envelope = await post(
          door,
          path,
          { records: [{ value: "e" }] },
          { "idempotency-key": "e" },
        );
        const lines = await send(door, path, '{"value":"l"}', {
          ...linesType,
          "idempotency-key": "l",
        });
        const [line] = linesOf(lines.body);
        for (const { partition, offset } of [raw.body.results[0], envelope.body.results[0], line])
          places.add(`${partition}/${offset}`);
      }
      expect(places.size).toBe(3);
      const producer = { "producer-id": "p6" };
      const partitions = new Set<number>();
      for (let seq = 0; seq < 8; seq++) {
        const made = await send(door, path, "v", { ...producer, "producer-seq": String(seq) });
        partitions.add(made.body.results[0].partition);
      }
      expect(partitions.size).toBe(1);
    });

    test("a producer's sequence: once each, in order, gaps and old epochs refused", async () => {
      const topic = await newTopic(door);
      const path = `/v1/topics/${topic}/partitions/0/records`;
      const produce = (seq: number, epoch = 0) =>
        send(door, path, `${epoch}/${seq}`, {
          "producer-id": "p1",
          "producer-epoch": String(epoch),
          "producer-seq": String(seq),
        });
      const first = await produce(0);
      expect(first.body.producer).toEqual({ epoch: 0, seq: 0 });
      const again = await produce(0);
      expect([again.body.duplicate, again.body.results]).toEqual([true, first.body.results]);
      const [late, early] = await Promise.all([produce(2), produce(1)]);
      expect([late?.status, early?.status]).toEqual([200, 200]);
      expect((await produce(0, 1)).status).toBe(200);
      const fenced = await produce(3);
      expect([fenced.status, fenced.body.code]).toEqual([403, "producer_fenced"]);
      expect(values(await read(topic))).toEqual(["0/0", "0/1", "0/2", "1/0"]);
    });

    const wrong: [string, Record<string, string>][] = [
      ["both kinds", { "idempotency-key": "k", "producer-id": "p", "producer-seq": "0" }],
      ["no sequence", { "producer-id": "p" }],
      ["no producer", { "producer-seq": "0" }],
      ["a negative sequence", { "producer-id": "p", "producer-seq": "-1" }],
      ["a fractional epoch", { "producer-id": "p", "producer-seq": "0", "producer-epoch": "0.5" }],
      [
        "an epoch too large",
        { "producer-id": "p", "producer-seq": "0", "producer-epoch": "32768" },
      ],
      ["a key too long", { "idempotency-key": "k".repeat(241) }],
    ];
    for (const [what, headers] of wrong)
      test(`refused: ${what}`, async () => {
        const topic = await newTopic(door);
        const answer = await send(door, `/v1/topics/${topic}/records`, "v", headers);
        expect([answer.status, answer.body.code]).toEqual([400, "invalid_request"]);
        expect(values(await read(topic))).toEqual([]);
      });
  });

  describe(`${name}: lines`, () => {
    beforeAll(async () => {
      door = await open();
    });
    afterAll(() => door.close());

    test("each line gets its receipt, a bad one an error, and the others stand", async () => {
      const topic = await newTopic(door, 1, { "max.message.bytes": "1000" });
      const lines = [
        '{"value":"a","key":"k"}',
        "",
        "not json",
        '{"value":7}',
        `{"value":"${"x".repeat(2_000)}"}`,
        '{"value":"b","partition":3}',
        '{"value":{"json":12345678901234567890}}',
        '{"value":"c"}\r',
        '{"value":"d"}',
      ].join("\n");
      const { status, headers, body } = await send(
        door,
        `/v1/topics/${topic}/records`,
        lines,
        linesType,
      );
      expect([status, headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
      expect(linesOf(body)).toMatchObject([
        { partition: 0, offset: 0 },
        { error: { status: 400, code: "invalid_request" } },
        { error: { status: 400, code: "invalid_request" } },
        { error: { status: 413, code: "message_too_large" } },
        { error: { status: 404, code: "unknown_topic_or_partition" } },
        { error: { status: 400, code: "invalid_request" } },
        { partition: 0, offset: 1 },
        { partition: 0, offset: 2 },
      ]);
      expect(values(await read(topic))).toEqual(["a", "c", "d"]);
    });

    test("receipts come while the upload is open; a cut keeps the whole lines", async () => {
      const topic = await newTopic(door);
      const upload = new TransformStream<Uint8Array, Uint8Array>();
      const writer = upload.writable.getWriter();
      const encoder = new TextEncoder();
      const answer = door.fetch(`/v1/topics/${topic}/records`, {
        method: "POST",
        body: upload.readable,
        headers: linesType,
        duplex: "half",
      });
      await writer.write(encoder.encode('{"value":"one"}\n{"value":"t'));
      const response = await answer;
      const reader = response.body!.getReader();
      const decoder = new TextDecoder();
      const receipt = async () => JSON.parse(decoder.decode((await reader.read()).value));
      expect(await receipt()).toMatchObject({ offset: 0 });
      await writer.write(encoder.encode('wo"}\n'));
      expect(await receipt()).toMatchObject({ offset: 1 });
      await writer.write(encoder.encode('{"value":"never whole"'));
      await writer.abort(new Error("cut")).catch(() => {});
      await reader.cancel().catch(() => {});
      expect(values(await read(topic))).toEqual(["one", "two"]);
    });

    test("a repeated upload is settled line by line", async () => {
      const topic = await newTopic(door, 2);
      const lines = Array.from({ length: 10 }, (_, at) => `{"key":"k${at}","value":"${at}"}`).join(
        "\n",
      );
      const upload = (text: string) =>
        send(door, `/v1/topics/${topic}/records`, text, { ...linesType, "idempotency-key": "up" });
      const half = await upload(lines.split("\n").slice(0, 5).join("\n"));
      const whole = await upload(lines);
      const places = (body: string) =>
        linesOf(body).map(({ partition, offset }) => `${partition}/${offset}`);
      expect(places(whole.body).slice(0, 5)).toEqual(places(half.body));
      expect(linesOf(whole.body).map((receipt) => receipt.duplicate === true)).toEqual([
        ...Array.from({ length: 5 }, () => true),
        ...Array.from({ length: 5 }, () => false),
      ]);
      const seen = [...values(await read(topic, 0)), ...values(await read(topic, 1))];
      expect(seen.length).toBe(10);
    });

    test("lines of a producer count its sequence on", async () => {
      const topic = await newTopic(door);
      const upload = (seq: number, text: string) =>
        send(door, `/v1/topics/${topic}/records`, text, {
          ...linesType,
          "producer-id": "p",
          "producer-seq": String(seq),
        });
      expect(linesOf((await upload(0, '{"value":"0"}\n{"value":"1"}')).body)).toHaveLength(2);
      const more = linesOf((await upload(1, '{"value":"1"}\n{"value":"2"}')).body);
      expect(more).toMatchObject([{ offset: 1, duplicate: true }, { offset: 2 }]);
      expect(values(await read(topic))).toEqual(["0", "1", "2"]);
    });

    test("many lines in few bytes a write, in order", async () => {
      const topic = await newTopic(door);
      const text = Array.from({ length: 3_000 }, (_, at) => `{"value":"${at}"}`).join("\n");
      const { body } = await send(door, `/v1/topics/${topic}/records`, text, linesType);
      expect(linesOf(body).map(({ offset }) => offset)).toEqual(
        Array.from({ length: 3_000 }, (_, at) => at),
      );
    });

    test("acks=0 has empty receipts; an unknown topic has no stream", async () => {
      const topic = await newTopic(door);
      const quiet = await send(
        door,
        `/v1/topics/${topic}/records?acks=0`,
        '{"value":""}\n{"value":""}',
        linesType,
      );
      expect(linesOf(quiet.body)).toEqual([{}, {}]);
      expect((await send(door, "/v1/topics/none/records", '{"value":""}', linesType)).status).toBe(
        404,
      );
      expect(
        (await send(door, `/v1/topics/${topic}/partitions/0/records?expect=0`, "", linesType))
          .status,
      ).toBe(400);
    });
  });
}
