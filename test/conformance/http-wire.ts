/**
 * What only a real socket can show of an HTTP door: bodies and uploads that are cut off, a reader that stops reading, a
 * client that leaves a long poll.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { ask, linesOf, linesType, newTopic, send, values } from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";

export function wireSuite(
  name: string,
  openDoor: () => Promise<HttpDoor & { readonly url: URL }>,
): void {
  describe(`${name}: the wire`, () => {
    let door: HttpDoor & { readonly url: URL };
    beforeAll(async () => {
      door = await openDoor();
    });
    afterAll(() => door.close());

    const read = (topic: string) => ask(door, `/v1/topics/${topic}/partitions/0/records`);

    function open(): Promise<Socket> {
      const socket = connect(Number(door.url.port), door.url.hostname);
      socket.on("error", () => {}); // Cutting is what these tests do.
      return new Promise((resolve) => socket.once("connect", () => resolve(socket)));
    }

    async function until(what: () => Promise<boolean> | boolean): Promise<void> {
      for (let attempt = 0; !(await what()); attempt++) {
        expect(attempt).toBeLessThan(500);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }

    /** Fetches that were answered, or whose clients left. */
    async function fetchesEnded(): Promise<number> {
      const route = "/v1/topics/{topic}/partitions/{partition}/records";
      const metrics = await (await door.fetch("/metrics")).text();
      const start = `kedge_http_request_seconds_count{method="GET",route="${route}"} `;
      const line = metrics.split("\n").find((line) => line.startsWith(start));
      return line === undefined ? 0 : Number(line.slice(start.length));
    }

    const head = (topic: string, headers: string) =>
      `POST /v1/topics/${topic}/records HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`;

    test("a body that is cut off is never appended", async () => {
      const topic = await newTopic(door);
      const forms = [
        "Content-Length: 100\r\n",
        "Content-Length: 100\r\nContent-Type: application/json\r\n",
        "Transfer-Encoding: chunked\r\n",
      ];
      for (const form of forms) {
        const socket = await open();
        socket.write(head(topic, form) + (form.startsWith("Tr") ? "5\r\nhello\r\n" : "hello"));
        await new Promise((resolve) => setTimeout(resolve, 20));
        socket.destroy();
      }
      await send(door, `/v1/topics/${topic}/records`, "after");
      expect(values(await read(topic))).toEqual(["after"]);
    });

    test("an upload of lines that is cut keeps its whole lines", async () => {
      const topic = await newTopic(door);
      const socket = await open();
      const lines = '{"value":"one"}\n{"value":"two"}\n{"value":"thr';
      socket.write(
        head(topic, "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n") +
          `${lines.length.toString(16)}\r\n${lines}\r\n`,
      );
      await until(async () => values(await read(topic)).length === 2);
      socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(values(await read(topic))).toEqual(["one", "two"]);
    });

    test("an upload of lines may be larger than any body", async () => {
      const topic = await newTopic(door);
      const line = new TextEncoder().encode(`{"value":"${"x".repeat(1_000_000)}"}\n`);
      let left = 70;
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull(controller) {
          if (left-- > 0) controller.enqueue(line);
          else controller.close();
        },
      });
      const path = `/v1/topics/${topic}/records?acks=1`;
      const answer = await ask(door, path, { method: "POST", body, headers: linesType });
      expect(linesOf(answer.body).map(({ offset }) => offset)).toEqual(
        Array.from({ length: 70 }, (_, at) => at),
      );
    }, 30_000);

    test("a client that reads no receipts is read no further", async () => {
      const topic = await newTopic(door);
      const socket = await open();
      socket.pause();
      socket.write(
        head(topic, "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"),
      );
      const lines = '{"value":""}\n'.repeat(50_000);
      const chunk = `${lines.length.toString(16)}\r\n${lines}\r\n`;
      let taken = 0;
      for (let at = 0; at < 100; at++) {
        const whole = new Promise<boolean>((resolve) => socket.write(chunk, () => resolve(true)));
        const stuck = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 300));
        if (!(await Promise.race([whole, stuck]))) break;
        taken++;
      }
      socket.destroy();
      // How much sockets and runtime hold differs; that reading stops at all is what counts.
      expect(taken).toBeLessThan(100);
    }, 20_000);

    test("a client that leaves a long poll leaves nothing behind", async () => {
      const topic = await newTopic(door);
      const gone = new AbortController();
      const poll = door.fetch(`/v1/topics/${topic}/partitions/0/records?wait_ms=20000`, {
        signal: gone.signal,
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
      const before = await fetchesEnded();
      gone.abort();
      await poll.catch(() => {});
      await until(async () => (await fetchesEnded()) > before);
      await send(door, `/v1/topics/${topic}/records`, "later");
      expect(values(await read(topic))).toEqual(["later"]);
    });

    test("answers are compressed for those who ask", async () => {
      const topic = await newTopic(door);
      await send(door, `/v1/topics/${topic}/records`, "x".repeat(10_000));
      for (const encoding of ["gzip", "zstd"]) {
        const response = await door.fetch(`/v1/topics/${topic}/partitions/0/records`, {
          headers: { "accept-encoding": encoding },
        });
        expect(response.headers.get("vary")).toBe("Accept-Encoding");
        const { records }: { records: { value: string }[] } = await response.json();
        expect(records[0]?.value.length).toBe(10_000);
      }
      const plain = await door.fetch(`/v1/topics/${topic}/partitions/0/records`, {
        headers: { "accept-encoding": "identity" },
      });
      expect(plain.headers.get("content-encoding")).toBeNull();
    });
  });
}
