/** The WebSocket over a real socket: subscriptions, credit, publications, refusals. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { newTopic, post } from "./http-client.ts";
import type { HttpDoor } from "./http-door.ts";
import { openTail } from "./http-tail.ts";

type Message = Readonly<Record<string, unknown>>;

/** A client that keeps what it was sent and waits for more. */
class WireSocket {
  readonly sent: Message[] = [];
  readonly closed: Promise<CloseEvent>;
  readonly #ws: WebSocket;
  #wake = () => {};

  private constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.addEventListener("message", ({ data }) => {
      this.sent.push(JSON.parse(String(data)));
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      ws.addEventListener("close", resolve);
    });
  }

  static async open(url: URL, protocols: string[] = []): Promise<WireSocket> {
    const ws = new WebSocket(new URL("/v1/ws", url.href.replace("http", "ws")), protocols);
    const socket = new WireSocket(ws);
    await new Promise((resolve, reject) => {
      ws.addEventListener("open", resolve);
      ws.addEventListener("error", () => reject(new Error("the socket was refused")));
    });
    return socket;
  }

  get protocol(): string {
    return this.#ws.protocol;
  }

  say(...messages: unknown[]): void {
    for (const message of messages)
      this.#ws.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** The messages of that op, once there are so many. */
  async ops(op: string, count: number): Promise<Message[]> {
    for (;;) {
      const found = this.sent.filter((message) => message["op"] === op);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async values(count: number): Promise<unknown[]> {
    const records = await this.ops("record", count);
    return records.map(({ data }) => (data as Message)["value"]);
  }

  async close(): Promise<void> {
    this.#ws.close();
    await this.closed;
  }
}

export function socketSuite(
  name: string,
  open: () => Promise<HttpDoor & { readonly url: URL }>,
): void {
  describe(`${name}: websocket`, () => {
    let door: HttpDoor & { readonly url: URL };
    beforeAll(async () => {
      door = await open();
    });
    afterAll(() => door.close());

    const append = (topic: string, ...values: string[]) =>
      post(door, `/v1/topics/${topic}/partitions/0/records`, {
        records: values.map((value) => ({ value })),
      });

    test("a subscription follows on behind what was aborted", async () => {
      const topic = await newTopic(door);
      const socket = await WireSocket.open(door.url);
      socket.say({ op: "sub", id: 1, topics: [topic], from: "earliest", credit: 10 });
      await socket.ops("ok", 1);
      const begun = await post(door, "/v1/txns", { transactional_id: `ws-${topic}` });
      const headers = { txn: String(begun.body.txn) };
      const records = [{ value: "aborted" }];
      await post(door, `/v1/topics/${topic}/records`, { records }, headers);
      await post(door, `/v1/txns/${headers.txn}/abort`, {});
      await post(door, `/v1/topics/${topic}/records`, { records: [{ value: "seen" }] });
      expect(await socket.values(1)).toEqual(["seen"]);
      socket.say({ op: "unsub", id: 1 });
      await socket.ops("ok", 2);
      await socket.close();
    });

    test("what is published is seen by a subscription, a tail and another socket", async () => {
      const topic = await newTopic(door);
      const [one, two] = [await WireSocket.open(door.url), await WireSocket.open(door.url)];
      const tail = await openTail(door, `topic=${topic}`);
      await tail.next();
      for (const socket of [one, two]) socket.say({ op: "sub", id: "s", topics: [topic] });
      await Promise.all([one.ops("ok", 1), two.ops("ok", 1)]);
      const values = Array.from({ length: 50 }, (_, at) => `v${at}`);
      one.say(...values.map((value, id) => ({ op: "pub", id, topic, records: [{ value }] })));
      const receipts = await one.ops("receipt", 50);
      expect(receipts.map(({ id }) => id)).toEqual(values.map((_, id) => id));
      expect(receipts[49]).toMatchObject({ status: 200, results: [{ partition: 0, offset: 49 }] });
      expect(await one.values(50)).toEqual(values);
      expect(await two.values(50)).toEqual(values);
      expect(await tail.values(50)).toEqual(values);
      await tail.cancel();
      await Promise.all([one.close(), two.close()]);
    });

    test("credit bounds what is sent, and a cursor goes on elsewhere", async () => {
      const topic = await newTopic(door);
      await append(topic, "a", "b", "c", "d");
      const socket = await WireSocket.open(door.url);
      socket.say({ op: "sub", id: 1, topics: [topic], from: "earliest", credit: 2 });
      expect(await socket.values(2)).toEqual(["a", "b"]);
      socket.say({ op: "ping", id: "p" });
      await socket.ops("pong", 1);
      expect(await socket.values(0)).toEqual(["a", "b"]);
      const cursor = (await socket.ops("record", 1))[0]?.["cursor"];
      const tail = await openTail(door, `cursor=${String(cursor)}`);
      expect(await tail.values(3)).toEqual(["b", "c", "d"]);
      await tail.cancel();
      socket.say({ op: "credit", id: 1, credit: 10 });
      expect(await socket.values(4)).toEqual(["a", "b", "c", "d"]);
      socket.say({ op: "unsub", id: 1 });
      await socket.ops("ok", 2);
      await socket.close();
    });

    test("a publication that is sent again by its key is kept once", async () => {
      const topic = await newTopic(door);
      const socket = await WireSocket.open(door.url);
      const pub = { op: "pub", topic, partition: 0, records: [{ value: "x" }] };
      socket.say(
        { ...pub, id: 1, idempotency_key: "k" },
        { ...pub, id: 2, idempotency_key: "k" },
        { ...pub, id: 3, producer: { id: "p", seq: 0 } },
        { ...pub, id: 4, producer: { id: "p", seq: 0 } },
        { ...pub, id: 5, expect: { offset: 9 } },
      );
      const receipts = await socket.ops("receipt", 4);
      expect(receipts.map(({ duplicate }) => duplicate)).toEqual([false, true, false, true]);
      const [error] = await socket.ops("error", 1);
      expect(error).toMatchObject({ id: 5, error: { status: 412, code: "offset_mismatch" } });
      await socket.close();
    });

    test("what is wrong gets an error and the socket stays open", async () => {
      const socket = await WireSocket.open(door.url);
      socket.say("{", { op: "fly", id: 1 }, { op: "sub", id: 2, topics: ["missing"] });
      socket.say({ op: "settle", id: 3 }, { op: "req", id: 4 }, { op: "ping", id: 5 });
      const errors = await socket.ops("error", 5);
      expect(new Set(errors.map(({ id }) => id))).toEqual(new Set([null, 1, 2, 3, 4]));
      for (const { error } of errors)
        expect(error).toMatchObject({ type: expect.stringContaining("/errors/") });
      await socket.ops("pong", 1);
      await socket.close();
    });

    test("a message that is too large closes its socket alone", async () => {
      const [one, two] = [await WireSocket.open(door.url), await WireSocket.open(door.url)];
      one.say(JSON.stringify({ op: "ping", id: "x".repeat(9 * 1024 * 1024) }));
      expect([1006, 1009]).toContain((await one.closed).code);
      two.say({ op: "ping", id: 1 });
      await two.ops("pong", 1);
      await two.close();
    });

    test("the subprotocol is taken when it is offered", async () => {
      const socket = await WireSocket.open(door.url, ["kedge", "bearer.nobody-asks"]);
      expect(socket.protocol).toBe("kedge");
      await socket.close();
    });

    test("a plain request is told to upgrade", async () => {
      const response = await door.fetch("/v1/ws");
      expect(response.status).toBe(426);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
    });
  });
}
