/** Event streams over a scripted broker on a clock that stands still: silence, ends, and what is refused. */
import { describe, expect, test } from "bun:test";
import { Refusal } from "../../../../src/lib/refusal.ts";
import { tailWorld } from "../tail-world.ts";

describe("silence and ends", () => {
  test("a ping each 5 s of silence; an end after about a minute", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const tail = await world.tail("topic=a");
    await tail.next();
    let pings = 0;
    for (;;) {
      const next = tail.next();
      await world.clock.pass(5_000);
      const sent = await next;
      if (sent?.event === "end") {
        expect(sent.data).toMatchObject({ reason: "rotate", cursor: tail.lastId });
        break;
      }
      expect(sent?.comment).toBe("ping");
      pings += 1;
    }
    expect(pings).toBeGreaterThan(8);
    expect(pings).toBeLessThan(16);
    expect(await tail.next()).toBeNull();
  });

  test("tails that came together do not end together", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const tails = await Promise.all(Array.from({ length: 8 }, () => world.tail("topic=a")));
    const ends = new Set<number>();
    for (const tail of tails)
      void tail.events(1).then(() => ends.add(Math.round(world.clock.monotonicMs() / 500)));
    await world.clock.pass(80_000);
    expect(ends.size).toBeGreaterThan(3);
  });

  test("the node's stop ends a tail at once", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const tail = await world.tail("topic=a");
    await tail.next();
    const events = tail.events(1);
    await world.clock.pass(0);
    world.stopping.abort();
    expect((await events)[0]).toMatchObject({ event: "end", data: { reason: "stopping" } });
    expect(world.broker.waiting).toBe(0);
  });

  test("a failure ends the tail with a problem", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const tail = await world.tail("topic=a");
    await tail.next();
    world.broker.refuseReads = new Refusal("topic_authorization_failed", "no longer");
    const [end] = await tail.events(1);
    expect(end?.data).toMatchObject({
      reason: "failed",
      error: { status: 403, code: "topic_authorization_failed" },
    });
    expect(await tail.next()).toBeNull();
  });

  test("a reader that stops reading is dropped, and the log is not read for it", async () => {
    const world = tailWorld({ chunkLengthMax: 100, readBytesMax: 1 });
    world.broker.create("a");
    for (let at = 0; at < 50; at++) world.broker.append("a", 0, `v${at}`);
    const tail = await world.tail("topic=a&from=earliest");
    await tail.next();
    await tail.events(1);
    const reads = world.broker.reads;
    await world.clock.pass(50_000);
    expect(world.broker.reads - reads).toBeLessThan(2);
    const rest = tail.events(1_000);
    expect(await rest.catch(String)).toContain("stopped reading");
  });

  test("a reader that is gone is let go", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const gone = new AbortController();
    const tail = await world.tail("topic=a", { signal: gone.signal });
    await tail.next();
    const end = tail.next();
    await world.clock.pass(0);
    expect(world.broker.waiting).toBe(1);
    gone.abort();
    expect(await end).toBeNull();
    await world.clock.pass(0);
    expect(world.broker.waiting).toBe(0);
  });
});

describe("what is refused", () => {
  const rows: [string, number, string][] = [
    ["", 400, "invalid_request"],
    ["topic=none", 404, "unknown_topic_or_partition"],
    ["topic=a:7", 404, "unknown_topic_or_partition"],
    ["topic=a:x", 400, "invalid_request"],
    ["topic=a:", 400, "invalid_request"],
    ["topic=a&topic=a", 400, "invalid_request"],
    ["topic=a&cursor=", 400, "invalid_cursor"],
    ["topic=a&cursor=AAAA", 400, "invalid_cursor"],
    ["topic=a&cursor=%00%ff", 400, "invalid_request"],
    ["topic=a&from=yesterday", 400, "invalid_request"],
    ["topic=a&as=xml", 400, "invalid_request"],
    ["topic=a&events=all", 400, "invalid_request"],
    ["topic=a&unknown=1", 400, "invalid_request"],
    ["topic=a&filter.key=x&filter.key_b64=eA%3D%3D", 400, "invalid_request"],
    ["topic=many", 400, "invalid_request"],
  ];
  for (const [query, status, code] of rows)
    test(`${query || "nothing"}: ${status} ${code}`, async () => {
      const world = tailWorld();
      world.broker.create("a", 2);
      world.broker.create("many", 257);
      const response = await world.request(`/v1/tail?${query}`);
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ code });
    });

  test("headers of a stream; HEAD opens none", async () => {
    const world = tailWorld();
    world.broker.create("a");
    const response = await world.request("/v1/tail?topic=a");
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream",
      "x-accel-buffering": "no",
    });
    expect(response.headers.get("cache-control")).toContain("no-store");
    await response.body?.cancel();
    const head = await world.request("/v1/tail?topic=a", { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe("");
  });
});
