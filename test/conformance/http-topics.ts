/** Topics, node, health, documents, over any HTTP door. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ask, newTopic, post, send, values } from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";

export function topicsSuite(name: string, open: () => Promise<HttpDoor>): void {
  describe(`${name}: topics`, () => {
    let door: HttpDoor;
    beforeAll(async () => {
      door = await open();
    });
    afterAll(() => door.close());

    test("a topic is made, described, altered, listed and deleted", async () => {
      const name = "life-of-a.topic_1";
      const configs = { "retention.ms": "60000" };
      const made = await post(door, "/v1/topics", { name, partitions: 2, configs });
      expect(made.status).toBe(201);
      expect(made.headers.get("location")).toBe(`/v1/topics/${name}`);
      expect(made.body).toMatchObject({
        name,
        partitions: 2,
        replication_factor: 1,
        internal: false,
      });
      expect(made.body.id).toMatch(/^[\w][\w-]{21}$/);
      expect(made.body.configs["retention.ms"]).toEqual({ value: "60000", source: "topic" });
      expect(made.body.configs["cleanup.policy"].source).toBe("default");
      expect(made.body.partition_list).toHaveLength(2);
      expect(made.body.partition_list[1]).toMatchObject({
        partition: 1,
        log_start: 0,
        high_watermark: 0,
        last_stable: 0,
        bytes: 0,
      });
      const altered = await ask(door, `/v1/topics/${name}`, {
        method: "PATCH",
        body: JSON.stringify({ partitions: 3, configs: { "retention.ms": null } }),
      });
      expect(altered.status).toBe(200);
      expect(altered.body.partitions).toBe(3);
      expect(altered.body.configs["retention.ms"].source).toBe("default");
      const described = await ask(door, `/v1/topics/${name}`);
      expect(described.body).toEqual(altered.body);
      const list = await ask(door, "/v1/topics");
      expect(list.body.topics.map((topic: { name: string }) => topic.name)).toContain(name);
      const gone = await ask(door, `/v1/topics/${name}`, { method: "DELETE" });
      expect(gone.status).toBe(204);
      expect((await ask(door, `/v1/topics/${name}`)).status).toBe(404);
    });

    test("validate_only checks and makes nothing", async () => {
      const body = { name: "only-checked", validate_only: true };
      expect((await post(door, "/v1/topics", body)).status).toBe(200);
      expect((await ask(door, "/v1/topics/only-checked")).status).toBe(404);
    });

    const refused: [string, unknown, number, string][] = [
      ["a slash in the name", { name: "a/b" }, 400, "invalid_topic_exception"],
      ["an empty name", { name: "" }, 400, "invalid_topic_exception"],
      ["two dots", { name: ".." }, 400, "invalid_topic_exception"],
      ["250 characters", { name: "a".repeat(250) }, 400, "invalid_topic_exception"],
      ["a NUL", { name: "a\0" }, 400, "invalid_topic_exception"],
      ["no partitions", { name: "p0", partitions: 0 }, 400, "invalid_partitions"],
      [
        "too many replicas",
        { name: "r9", replication_factor: 9 },
        400,
        "invalid_replication_factor",
      ],
      ["an unknown config", { name: "c1", configs: { "no.such": "1" } }, 400, "invalid_config"],
      [
        "a config's wrong value",
        { name: "c2", configs: { "retention.ms": "x" } },
        400,
        "invalid_config",
      ],
      [
        "a config as a number",
        { name: "c3", configs: { "retention.ms": 1 } },
        400,
        "invalid_request",
      ],
      ["configs as an empty list", { name: "c4", configs: [] }, 400, "invalid_request"],
      ["no name", {}, 400, "invalid_request"],
      ["an integer too large", { name: "p", partitions: 2 ** 53 }, 400, "invalid_request"],
      ["a list", [], 400, "invalid_request"],
      ["null", null, 400, "invalid_request"],
    ];
    for (const [what, body, status, code] of refused)
      test(`refused: ${what}`, async () => {
        const answer = await post(door, "/v1/topics", body);
        expect([answer.status, answer.body.code]).toEqual([status, code]);
      });

    test("a name that is taken, or collides with one", async () => {
      const name = await newTopic(door);
      const again = await post(door, "/v1/topics", { name });
      expect([again.status, again.body.code]).toEqual([409, "topic_already_exists"]);
      expect((await post(door, "/v1/topics", { name: "x.y" })).status).toBe(201);
      expect((await post(door, "/v1/topics", { name: "x_y" })).status).toBe(400);
    });

    test("fewer partitions, unknown topics", async () => {
      const name = await newTopic(door, 2);
      const patch = (path: string, body: unknown) =>
        ask(door, path, { method: "PATCH", body: JSON.stringify(body) });
      const fewer = await patch(`/v1/topics/${name}`, { partitions: 1 });
      expect([fewer.status, fewer.body.code]).toEqual([400, "invalid_partitions"]);
      for (const configs of [[], ["retention.ms"], null]) {
        const wrong = await patch(`/v1/topics/${name}`, { configs });
        expect([wrong.status, wrong.body.code]).toEqual([400, "invalid_request"]);
      }
      expect((await patch("/v1/topics/none", { partitions: 1 })).status).toBe(404);
      expect((await ask(door, "/v1/topics/none", { method: "DELETE" })).status).toBe(404);
    });

    test("records are deleted up to an offset, and a reader is told", async () => {
      const topic = await newTopic(door);
      for (const value of ["a", "b", "c"]) await send(door, `/v1/topics/${topic}/records`, value);
      const path = `/v1/topics/${topic}/partitions/0`;
      const some = await post(door, `${path}/delete-records`, { before: 2 });
      expect([some.status, some.body]).toEqual([200, { log_start: 2 }]);
      const old = await ask(door, `${path}/records?from=0`);
      expect([old.status, old.body.code, old.body.earliest]).toEqual([410, "offset_trimmed", 2]);
      expect(values(await ask(door, `${path}/records`))).toEqual(["c"]);
      const list = await post(door, `${path}/delete-records`, []);
      expect([list.status, list.body.detail]).toEqual([
        400,
        "body: must be an object, not a list.",
      ]);
      const none = await post(door, `${path}/delete-records`, {});
      expect([none.status, none.body.code]).toEqual([400, "invalid_request"]);
      const all = await post(door, `${path}/delete-records`, { before: -1 });
      expect(all.body).toEqual({ log_start: 3 });
      const beyond = await post(door, `${path}/delete-records`, { before: 4 });
      expect([beyond.status, beyond.body.code]).toEqual([416, "offset_out_of_range"]);
    });

    test("who reads where one only writes is told where to read", async () => {
      const response = await door.fetch(`/v1/topics/${await newTopic(door)}/records`);
      expect(response.status).toBe(405);
      const problem: unknown = await response.json();
      for (const place of ["/partitions/{partition}/records", "/v1/fetch", "/v1/tail"])
        expect(String(Object(problem).detail)).toContain(place);
    });

    test("the node, its health, its documents", async () => {
      const node = await ask(door, "/v1/node");
      expect(node.body.cluster_id).toMatch(/^[\w-]{22}$/);
      for (const path of ["/livez", "/healthz", "/readyz", "/startupz", "/readyz?verbose"])
        expect((await ask(door, path)).body.status).toBe("ok");
      const metrics = await ask(door, "/metrics");
      expect(metrics.body).toContain("# TYPE kafka_topic_partition_current_offset gauge");
      const series = new Set<string>();
      for (const line of metrics.body.trimEnd().split("\n")) {
        if (/^# (HELP|TYPE) [a-z_]+ \S/.test(line)) continue;
        const [, name] =
          /^([a-z_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})?) \S+$/.exec(line) ?? [];
        expect([line, series.has(name ?? "")]).toEqual([
          expect.stringContaining(name ?? "?"),
          false,
        ]);
        series.add(name ?? "");
      }
      const page = await ask(door, "/docs");
      expect(page.headers.get("content-type")).toContain("text/html");
      expect(page.body).not.toMatch(/<script|https?:\/\//);
      const root = await ask(door, "/");
      expect(root.body.docs).toEndWith("/docs");
      const { body: list } = await ask(door, "/errors");
      for (const error of list.errors)
        expect((await ask(door, `/errors/${error.code}`)).body).toEqual(error);
      expect((await ask(door, "/errors/none")).status).toBe(404);
      const { body: document } = await ask(door, "/openapi.json");
      expect(document.openapi).toBe("3.1.0");
      expect(Object.keys(document.paths)).toContain("/v1/topics/{topic}/records");
      expect(JSON.stringify(document)).not.toContain("$defs");
    });
  });
}
