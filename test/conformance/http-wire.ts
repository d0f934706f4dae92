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
      // By this answer the node has come to the poll, too.
      const before = await fetchesEnded();
      gone.abort();
      await poll.catch(() => {});
      await until(async () => (await fetchesEnded()) > before);
      await send(door, `/v1/topics/${topic}/records`, "later");
      expect(values(await read(topic))).toEqual(["later"]);
    });

    /** What a raw request is answered: a whole head, and what came of the body. */
    async function answerTo(text: string): Promise<{ status: number; head: string; body: string }> {
      const socket = await open();
      let heard = "";
      socket.on("data", (data) => (heard += data.toString("latin1")));
      socket.write(text);
      await until(() => /\r\n\r\n.*\}/s.test(heard) || socket.destroyed);
      socket.destroy();
      const [head = "", body = ""] = heard.split("\r\n\r\n");
      return { status: Number(head.split(" ")[1]), head: head.toLowerCase(), body };
    }

    /** The code of a problem document, whose status is the answer's. */
    function codeOf({ status, head, body }: Awaited<ReturnType<typeof answerTo>>): string {
      expect(head).toContain("content-type: application/problem+json");
      const document = JSON.parse(body);
      expect(document.status).toBe(status);
      return document.code;
    }

    const get = (path: string, headers = "") =>
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`;

    test("a head that is too large is a problem document", async () => {
      const large = "x".repeat(40_000);
      const ours = async (text: string) => {
        let answer = await answerTo(text);
        // Bun reads larger heads a moment after its start.
        await until(async () => answer.body !== "" || (answer = await answerTo(text)).body !== "");
        return codeOf(answer);
      };
      expect(await ours(get("/livez", `Kafka-Header-A: ${large}\r\n`))).toBe(
        "request_header_fields_too_large",
      );
      expect(await ours(get(`/${large}`))).toBe("uri_too_long");
      const most = await answerTo(get("/livez", `Kafka-Header-A: ${"x".repeat(30_000)}\r\n`));
      expect(most.status).toBe(200);
    });

    test("what hardly any client sends is a problem document, too", async () => {
      const host = "Host: 127.0.0.1\r\n";
      const trace = await answerTo(`TRACE /livez HTTP/1.1\r\n${host}\r\n`);
      expect(codeOf(trace)).toBe("method_not_allowed");
      expect(trace.head).toContain("allow: options, get, head");
      const connected = await answerTo(
        "CONNECT kedge.example:443 HTTP/1.1\r\nHost: kedge.example:443\r\n\r\n",
      );
      expect(codeOf(connected)).toBe("unknown_host");
      expect(JSON.parse(connected.body).detail).toContain('"kedge.example"');
      const endless = `Content-Length: 99999999999999999\r\n`;
      expect(codeOf(await answerTo(`POST /v1/topics HTTP/1.1\r\n${host}${endless}\r\n`))).toBe(
        "body_too_large",
      );
    });

    describe("a WebSocket that is asked for wrongly is a problem document:", () => {
      const upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
      const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
      const version = "Sec-WebSocket-Version: 13\r\n";
      test.each([
        ["not at all", "", "upgrade_required"],
        ["another protocol", `Connection: Upgrade\r\nUpgrade: h2c\r\n`, "upgrade_required"],
        ["no Connection", `Upgrade: websocket\r\n${key}${version}`, "upgrade_required"],
        ["another version", `${upgrade}${key}Sec-WebSocket-Version: 8\r\n`, "upgrade_required"],
        ["no version", `${upgrade}${key}`, "upgrade_required"],
        ["no key", `${upgrade}${version}`, "bad_request"],
        ["a short key", `${upgrade}${version}Sec-WebSocket-Key: x\r\n`, "bad_request"],
      ])("%s", async (name, headers, code) => {
        const answer = await answerTo(get("/v1/ws", headers));
        expect(codeOf(answer)).toBe(code);
        expect(answer.status).toBe(code === "bad_request" ? 400 : 426);
        if (name.includes("version")) expect(answer.head).toContain("sec-websocket-version: 13");
      });
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
