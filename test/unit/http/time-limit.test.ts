/**
 * What a request is told that takes long, by what it waits for; and that its connection is held meanwhile.
 */
import { describe, expect, test } from "bun:test";
import { readBody } from "../../../src/http/bodies/body.ts";
import { BodyRoom } from "../../../src/http/bodies/body-room.ts";
import { HttpRefusal } from "../../../src/http/answers/problem.ts";
import { httpLimits } from "../../../src/http/limits.ts";
import { type Arrival, TimeLimit } from "../../../src/http/time-limit.ts";
import { Refusal } from "../../../src/lib/refusal.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

const limits = { ...httpLimits, holdAfterMs: 5_000, bodyMs: 30_000, requestMs: 60_000 };

function world() {
  const clock = new VirtualClock();
  const door = { clock, limits, bodies: new BodyRoom(clock, limits) };
  const stopping = new AbortController();
  const timeLimit = new TimeLimit(clock, limits, stopping.signal);
  const held: string[] = [];
  const under = (
    name: string,
    work: Promise<unknown>,
    arrival: Arrival = { awaits: "nothing" },
  ) => {
    const connection = { hold: () => void held.push(name) };
    const told = { outcome: "" };
    void timeLimit.bound(work, arrival, connection).then(
      () => (told.outcome = "done"),
      (error: unknown) => {
        if (!(error instanceof Refusal || error instanceof HttpRefusal)) throw error;
        told.outcome = error.code;
      },
    );
    return told;
  };
  /** A request of which so many bytes are declared, and none come. */
  const silent = (name: string, size: number) => {
    const headers = { "content-length": String(size) };
    const body = new ReadableStream<Uint8Array>();
    const request = new Request("http://127.0.0.1/", { method: "POST", headers, body });
    const arrival: Arrival = { awaits: "nothing" };
    const work = readBody({ request, connection: null, door, arrival });
    return under(name, work, arrival);
  };
  return { clock, held, stopping, under, silent };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

async function passes(clock: VirtualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    await clock.advance(1_000);
    await settled();
  }
}

describe("a request that takes long", () => {
  test("has its connection held before the runtime would take it for idle, and once", async () => {
    const { clock, held, under } = world();
    const quick = under("quick", Promise.resolve());
    under("slow", new Promise(() => {}));
    await passes(clock, 4_000);
    expect([quick.outcome, held]).toEqual(["done", []]);
    await passes(clock, 20_000);
    expect(held).toEqual(["slow"]);
  });

  test("may still be carried out", async () => {
    const { clock, under } = world();
    const slow = under("slow", new Promise(() => {}));
    await passes(clock, 59_000);
    expect(slow.outcome).toBe("");
    await passes(clock, 2_000);
    expect(slow.outcome).toBe("request_timed_out");
  });
});

describe("thousands that end at once", () => {
  test.each([
    ["late", false],
    ["at the node's stop", true],
  ])("%s, are told some at a time: the runtime's stack holds no more", async (_why, isStop) => {
    const { clock, stopping, silent } = world();
    const told = Array.from({ length: 1_000 }, (_, at) => silent(`${at}`, 100));
    const toldNow = () => told.filter(({ outcome }) => outcome !== "").length;
    const atTurns: number[] = [];
    const after = clock.after.bind(clock);
    clock.after = (delayMs, fire) =>
      after(delayMs, () => {
        atTurns.push(toldNow());
        fire();
      });
    if (isStop) stopping.abort();
    await passes(clock, 32_000);
    expect(toldNow()).toBe(told.length);
    const inTurns = [...atTurns, told.length].map((count, at) => count - (atTurns[at - 1] ?? 0));
    expect(Math.max(...inTurns)).toBeLessThanOrEqual(200);
  });
});

describe("a body that does not come", () => {
  test("is waited for on a held connection, and refused as such: the small one sooner", async () => {
    const { clock, held, silent } = world();
    const [small, large] = [silent("small", 100), silent("large", 1_000_000)];
    await passes(clock, 29_000);
    expect([small.outcome, large.outcome, held]).toEqual(["", "", ["small", "large"]]);
    await passes(clock, 2_000);
    expect([small.outcome, large.outcome]).toEqual(["body_timed_out", ""]);
    await passes(clock, 30_000);
    expect(large.outcome).toBe("body_timed_out");
  });

  test("is told to go elsewhere when the node stops; work that has begun may end", async () => {
    const { clock, stopping, under, silent } = world();
    const [work, body] = [under("work", new Promise(() => {})), silent("body", 100)];
    await passes(clock, 1_000);
    stopping.abort();
    await passes(clock, 1_000);
    expect([work.outcome, body.outcome]).toEqual(["", ""]);
    await passes(clock, 2_000);
    expect([work.outcome, body.outcome]).toEqual(["", "node_stopping"]);
  });

  test("is not what a request waits for whose body is there", async () => {
    const { clock, under } = world();
    const request = new Request("http://127.0.0.1/", {
      method: "POST",
      headers: { "content-length": "5" },
      body: "hello",
    });
    const arrival: Arrival = { awaits: "nothing" };
    const door = { clock, limits, bodies: new BodyRoom(clock, limits) };
    const work = readBody({ request, connection: null, door, arrival }).then(
      () => new Promise(() => {}),
    );
    const slow = under("slow", work, arrival);
    await passes(clock, 40_000);
    expect([slow.outcome, arrival.awaits]).toEqual(["", "nothing"]);
    await passes(clock, 21_000);
    expect(slow.outcome).toBe("request_timed_out");
  });
});
