/** The WebSocket's session, over a scripted broker and a wire that can stall: subscriptions, credit, receipts, refusals. */
import { describe, expect, test } from "bun:test";
import { tailWorld } from "../tail-world.ts";

describe("subscriptions", () => {
  test("are answered with a cursor, then with records; unsub ends them", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const socket = await world.socket();
    socket.say({ op: "sub", id: "s", topics: ["a"] });
    await world.clock.pass(0);
    expect(socket.sent).toMatchObject([{ op: "ok", id: "s" }]);
    expect(String(socket.sent[0]?.["cursor"])).toMatch(/^[\w-]+$/);
    world.broker.append("a", 0, "x", "y");
    await world.clock.pass(0);
    expect(socket.values()).toEqual(["x", "y"]);
    expect(socket.sent[1]).toMatchObject({
      op: "record",
      id: "s",
      data: { topic: "a", partition: 0, offset: 0 },
    });
    socket.say({ op: "unsub", id: "s" });
    world.broker.append("a", 0, "z");
    await world.clock.pass(0);
    expect(socket.values()).toEqual(["x", "y"]);
    expect(socket.sent.at(-1)).toEqual({ op: "ok", id: "s" });
    expect(world.broker.waiting).toBe(0);
  });

  test("resume by the cursor of any message, as a tail does", async () => {
    const world = tailWorld();
    world.broker.create("a");
    world.broker.append("a", 0, "0", "1", "2");
    const socket = await world.socket();
    socket.say({ op: "sub", id: 1, topics: ["a"], from: "earliest" });
    await world.clock.pass(0);
    const cursor = socket.ops("record")[0]?.["cursor"];
    socket.say({ op: "sub", id: 2, cursor });
    await world.clock.pass(0);
    const second = socket.ops("record").filter(({ id }) => id === 2);
    expect(second.map(({ data }) => (data as { offset: number }).offset)).toEqual([1, 2]);
    const tail = await world.tail(`cursor=${String(cursor)}`);
    expect(await tail.values(2)).toEqual(["1", "2"]);
    await tail.cancel();
  });

  test("give no more records than there is credit", async () => {
    const world = tailWorld();
    world.broker.create("a");
    world.broker.append("a", 0, "a", "b", "c", "d", "e", "f", "g", "h");
    const socket = await world.socket();
    socket.say({ op: "sub", id: 1, topics: ["a"], from: "earliest", credit: 3 });
    await world.clock.pass(60_000);
    expect(socket.values().join("")).toBe("abc");
    socket.say({ op: "credit", id: 1, credit: 2 });
    await world.clock.pass(0);
    expect(socket.values().join("")).toBe("abcde");
    socket.say({ op: "credit", id: 1, credit: 1_000_000 });
    await world.clock.pass(0);
    expect(socket.values().join("")).toBe("abcdefgh");
  });

  test("stop while the reader does not take, and go on when it does", async () => {
    const world = tailWorld({ unreadBytesMax: 1_000, readBytesMax: 1 });
    world.broker.create("a");
    for (let at = 0; at < 100; at++) world.broker.append("a", 0, `v${at}`);
    const socket = await world.socket();
    socket.stalled = true;
    socket.say({ op: "sub", id: 1, topics: ["a"], from: "earliest" });
    await world.clock.pass(10_000);
    const taken = socket.values().length;
    expect(taken).toBeLessThan(10);
    socket.take();
    await world.clock.pass(0);
    expect(socket.values()).toHaveLength(100);
    await world.clock.pass(60_000);
    expect(socket.dropped).toBe(false);
  });

  test("a reader that takes nothing for long is dropped", async () => {
    const world = tailWorld({ unreadBytesMax: 1_000 });
    world.broker.create("a");
    for (let at = 0; at < 100; at++) world.broker.append("a", 0, `v${at}`);
    const socket = await world.socket();
    socket.stalled = true;
    socket.say({ op: "sub", id: 1, topics: ["a"], from: "earliest" });
    await world.clock.pass(29_000);
    expect(socket.dropped).toBe(false);
    await world.clock.pass(2_000);
    expect(socket.dropped).toBe(true);
    socket.handlers?.closed(1006, "");
    await world.clock.pass(0);
    expect(world.broker.waiting).toBe(0);
  });

  test("move their cursor past what a filter leaves out", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const socket = await world.socket();
    socket.say({ op: "sub", id: 1, topics: ["a"], filter: { key: "k" } });
    await world.clock.pass(0);
    world.broker.append("a", 0, "x=1");
    await world.clock.pass(0);
    expect(socket.sent.at(-1)).toMatchObject({ op: "cursor", id: 1 });
    world.broker.append("a", 0, "k=2");
    await world.clock.pass(0);
    expect(socket.values()).toEqual(["2"]);
  });

  test("end with a gap and a word when their topic is deleted; their id is free again", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const socket = await world.socket();
    socket.say({ op: "sub", id: 1, topics: ["a"] });
    await world.clock.pass(0);
    world.broker.delete("a");
    await world.clock.pass(0);
    expect(socket.ops("gap")).toMatchObject([{ data: { reason: "deleted" } }]);
    expect(socket.ops("end")).toMatchObject([{ id: 1, data: { reason: "deleted" } }]);
    world.broker.create("a");
    socket.say({ op: "sub", id: 1, topics: ["a"] });
    await world.clock.pass(0);
    expect(socket.ops("ok")).toHaveLength(2);
  });

  test("end with the node, and the socket with them", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const socket = await world.socket();
    socket.say({ op: "sub", id: 1, topics: ["a"] });
    await world.clock.pass(0);
    world.stopping.abort();
    await world.clock.pass(0);
    expect(socket.ops("end")).toMatchObject([{ id: 1, data: { reason: "stopping" } }]);
    expect(socket.closed).toEqual({ code: 1001, reason: "the node stops" });
  });
});

describe("publications", () => {
  const pub = (id: number, ...values: string[]) => ({
    op: "pub",
    id,
    topic: "a",
    records: values.map((value) => ({ value })),
  });

  test("get their receipts in order, whatever their appends' order", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const socket = await world.socket();
    world.broker.holdAppends = true;
    socket.say(pub(1, "x"));
    socket.say({ op: "pub", id: 2, topic: "none", records: [{ value: "y" }] });
    socket.say(pub(3, "z", "zz"));
    await world.clock.pass(0);
    expect(socket.sent).toEqual([]);
    world.broker.held[1]?.();
    await world.clock.pass(0);
    expect(socket.sent).toEqual([]);
    world.broker.held[0]?.();
    await world.clock.pass(0);
    expect(socket.sent).toMatchObject([
      { op: "receipt", id: 1, status: 200, results: [{ partition: 0, offset: 0 }] },
      { op: "error", id: 2, error: { code: "unknown_topic_or_partition", status: 404 } },
      { op: "receipt", id: 3, status: 200, results: [{ offset: 1 }, { offset: 2 }] },
    ]);
  });

  test("past the bound are refused for now", async () => {
    const world = tailWorld({ publishingMax: 2 });
    world.broker.create("a");
    const socket = await world.socket();
    world.broker.holdAppends = true;
    for (const id of [1, 2, 3]) socket.say(pub(id, "x"));
    await world.clock.pass(0);
    for (const go of world.broker.held) go();
    await world.clock.pass(0);
    expect(socket.sent).toMatchObject([
      { op: "receipt", id: 1 },
      { op: "receipt", id: 2 },
      { op: "error", id: 3, error: { status: 429, retryable: true } },
    ]);
    world.broker.holdAppends = false;
    socket.say(pub(4, "x"));
    await world.clock.pass(0);
    expect(socket.sent.at(-1)).toMatchObject({ op: "receipt", id: 4 });
  });

  test("with acks 0 and with expect", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const socket = await world.socket();
    socket.say({ ...pub(1, "x"), acks: 0 });
    socket.say({ ...pub(2, "x"), partition: 0, expect: { offset: 7 } });
    await world.clock.pass(0);
    expect(socket.sent).toMatchObject([
      { op: "receipt", id: 1, status: 202 },
      { op: "error", id: 2, error: { status: 412, actual: 1 } },
    ]);
  });
});

describe("what is wrong gets an error, and the socket stays open", () => {
  const rows: [string, unknown, string | number | null][] = [
    ["no JSON", "{", null],
    ["no object", "7", null],
    ["no op", { id: 1 }, 1],
    ["an unknown op", { op: "fly", id: "x" }, "x"],
    ["no id", { op: "unsub" }, null],
    ["a sub of nothing", { op: "sub", id: 1 }, 1],
    ["a sub of an unknown topic", { op: "sub", id: 1, topics: ["none"] }, 1],
    ["a bad cursor", { op: "sub", id: 1, topics: ["a"], cursor: "!" }, 1],
    ["an unknown member", { op: "sub", id: 1, topics: ["a"], form: "latest" }, 1],
    ["no credit", { op: "sub", id: 1, topics: ["a"], credit: 0 }, 1],
    ["credit for nobody", { op: "credit", id: 1, credit: 1 }, 1],
    ["unsub of nobody", { op: "unsub", id: 1 }, 1],
    ["a pub of no records", { op: "pub", id: 1, topic: "a", records: [] }, 1],
    ["a bare value", { op: "pub", id: 1, topic: "a", records: [{ value: 7 }] }, 1],
    ["a pub to nowhere", { op: "pub", id: 1, records: [{ value: "x" }] }, 1],
    [
      "expect without a partition",
      { op: "pub", id: 1, topic: "a", records: [{ value: "x" }], expect: { offset: 0 } },
      1,
    ],
    ["settle", { op: "settle", id: 1, ack: ["l1"] }, 1],
    ["req", { op: "req", id: 1, service: "s" }, 1],
  ];
  for (const [name, message, id] of rows)
    test(name, async () => {
      const world = tailWorld();
      world.broker.create("a");
      const socket = await world.socket();
      socket.say(message);
      socket.say({ op: "ping", id: "still" });
      await world.clock.pass(0);
      const [error] = socket.ops("error");
      expect(error?.["id"]).toBe(id);
      const problem = error?.["error"] as { status: number } | undefined;
      expect([400, 404]).toContain(problem?.status ?? 0);
      expect(socket.ops("pong")).toEqual([{ op: "pong", id: "still" }]);
      expect(socket.closed).toBeNull();
    });

  test("only what is served is offered", async () => {
    const world = tailWorld();
    const socket = await world.socket();
    socket.say({ op: "settle", id: 1, ack: ["l1"] });
    await world.clock.pass(0);
    const [error] = socket.ops("error");
    const problem = error?.["error"] as { detail: string } | undefined;
    expect(problem?.detail).toContain("sub, unsub, credit, pub or ping");
  });

  test("bytes, one id twice, too many subscriptions", async () => {
    const world = tailWorld({ subscriptionsMax: 2 });
    world.broker.create("a");
    const socket = await world.socket();
    socket.handlers?.message(socket, new Uint8Array(3));
    for (const id of [1, 1, 2, 3]) socket.say({ op: "sub", id, topics: ["a"] });
    await world.clock.pass(0);
    expect(socket.ops("ok").map(({ id }) => id)).toEqual([1, 2]);
    expect(socket.ops("error").map(({ id }) => id)).toEqual([null, 1, 3]);
  });
});

describe("a storm of messages", () => {
  test("is taken in parts, between which others have their turn", async () => {
    const world = tailWorld({ costPerTurnMax: 10 });
    const [busy, other] = [await world.socket(), await world.socket()];
    for (let id = 0; id < 100; id++) busy.say({ op: "ping", id });
    other.say({ op: "ping", id: "other" });
    expect(busy.sent.length).toBe(10);
    await world.clock.turn();
    await world.clock.turn();
    expect(other.sent).toEqual([{ op: "pong", id: "other" }]);
    expect(busy.sent.length).toBeLessThan(40);
    for (let turn = 0; turn < 10; turn++) await world.clock.turn();
    expect(busy.sent.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, id) => id));
  });

  test("closes its socket when more waits than may; the others stay", async () => {
    const world = tailWorld({ costPerTurnMax: 10, waitingMessagesMax: 50 });
    const [busy, other] = [await world.socket(), await world.socket()];
    for (let id = 0; id < 100; id++) busy.say({ op: "ping", id });
    expect(busy.closed).toEqual({
      code: 1008,
      reason: "more than 50 messages or 16777216 characters wait to be taken",
    });
    busy.handlers?.closed(1008, "");
    other.say({ op: "ping" });
    await world.clock.pass(0);
    expect(busy.sent.length).toBe(10);
    expect(other.ops("pong")).toHaveLength(1);
  });

  test("of sub and unsub opens one subscription at a time", async () => {
    const world = tailWorld({ costPerTurnMax: 1_000_000 });
    world.broker.create("a");
    world.broker.append("a", 0, "v");
    const socket = await world.socket();
    const opening = world.broker.holdOffsets();
    for (let id = 0; id < 200; id++) {
      socket.say({ op: "sub", id, topics: ["a"], from: "earliest", credit: 1 });
      socket.say({ op: "unsub", id });
    }
    await world.clock.pass(0);
    expect(opening.asked).toBe(1);
    expect(world.broker.reads).toBe(0);
    opening.go();
    await world.clock.pass(0);
    expect(opening.asked).toBe(200);
    expect(socket.ops("error")).toEqual([]);
    const answered = socket.ops("ok").map(({ id }) => id);
    expect(answered).toEqual(Array.from({ length: 400 }, (_, at) => Math.floor(at / 2)));
    expect(world.broker.waiting).toBe(0);
  });
});

describe("the upgrade", () => {
  const token = { auth: { token: "s3cret-token" } };

  test("wants the token, in a header or as a subprotocol", async () => {
    const world = tailWorld({}, token);
    const refused = await world.socket().catch(String);
    expect(refused).toContain("401");
    await world.socket({ headers: { authorization: "Bearer s3cret-token" } });
    const protocols = {
      upgrade: "websocket",
      "sec-websocket-protocol": "kedge, bearer.s3cret-token",
    };
    await world.socket({ headers: protocols });
    const wrong = { ...protocols, "sec-websocket-protocol": "kedge, bearer.other" };
    expect(await world.socket({ headers: wrong }).catch(String)).toContain("401");
  });

  test("refuses foreign pages, and requests that are none", async () => {
    const world = tailWorld();
    const foreign = { headers: { origin: "https://evil.example" } };
    expect(await world.socket(foreign).catch(String)).toContain("403");
    expect((await world.request("/v1/ws")).status).toBe(426);
  });
});
