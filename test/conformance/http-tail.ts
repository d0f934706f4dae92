/** Server-sent events over any HTTP door: order, resumption by cursor, gaps, forms. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { StreamReader } from "./event-reader.ts";
import { ask, newTopic, post, send } from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";

export async function openTail(
  door: HttpDoor,
  query: string,
  init: RequestInit = {},
): Promise<StreamReader> {
  const response = await door.fetch(`/v1/tail?${query}`, init);
  expect(response.status).toBe(200);
  if (!response.body) throw new Error("a stream has a body");
  return new StreamReader(response.body);
}

export function tailSuite(name: string, open: () => Promise<HttpDoor>): void {
  describe(`${name}: tail`, () => {
    let door: HttpDoor;
    beforeAll(async () => {
      door = await open();
    });
    afterAll(() => door.close());

    const append = (topic: string, partition: number, ...values: string[]) =>
      post(door, `/v1/topics/${topic}/partitions/${partition}/records`, {
        records: values.map((value) => ({ key: value.slice(0, 1), value })),
      });

    test("records come as they are appended, in order, by every form of body", async () => {
      const topic = await newTopic(door);
      await append(topic, 0, "before");
      const tail = await openTail(door, `topic=${topic}`);
      expect((await tail.next())?.id).toMatch(/^[\w-]+$/);
      const events = tail.events(4);
      await append(topic, 0, "a", "b");
      await send(door, `/v1/topics/${topic}/records?key=k`, "raw");
      await append(topic, 0, "c");
      const got = await events;
      expect(got.map(({ data }) => data?.["value"])).toEqual(["a", "b", "raw", "c"]);
      expect(got.map(({ data }) => data?.["offset"])).toEqual([1, 2, 3, 4]);
      expect(got[0]).toMatchObject({
        event: "record",
        data: { topic, partition: 0, key: "a", timestamp_type: "create", headers: [] },
      });
      expect(typeof got[0]?.data?.["timestamp"]).toBe("number");
      await tail.cancel();
    });

    test("HEAD has the headers of GET, and tells no length", async () => {
      const topic = await newTopic(door);
      const path = `/v1/tail?topic=${topic}`;
      const [head, get] = [await door.fetch(path, { method: "HEAD" }), await door.fetch(path)];
      for (const name of ["content-type", "cache-control", "x-accel-buffering", "content-length"])
        expect([name, head.headers.get(name)]).toEqual([name, get.headers.get(name)]);
      await get.body?.cancel();
      for (const streamed of [path, `/v1/groups/heads/stream?topic=${topic}`]) {
        const { headers } = await door.fetch(streamed, { method: "HEAD" });
        expect([streamed, headers.get("content-length")]).toEqual([streamed, null]);
      }
    });

    test("a stream that is cut goes on by its last id, at every record, over partitions and topics", async () => {
      const [a, b] = [await newTopic(door, 3), await newTopic(door)];
      const query = `topic=${a}&topic=${b}`;
      const expected = new Set<string>();
      for (let at = 0; at < 12; at++) {
        await append(at % 4 === 3 ? b : a, at % 4 === 3 ? 0 : at % 4, `v${at}`, `w${at}`);
        expected.add(`v${at}`).add(`w${at}`);
      }
      let tail = await openTail(door, `${query}&from=earliest`);
      const seen: string[] = [];
      while (seen.length < expected.size) {
        seen.push(...(await tail.values(1)));
        const headers = { "last-event-id": tail.lastId };
        await tail.cancel();
        tail = await openTail(door, query, { headers });
      }
      expect(seen.toSorted((x, y) => x.localeCompare(y))).toEqual(
        [...expected].toSorted((x, y) => x.localeCompare(y)),
      );
      const value = tail.values(1);
      await append(a, 2, "live");
      expect(await value).toEqual(["live"]);
      await tail.cancel();
    });

    test("from an offset, a time, the last few; of some partitions; of one key; in each form", async () => {
      const topic = await newTopic(door, 2);
      const path = `/v1/topics/${topic}/partitions`;
      for (const [at, value] of ["a1", "b2", '{"n":3}'].entries())
        await send(door, `${path}/0/records?timestamp=${1_000 * (at + 1)}&key=${value[0]}`, value);
      await append(topic, 1, "other");
      const rows: [string, unknown[]][] = [
        [`topic=${topic}:0&from=1`, ["b2", '{"n":3}']],
        [`topic=${topic}:0&from=ts:2000`, ["b2", '{"n":3}']],
        [`topic=${topic}:0&from=tail:1`, ['{"n":3}']],
        [`topic=${topic}:1&from=earliest`, ["other"]],
        [`topic=${topic}&from=earliest&filter.key=b`, ["b2"]],
        [`topic=${topic}&from=earliest&filter.key_b64=YQ%3D%3D`, ["a1"]],
        [`topic=${topic}:0&from=2&as=json`, [{ n: 3 }]],
        [`topic=${topic}:0&from=0&as=b64`, [{ b64: "YTE=" }]],
      ];
      for (const [query, expected] of rows) {
        const tail = await openTail(door, query);
        const events = await tail.events(expected.length);
        expect(events.map(({ data }) => data?.["value"])).toEqual(expected);
        await tail.cancel();
      }
    });

    test("events=batch gives many records an event", async () => {
      const topic = await newTopic(door);
      await append(topic, 0, "a", "b", "c");
      const tail = await openTail(door, `topic=${topic}&from=1&events=batch`);
      const [batch] = await tail.events(1);
      expect(batch).toMatchObject({
        event: "batch",
        data: { topic, partition: 0, records: [{ value: "b" }, { value: "c" }] },
      });
      await tail.cancel();
    });

    test("removed records are a gap", async () => {
      const topic = await newTopic(door);
      await append(topic, 0, "a", "b", "c");
      const first = await openTail(door, `topic=${topic}&from=earliest`);
      await first.next();
      await first.cancel();
      await post(door, `/v1/topics/${topic}/partitions/0/delete-records`, { before: 2 });
      const tail = await openTail(door, `topic=${topic}&cursor=${first.lastId}`);
      const [gap, record] = await tail.events(2);
      expect(gap).toMatchObject({
        event: "gap",
        data: { topic, partition: 0, from: 0, to: 2, reason: "trimmed" },
      });
      expect(record?.data).toMatchObject({ offset: 2, value: "c" });
      await tail.cancel();
    });

    test("a topic made anew is a gap, and is read from its first record", async () => {
      const topic = await newTopic(door);
      await append(topic, 0, "a", "b");
      const first = await openTail(door, `topic=${topic}&from=earliest`);
      await first.events(2);
      await first.cancel();
      await ask(door, `/v1/topics/${topic}`, { method: "DELETE" });
      await post(door, "/v1/topics", { name: topic, partitions: 1 });
      await append(topic, 0, "anew");
      const tail = await openTail(door, `topic=${topic}&cursor=${first.lastId}`);
      const [gap, record] = await tail.events(2);
      expect(gap?.data).toMatchObject({ from: 2, to: 0, reason: "recreated" });
      expect(record?.data).toMatchObject({ offset: 0, value: "anew" });
      await tail.cancel();
    });

    test("deleting the topic that is followed ends the stream with a word", async () => {
      const topic = await newTopic(door);
      const tail = await openTail(door, `topic=${topic}`);
      await tail.next();
      const events = tail.events(2);
      await ask(door, `/v1/topics/${topic}`, { method: "DELETE" });
      const [gap, end] = await events;
      expect(gap).toMatchObject({ event: "gap", data: { reason: "deleted", to: null } });
      expect(end).toMatchObject({ event: "end", data: { reason: "deleted" } });
      expect(await tail.next()).toBeNull();
    });

    test("many tails of one partition all see every record", async () => {
      const topic = await newTopic(door);
      const tails = await Promise.all(
        Array.from({ length: 20 }, () => openTail(door, `topic=${topic}`)),
      );
      for (const tail of tails) await tail.next();
      const all = Promise.all(tails.map((tail) => tail.values(30)));
      const expected = Array.from({ length: 30 }, (_, at) => `v${at}`);
      for (const value of expected) await append(topic, 0, value);
      for (const values of await all) expect(values).toEqual(expected);
      for (const tail of tails) await tail.cancel();
    });

    const refused: [string, number, string][] = [
      ["", 400, "invalid_request"],
      ["topic=missing", 404, "unknown_topic_or_partition"],
      ["topic=missing&cursor=AQAB", 400, "invalid_cursor"],
      ["cursor=AAAAAAAAAAAA", 400, "invalid_cursor"],
      ["topic=missing&from=never", 400, "invalid_request"],
    ];
    for (const [query, status, code] of refused)
      test(`?${query}: ${status}`, async () => {
        const answer = await ask(door, `/v1/tail?${query}`);
        expect(answer.status).toBe(status);
        expect(answer.body.code).toBe(code);
      });
  });
}
