/** One connection: order, what runs side by side, what holds a client up, what cuts it off. */
import { expect, test } from "bun:test";
import { kafkaLimits } from "../../../src/kafka/limits.ts";
import { TurnQueue } from "../../../src/kafka/turn-queue.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";
import { keys, type Name, world } from "./connection-world.ts";

test("a request begins once those before it are answered", async () => {
  const { ask, answer, begun, wire } = world();
  ask("metadata", 1);
  ask("metadata", 2);
  expect(begun).toEqual([1]);
  await answer(1);
  expect(begun).toEqual([1, 2]);
  await answer(2);
  expect(wire.sent).toEqual([1, 2]);
});

test("an answer's sender hears once that the client took it, or is gone", async () => {
  const { ask, answer, wire, connection } = world();
  const told: number[] = [];
  for (const id of [1, 2, 3]) {
    ask("metadata", id);
    wire.stuck = id > 1;
    await answer(id, 10, () => told.push(id));
  }
  expect(told).toEqual([1]);
  wire.unsent = 10;
  connection.drained();
  expect(told).toEqual([1, 2]);
  connection.closed();
  expect(told).toEqual([1, 2, 3]);
});

test("what stood behind a wait for a group is done although its client has gone", async () => {
  const { ask, answer, begun, wire, waiting, connection } = world();
  ask("joinGroup", 1);
  ask("metadata", 2);
  ask("fetch", 3);
  ask("metadata", 4);
  connection.closed();
  expect([begun, waiting.bytes]).toEqual([[1], 6]);
  await answer(1);
  expect(begun).toEqual([1, 2]);
  await answer(2);
  await answer(4);
  expect([begun, wire.sent, waiting.bytes]).toEqual([[1, 2, 4], [], 0]);
});

test("of that a few requests are done, as there is room, and none that waits once more", async () => {
  const doneOf = async (kinds: readonly Name[], waitingBytesMax: number) => {
    const { ask, answer, begun, waiting, requests, connection } = world({ waitingBytesMax });
    for (const [at, kind] of kinds.entries()) ask(kind, at + 1, at === 0 ? 3 : 4000);
    connection.closed();
    for (let at = 0; at < kinds.length; at += 1) await answer(at + 1);
    expect([waiting.bytes, requests.bytes]).toEqual([0, 0]);
    return begun;
  };
  const metadata = Array<Name>(6).fill("metadata");
  expect(await doneOf(["joinGroup", ...metadata], 100_000)).toEqual([1, 2, 3, 4, 5]);
  expect(await doneOf(["joinGroup", ...metadata], 10_000)).toEqual([1, 2, 3]);
  expect(await doneOf(["joinGroup", "metadata", "joinGroup", "metadata"], 100_000)).toEqual([1, 2]);
  expect(await doneOf(["fetch", "metadata"], 100_000)).toEqual([1]);
});

test("Produce requests run side by side, and are answered in order", async () => {
  const { ask, answer, begun, wire } = world();
  ask("produce", 1);
  ask("produce", 2);
  ask("metadata", 3);
  ask("produce", 4);
  expect(begun).toEqual([1, 2]);
  await answer(2);
  expect(wire.sent).toEqual([]);
  await answer(1);
  expect([wire.sent, begun]).toEqual([
    [1, 2],
    [1, 2, 3],
  ]);
  await answer(3);
  await answer(4);
  expect(wire.sent).toEqual([1, 2, 3, 4]);
});

test("a Fetch is hurried by another kind of request behind it, not by a Fetch", () => {
  const { ask, working } = world();
  ask("fetch", 1);
  const signal = working.get(1)?.exchange.signal;
  ask("fetch", 2);
  expect(signal?.aborted).toBe(false);
  const other = world();
  other.ask("fetch", 1);
  const hurried = other.working.get(1)?.exchange.signal;
  other.ask("metadata", 2);
  expect(hurried?.aborted).toBe(true);
});

test("a client that does not take its answers is not read, and then cut off", async () => {
  const { ask, answer, wire, connection, begun, clock } = world({ unsentBytesPerConnection: 100 });
  wire.stuck = true;
  let sent = false;
  ask("metadata", 1);
  await answer(1, 101, () => (sent = true));
  expect([wire.paused, sent]).toEqual([true, false]);
  ask("metadata", 2);
  expect(begun).toEqual([1]);
  wire.unsent = 0;
  connection.drained();
  expect([wire.paused, sent, begun]).toEqual([false, true, [1, 2]]);
  wire.unsent = 1;
  await clock.advance(2 * kafkaLimits.stallMs + 100);
  expect(wire.dropped).toBe(true);
});

test("more requests than are taken at once hold the client up", async () => {
  const { ask, answer, wire, begun } = world({ requestsPerConnection: 2 });
  for (const id of [1, 2, 3]) ask("produce", id);
  expect([begun, wire.paused]).toEqual([[1, 2], true]);
  await answer(1);
  expect([begun, wire.paused]).toEqual([[1, 2, 3], true]);
  await answer(2);
  await answer(3);
  expect(wire.paused).toBe(false);
});

/** So many small requests in one chunk. */
function many(kind: Name, count: number): Uint8Array {
  const one = [0, 0, 0, 3, 0, keys[kind], 7];
  return Uint8Array.from(Array.from({ length: count }, () => one).flat());
}

test("many small requests in one chunk let others have their turn", async () => {
  const { begun, connection, working, settle } = world({ producesPerTurn: 3 });
  connection.data(many("produce", 8));
  expect(begun).toHaveLength(3);
  await settle();
  expect(begun).toHaveLength(8);
  expect(working.size).toBe(1);
});

test("while some go on in turns, another client's single request begins at once, and theirs one by one", async () => {
  const clock = new VirtualClock();
  const turns = new TurnQueue(clock, { all: 512, waited: 3 });
  const heavy = [0, 1, 2].map(() => world({ producesPerTurn: 3 }, clock, turns));
  for (const { connection } of heavy) connection.data(many("produce", 6));
  // Who comes while somebody waits has a share of one.
  expect(heavy.map(({ begun }) => begun.length)).toEqual([3, 1, 1]);
  const light = world({ producesPerTurn: 3 }, clock, turns);
  light.ask("metadata", 1);
  expect(light.begun).toEqual([1]);
  await clock.settle();
  expect(heavy.map(({ begun }) => begun.length)).toEqual([6, 6, 6]);
});

test("of thousands of clients with a single request each so many begin in a turn; who comes then does not stand behind all", async () => {
  const clock = new VirtualClock();
  const turns = new TurnQueue(clock, { all: 80, waited: 40 });
  const begun: number[][] = [];
  const join = () => {
    const one = world({}, clock, turns);
    begun.push(one.begun);
    one.ask("metadata", 1);
    return one;
  };
  const count = () => begun.filter(({ length }) => length > 0).length;
  const perTurn: number[] = [];
  const clients = Array.from({ length: 100 }, join);
  perTurn.push(count());
  for (let turn = 0; turn < 3; turn += 1) {
    const before = count();
    await clock.nextTurn();
    perTurn.push(count() - before);
  }
  const late = join();
  expect(late.begun).toEqual([1]);
  expect(clients.at(-1)?.begun).toEqual([]);
  expect(perTurn).toEqual([10, 5, 5, 5]);
  await clock.settle();
  expect(count()).toBe(101);
});

test("a Produce that has not begun in full holds those behind it", async () => {
  const { ask, answer, begun, held, holds, wire } = world();
  holds.add(1);
  ask("produce", 1);
  ask("produce", 2);
  ask("fetch", 3);
  expect(begun).toEqual([1]);
  for (const goOn of held) goOn();
  expect(begun).toEqual([1, 2]);
  await answer(1);
  await answer(2);
  expect([begun, wire.sent]).toEqual([
    [1, 2, 3],
    [1, 2],
  ]);
});

test("an idle client is cut off, one that waits for its answer is not", async () => {
  const { ask, wire, clock } = world({ idleMs: 10_000 });
  ask("fetch", 1);
  await clock.advance(60_000);
  expect(wire.dropped).toBe(false);
  const idle = world({ idleMs: 10_000 });
  await idle.clock.advance(21_000);
  expect(idle.wire.dropped).toBe(true);
});

test("who stops in the midst of a request is cut off", async () => {
  const { connection, wire, clock } = world();
  connection.data(Uint8Array.from([0, 0, 0, 9, 0]));
  await clock.advance(2 * kafkaLimits.stallMs + 100);
  expect(wire.dropped).toBe(true);
});

test("finish hurries what waits, and closes once all is answered", async () => {
  const { ask, answer, wire, working, connection } = world();
  ask("fetch", 1);
  const signal = working.get(1)?.exchange.signal;
  connection.finish();
  expect([signal?.aborted, wire.ended]).toEqual([true, false]);
  await answer(1);
  expect([wire.sent, wire.ended]).toEqual([[1], true]);
});
