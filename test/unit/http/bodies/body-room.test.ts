/**
 * Large bodies share one room: who waits for it, who is refused, who is cut off, and what is given back.
 */
import { describe, expect, test } from "bun:test";
import { readBody } from "../../../../src/http/bodies/body.ts";
import { BODY_FREE_BYTES, BodyRoom } from "../../../../src/http/bodies/body-room.ts";
import { type HttpLimits, httpLimits } from "../../../../src/http/limits.ts";
import { VirtualClock } from "../../../simulation/virtual-clock.ts";

const KIB = 1024;
const roomBytes = 256 * KIB;

function world(others: Partial<HttpLimits> = {}) {
  const clock = new VirtualClock();
  const limits = { ...httpLimits, bodyBytesMax: 200 * KIB, bodiesBytesMax: roomBytes, ...others };
  const bodies = new BodyRoom(clock, limits);
  const door = { clock, limits, bodies };
  /** A body that comes as the test says. */
  const upload = (headers: Record<string, string>) => {
    const gone = new AbortController();
    let held = false;
    let feed: ReadableStreamDefaultController<Uint8Array> | undefined;
    let asked = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (feed = controller),
        pull: () => void (asked += 1),
      },
      { highWaterMark: 0 },
    );
    const init = { method: "POST", body, headers, signal: gone.signal };
    const request = new Request("http://127.0.0.1/", init);
    const connection = { hold: () => void (held = true) };
    const outcome = readBody({ request, connection, door }).then(
      (bytes) => bytes.length,
      (error: { code?: string }) => error.code ?? "bug",
    );
    return {
      outcome,
      gone,
      isHeld: () => held,
      isRead: () => asked > 0,
      send: (bytes: number) => feed?.enqueue(new Uint8Array(bytes)),
      end: () => feed?.close(),
    };
  };
  return { clock, bodies, upload };
}

const declaring = (bytes: number) => ({ "content-length": String(bytes) });
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("a large body", () => {
  test("is not read before there is room for it, and gives its room back", async () => {
    const { bodies, upload } = world();
    const first = upload(declaring(200 * KIB));
    const second = upload(declaring(100 * KIB));
    await settled();
    expect(bodies.bytes).toBe(200 * KIB);
    expect([first.isRead(), second.isRead()]).toEqual([true, false]);
    expect(second.isHeld()).toBe(true);
    first.send(200 * KIB);
    first.end();
    expect(await first.outcome).toBe(200 * KIB);
    await settled();
    expect(second.isRead()).toBe(true);
    second.send(100 * KIB);
    second.end();
    expect(await second.outcome).toBe(100 * KIB);
    expect(bodies.bytes).toBe(0);
  });

  test("that finds no room in time is refused", async () => {
    const { clock, bodies, upload } = world({ bodySlowMs: 1_000_000, requestMs: 1_000_000 });
    upload(declaring(200 * KIB));
    const second = upload(declaring(100 * KIB));
    await settled();
    await clock.advance(httpLimits.bodyWaitMs);
    expect(await second.outcome).toBe("too_many_bodies");
    expect(bodies.bytes).toBe(200 * KIB);
  });

  test("whose client leaves in line holds nothing", async () => {
    const { bodies, upload } = world();
    const first = upload(declaring(200 * KIB));
    const second = upload(declaring(100 * KIB));
    await settled();
    second.gone.abort();
    expect(await second.outcome).toBe("too_many_bodies");
    first.send(200 * KIB);
    first.end();
    await first.outcome;
    expect(bodies.bytes).toBe(0);
  });

  test("that trickles is cut off once others wait", async () => {
    const { clock, bodies, upload } = world();
    const slow = upload(declaring(200 * KIB));
    await settled();
    for (let second = 0; second < 20; second++) {
      slow.send(1);
      await clock.advance(1_000);
      await settled();
    }
    expect(bodies.bytes).toBe(200 * KIB);
    const other = upload(declaring(100 * KIB));
    await settled();
    await clock.advance(1_000);
    expect(await slow.outcome).toBe("too_many_bodies");
    await settled();
    expect(other.isRead()).toBe(true);
    expect(bodies.bytes).toBe(100 * KIB);
  });

  test("that comes at a slow line's pace keeps its room", async () => {
    const { clock, upload } = world();
    const steady = upload(declaring(200 * KIB));
    upload(declaring(100 * KIB));
    await settled();
    for (let sent = 0; sent < 10; sent++) {
      steady.send(20 * KIB);
      await settled();
      await clock.advance(300);
    }
    steady.end();
    expect(await steady.outcome).toBe(200 * KIB);
  });

  test("is cut off after the time that a request may take, though nobody waits", async () => {
    const { clock, bodies, upload } = world();
    const slow = upload(declaring(200 * KIB));
    await settled();
    await clock.advance(httpLimits.requestMs);
    expect(await slow.outcome).toBe("body_timed_out");
    expect(bodies.bytes).toBe(0);
  });

  test("that is shorter than declared is refused, and gives its room back", async () => {
    const { bodies, upload } = world();
    const short = upload(declaring(100 * KIB));
    await settled();
    short.send(99 * KIB);
    short.end();
    expect(await short.outcome).toBe("bad_request");
    expect(bodies.bytes).toBe(0);
  });
});

describe("a body of unknown length", () => {
  test("claims what it may become once it is large", async () => {
    const { bodies, upload } = world();
    const body = upload({});
    body.send(BODY_FREE_BYTES);
    await settled();
    expect(bodies.bytes).toBe(0);
    body.send(1);
    await settled();
    expect(bodies.bytes).toBe(200 * KIB);
    body.end();
    expect(await body.outcome).toBe(BODY_FREE_BYTES + 1);
    expect(bodies.bytes).toBe(0);
  });
});

test("who has sent much already does not wait where others who wait have", async () => {
  const { bodies } = world();
  const asker = { request: { signal: new AbortController().signal }, connection: null };
  const claim = (heldBytes: number) => bodies.claim(roomBytes, asker, () => {}, heldBytes);
  const holder = await claim(0);
  const waiting = claim(roomBytes);
  expect(await claim(1).catch((error: { code?: string }) => error.code)).toBe("too_many_bodies");
  const unsent = claim(0);
  holder.release();
  (await waiting).release();
  (await unsent).release();
  expect(bodies.bytes).toBe(0);
});

test("small bodies wait for nobody", async () => {
  const { upload } = world();
  upload(declaring(200 * KIB));
  upload(declaring(100 * KIB));
  const small = upload(declaring(BODY_FREE_BYTES));
  small.send(BODY_FREE_BYTES);
  small.end();
  expect(await small.outcome).toBe(BODY_FREE_BYTES);
  expect(small.isHeld()).toBe(false);
});

test("large texts are parsed one after another, with turns between", async () => {
  const { clock, bodies } = world();
  const order: string[] = [];
  const turn = clock.turn.bind(clock);
  clock.turn = () => {
    order.push("turn");
    return turn();
  };
  const parse = (name: string) => bodies.parse(1_000_000, () => order.push(name));
  const all = Promise.all([parse("a"), parse("b"), parse("c")]);
  await clock.settle();
  await all;
  expect(order).toEqual(["a", "turn", "b", "turn", "c", "turn"]);
});

test("uploads in zstd are so many at a time, since each decoder keeps a window", () => {
  const { bodies } = world();
  const open = Array.from({ length: 32 }, () => bodies.enterZstd());
  expect(() => bodies.enterZstd()).toThrow("Too many");
  for (const leave of open.slice(0, 2)) leave();
  open[0]?.(); // Once is enough.
  bodies.enterZstd();
  bodies.enterZstd();
  expect(() => bodies.enterZstd()).toThrow("Too many");
});
