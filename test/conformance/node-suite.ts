/**
 * What a node owes from outside, whichever runtime it runs on: the main job through kill -9, a graceful stop, one process a
 * folder.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { ask, newTopic, post, send, values } from "./http-client.ts";
import { nodeFolder, runServe, startNodeProcess, type NodeOptions } from "./node.ts";

const START_MS = 20_000;

export function nodeSuite(name: string, options: () => Promise<NodeOptions>): void {
  let how: NodeOptions;
  let folder: Awaited<ReturnType<typeof nodeFolder>>;
  const start = () => startNodeProcess({ ...how, data: folder.path });

  describe(`${name}: a node`, () => {
    beforeAll(async () => {
      how = await options();
      folder = await nodeFolder();
    }, START_MS);
    afterAll(() => folder.remove());

    test(
      "create, produce, kill -9, start again, fetch",
      async () => {
        const topic = "orders";
        const path = recordsOf(topic);
        const first = await start();
        const created = await post(first, "/v1/topics", { name: topic, partitions: 3 });
        expect(created.status).toBe(201);
        const sent = Array.from({ length: 20 }, (_, at) => `value ${at}`);
        const answers = await Promise.all(sent.map((value) => send(first, path, value)));
        const offsets = answers.map(({ body }) => Number(body.results[0].offset));
        expect(offsets.toSorted((one, other) => one - other)).toEqual([...sent.keys()]);
        const { body: before } = await ask(first, "/v1/node");
        await first.end("SIGKILL");

        const second = await start();
        const { body: after } = await ask(second, "/v1/node");
        expect(after.cluster_id).toBe(before.cluster_id);
        const read = await ask(second, path);
        const expected = sent.toSorted(
          (one, other) => (offsets[sent.indexOf(one)] ?? 0) - (offsets[sent.indexOf(other)] ?? 0),
        );
        expect(values(read)).toEqual(expected);
        const next = await send(second, path, "after");
        expect(next.body.results[0].offset).toBe(sent.length);
        await second.end("SIGKILL");
      },
      2 * START_MS,
    );

    test.each(["SIGTERM", "SIGINT"] as const)(
      "%s answers long polls, keeps what was accepted, exits 0",
      async (signal) => {
        const node = await start();
        const [busy, quiet] = [await newTopic(node), await newTopic(node)];
        const poll = ask(node, `${recordsOf(quiet)}?wait_ms=20000`);
        await send(node, recordsOf(busy), "acknowledged");
        const accepted = await send(node, `${recordsOf(busy)}?acks=0`, "accepted");
        expect(accepted.status).toBe(202);
        const stoppedMs = performance.now();
        const code = await node.end(signal);
        expect(performance.now() - stoppedMs).toBeLessThan(10_000);
        expect(code).toBe(0);
        const { status, body } = await poll;
        expect([status, body.records]).toEqual([200, []]);
        const again = await start();
        expect(values(await ask(again, recordsOf(busy)))).toEqual(["acknowledged", "accepted"]);
        await again.end("SIGKILL");
      },
      2 * START_MS,
    );

    test(
      "a signal that comes twice, as a terminal's does that a package runner passes on too, ends it gracefully",
      async () => {
        const node = await start();
        const topic = await newTopic(node);
        const upload = new TransformStream<Uint8Array, Uint8Array>();
        const writer = upload.writable.getWriter();
        const say = (value: string) =>
          writer.write(new TextEncoder().encode(`{"value":"${value}"}\n`));
        const answer = node.fetch(recordsOf(topic), {
          method: "POST",
          headers: { "content-type": "application/x-ndjson" },
          body: upload.readable,
          duplex: "half",
        });
        await say("before");
        const receipts = (await answer).body?.getReader();
        await receipts?.read();
        process.kill(node.pid, "SIGTERM");
        while (!node.errors().includes("stopping")) await Bun.sleep(1);
        const ended = node.end("SIGTERM");
        // Deno's server ends uploads that are still open, and their last receipt says so; Bun's lets them go on.
        await Promise.allSettled([say("after"), writer.close()]);
        const last = new TextDecoder().decode((await receipts?.read())?.value);
        expect(last).toMatch(/^\{"(partition|error)":.*\}\n$/);
        expect(await ended).toBe(0);
      },
      START_MS,
    );

    test(
      "SIGTERM tells who does not come to the end of a body to send it again, and exits 0",
      async () => {
        const node = await start();
        const path = recordsOf(await newTopic(node));
        const socket = connect(Number(node.url.port), node.url.hostname);
        let heard = "";
        socket.on("data", (data) => (heard += data.toString()));
        socket.on("error", () => {}); // Cut off, without this.
        const closed = new Promise((resolve) => socket.once("close", resolve));
        socket.write(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nhalf`);
        await Bun.sleep(100);
        // By its answer the node has come to the half body, too.
        await ask(node, "/livez");
        const ended = node.end("SIGTERM");
        await closed;
        expect(heard).toStartWith("HTTP/1.1 503 ");
        const told = JSON.parse(heard.slice(heard.indexOf("{")));
        expect(told).toMatchObject({
          code: "node_stopping",
          retryable: true,
          side_effects: "none",
        });
        expect(await ended).toBe(0);
      },
      START_MS,
    );

    test(
      "a second one on the folder exits 1 and names the first; a folder is free after kill -9",
      async () => {
        const first = await start();
        const second = await runServe(
          ["--data", folder.path, "--http", "127.0.0.1:0", "--kafka", "none"],
          how,
        );
        expect(second.code).toBe(1);
        expect(second.errors).toContain(`process ${first.pid} `);
        await first.end("SIGKILL");
        const third = await start();
        expect((await ask(third, "/readyz")).status).toBe(200);
        const port = third.url.host;
        const taken = await runServe(
          ["--data", ":memory:", "--http", port, "--kafka", "none"],
          how,
        );
        expect(taken.code).toBe(1);
        expect(taken.errors).toMatch(/cannot listen on .*: the port is taken/);
        await third.end("SIGKILL");
      },
      3 * START_MS,
    );
  });
}

function recordsOf(topic: string): string {
  return `/v1/topics/${topic}/partitions/0/records`;
}
