/**
 * Memory that all tails of a door share: who finds none waits and loses nothing, a client that reads nothing gives it up, and
 * nothing is held that nobody reads.
 */
import { describe, expect, test } from "bun:test";
import { type HttpLimits, httpLimits } from "../../../../src/http/limits.ts";
import { Room } from "../../../../src/lib/room.ts";
import { TailShare } from "../../../../src/http/tail/share.ts";
import { StillClock, tailWorld } from "../tail-world.ts";

const value = (at: number) => `${at}`.padEnd(500, "x");

/** Room for one tail's batch of 500 bytes, and not for two. */
function world(limits: Partial<HttpLimits> = {}) {
  const made = tailWorld({}, { limits: { ...httpLimits, answerBytesMax: 2_500, ...limits } });
  made.broker.create("t");
  const held = async (): Promise<number> => {
    const text = await (await made.request("/metrics")).text();
    return Number(/^kedge_http_tail_bytes (\d+)$/m.exec(text)?.[1]);
  };
  return { ...made, held };
}

describe("event streams", () => {
  test("wait for room that others hold, hear pings meanwhile, and go on where they were", async () => {
    const made = world({ stallPressedMs: 60_000 });
    const [first, second] = [await made.tail("topic=t"), await made.tail("topic=t")];
    for (const tail of [first, second]) await tail.next();
    const [one] = [first.next()];
    made.broker.append("t", 0, value(0));
    expect((await one)?.data?.["offset"]).toBe(0);
    // The first holds what it gave: nobody knows that it was taken.
    expect(await made.held()).toBeGreaterThan(1_500);
    const waiting = second.values(2);
    await made.clock.pass(12_000);
    made.broker.append("t", 0, value(1));
    await first.cancel();
    expect(await made.held()).toBeGreaterThan(0);
    expect(await waiting).toEqual([value(0), value(1)]);
    await second.cancel();
    expect(await made.held()).toBe(0);
  });

  test("that are not read are cut off when others wait, and not before", async () => {
    const made = world();
    const [stalled, other] = [await made.tail("topic=t"), await made.tail("topic=t")];
    for (const tail of [stalled, other]) await tail.next();
    const one = stalled.next();
    made.broker.append("t", 0, value(0));
    await one;
    await made.clock.pass(10_000);
    expect(await made.held()).toBeGreaterThan(0);
    const reading = other.values(1);
    await made.clock.pass(10_000);
    expect(await reading).toEqual([value(0)]);
    const cut = await stalled.next().then(() => "", String);
    expect(cut).toContain("stopped reading");
    await other.cancel();
  });

  test("hold nothing once they have taken all there is", async () => {
    const made = world();
    const tail = await made.tail("topic=t&from=earliest");
    for (const at of [0, 1, 2, 3]) made.broker.append("t", 0, value(at));
    expect(await tail.values(4)).toEqual([0, 1, 2, 3].map(value));
    const waits = tail.next();
    await made.clock.pass(10);
    expect(await made.held()).toBe(0);
    await tail.cancel();
    await waits;
  });

  test("hold nothing when their client leaves just as something comes", async () => {
    const made = world();
    const tail = await made.tail("topic=t");
    await tail.next();
    const coming = tail.next();
    await made.clock.pass(0);
    made.broker.append("t", 0, value(0));
    await Promise.all([tail.cancel(), coming]);
    await made.clock.pass(10);
    expect(await made.held()).toBe(0);
  });

  test("take what is larger than all of the room", async () => {
    const made = world({ answerBytesMax: 100 });
    const tail = await made.tail("topic=t&from=earliest");
    made.broker.append("t", 0, value(0));
    expect(await tail.values(1)).toEqual([value(0)]);
    await tail.cancel();
    expect(await made.held()).toBe(0);
  });
});

describe("WebSockets", () => {
  test("what their clients have not taken is held, and given up with them", async () => {
    const made = world();
    const stalled = await made.socket();
    stalled.say({ op: "sub", id: 1, topics: ["t"], credit: 100 });
    await made.clock.pass(0);
    stalled.stalled = true;
    for (const at of [0, 1, 2]) made.broker.append("t", 0, value(at));
    await made.clock.pass(0);
    expect(await made.held()).toBeGreaterThan(1_500);
    const tail = await made.tail("topic=t&from=earliest");
    await tail.next();
    const reading = tail.values(3);
    await made.clock.pass(10_000);
    expect(stalled.dropped).toBe(true);
    stalled.handlers?.closed(1006, "");
    expect(await reading).toEqual([0, 1, 2].map(value));
    await tail.cancel();
    expect(await made.held()).toBe(0);
  });

  test("a subscription without credit gives back what it has read, and reads it again", async () => {
    const made = world();
    const socket = await made.socket();
    socket.say({ op: "sub", id: 1, topics: ["t"], credit: 1 });
    await made.clock.pass(0);
    made.broker.append("t", 0, value(0).slice(0, 250), value(1).slice(0, 250));
    await made.clock.pass(0);
    expect(socket.values()).toHaveLength(1);
    expect(await made.held()).toBeGreaterThan(0);
    const tail = await made.tail("topic=t&from=earliest");
    await tail.next();
    const reading = tail.values(2);
    await made.clock.pass(10_000);
    expect(await reading).toHaveLength(2);
    await tail.cancel();
    expect(socket.dropped).toBe(false);
    socket.say({ op: "credit", id: 1, credit: 5 });
    await made.clock.pass(0);
    expect(socket.values()).toEqual([value(0).slice(0, 250), value(1).slice(0, 250)]);
    socket.handlers?.closed(1000, "");
    expect(await made.held()).toBe(0);
  });
});

test("texts of a batch that was compressed are counted at their length, and wait for as much", async () => {
  const long = "x".repeat(150_000);
  const made = world({ answerBytesMax: 400_000, stallPressedMs: 3_000 });
  made.broker.codec = "gzip";
  made.broker.append("t", 0, long);
  const [stalled, other] = [
    await made.tail("topic=t&from=earliest"),
    await made.tail("topic=t&from=earliest"),
  ];
  await stalled.next();
  expect((await stalled.next())?.data?.["value"]).toBe(long);
  expect(await made.held()).toBeGreaterThan(300_000);
  expect(await made.held()).toBeLessThan(310_000);
  await other.next();
  const reading = other.values(1);
  await made.clock.pass(10_000);
  expect(await reading).toEqual([long]);
  expect(await stalled.next().catch(String)).toContain("stopped reading");
  await other.cancel();
  expect(await made.held()).toBe(0);
});

describe("a share", () => {
  test("that is closed as its turn comes gives the room back once", async () => {
    const clock = new StillClock();
    const room = new Room(clock, 10, 1_000);
    expect(room.take(10)).toBe(true);
    const share = new TailShare(room, clock);
    const waiting = share.wait(3, 1_000, new AbortController().signal);
    room.release(10);
    expect(room.bytes).toBe(3);
    share.close();
    expect(await waiting).toBe(false);
    expect(room.bytes).toBe(0);
    share.free();
    expect(room.bytes).toBe(0);
  });

  test("that waits again goes on with the place it has, and holds nothing once it is closed", async () => {
    const clock = new StillClock();
    const room = new Room(clock, 10, 1_000);
    const { signal } = new AbortController();
    expect(room.take(10)).toBe(true);
    const share = new TailShare(room, clock);
    for (const logBytes of [1, 3]) {
      const waiting = share.wait(logBytes, 1_000, signal);
      await clock.pass(1_000);
      expect(await waiting).toBe(false);
      expect(share.hold(logBytes)).toBe(false);
    }
    const waiting = share.wait(2, 1_000, signal);
    room.enter(10);
    room.release(10);
    await clock.pass(1_000);
    expect(await waiting).toBe(true);
    // What it asked for first, and nothing of what it asked for later: that is what its place is for.
    expect(room.bytes).toBe(1);
    share.close();
    // The next in line has it now.
    expect(room.bytes).toBe(10);
  });

  test("that is closed in line leaves it, however often it has waited", async () => {
    const clock = new StillClock();
    const room = new Room(clock, 10, 1_000);
    const over = AbortSignal.abort();
    expect(room.take(10)).toBe(true);
    const share = new TailShare(room, clock);
    for (const logBytes of [1, 2, 3]) expect(await share.wait(logBytes, 1_000, over)).toBe(false);
    share.close();
    expect(await share.wait(1, 1_000, over)).toBe(false);
    room.release(10);
    expect(share.isWaiting).toBe(false);
    expect(room.bytes).toBe(0);
  });
});
