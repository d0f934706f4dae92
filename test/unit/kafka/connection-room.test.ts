/** The room that large requests of all connections share: who gets it when, and who is cut off while others wait. */
import { expect, test } from "bun:test";
import { FREE_BYTES } from "../../../src/kafka/frame-reader.ts";
import { kafkaLimits } from "../../../src/kafka/limits.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";
import { world } from "./connection-world.ts";

test("large requests share one room; what is answered, and who leaves, gives it back", async () => {
  const { ask, answer, wire, begun, requests, connection } = world({ requestsBytesMax: 10_000 });
  ask("produce", 1, 6_000);
  ask("produce", 2, 6_000);
  expect([begun, wire.paused, requests.bytes]).toEqual([[1], true, 6_000]);
  await answer(1);
  expect([begun, wire.paused, requests.bytes]).toEqual([[1, 2], false, 6_000]);
  ask("produce", 3, 6_000);
  connection.closed();
  await answer(2);
  expect(requests.bytes).toBe(0);
});

test("who dribbles a large request is cut off once others wait for its room", async () => {
  const { connection, wire, clock, requests } = world({ requestsBytesMax: 10_000 });
  const dribble = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      connection.data(new Uint8Array(1));
      await clock.advance(1_000);
    }
  };
  connection.data(Uint8Array.from([0, 0, 0x20, 0]));
  connection.data(new Uint8Array(5_000));
  await dribble(20);
  expect([wire.dropped, requests.bytes]).toEqual([false, 0x2000]);
  const other = requests.enter(5_000);
  await dribble(2 * (kafkaLimits.stallPressedMs / 1_000) + 1);
  expect(wire.dropped).toBe(true);
  connection.closed();
  expect([other.isTaken, requests.bytes]).toEqual([true, 5_000]);
});

test("who only says that it will send much keeps nobody out", () => {
  const limits = { requestsBytesMax: 100_000 };
  const clock = new VirtualClock();
  const { ask, begun, requests, connection } = world(limits, clock);
  const { connection: other } = world(limits, clock, undefined, requests);
  other.data(Uint8Array.from([5, 0, 0, 0, 1, 2, 3]));
  expect(requests.bytes).toBe(0);
  other.data(new Uint8Array(FREE_BYTES));
  expect(requests.bytes).toBe(65_536);
  ask("produce", 1, 30_000);
  expect(begun).toEqual([1]);
  connection.closed();
});

test("large requests that are half there and fill the room end one after the other", async () => {
  const limits = { requestsBytesMax: 400_000 };
  const clock = new VirtualClock();
  const first = world(limits, clock);
  const second = world(limits, clock, undefined, first.requests);
  const halves = [first, second];
  for (const { connection } of halves) {
    connection.data(Uint8Array.from([0, 0x06, 0, 0])); // 393,216 bytes.
    connection.data(Uint8Array.from({ length: 50_000 }, (_, at) => [0, 0, 7][at] ?? 0));
  }
  expect(first.requests.bytes).toBe(400_000);
  for (const { connection } of halves) connection.data(new Uint8Array(393_216 - 50_000));
  expect(halves.map(({ begun, wire }) => [begun, wire.paused])).toEqual([
    [[7], false],
    [[], true],
  ]);
  await first.answer(7);
  expect(second.begun).toEqual([7]);
  await second.answer(7);
  expect([second.wire.paused, first.requests.bytes]).toEqual([false, 0]);
});

test("who holds much must bring more, where others wait", async () => {
  const { connection, wire, clock, requests } = world({ requestsBytesMax: 3_000_000 });
  connection.data(Uint8Array.from([1, 0, 0, 0]));
  connection.data(new Uint8Array(600_000));
  expect(requests.bytes).toBe(2_400_000);
  requests.enter(900_000);
  for (let second = 0; second < 7; second += 1) {
    connection.data(new Uint8Array(40_000));
    await clock.advance(1_000);
  }
  expect(wire.dropped).toBe(true);
  connection.closed();
});

test("a large request that comes along well is not cut off", async () => {
  const { connection, wire, clock, requests } = world({ requestsBytesMax: 1_000_000 });
  connection.data(Uint8Array.from([0, 0x0e, 0, 0]));
  connection.data(new Uint8Array(20_000));
  requests.enter(950_000);
  for (let second = 0; second < 20; second += 1) {
    connection.data(new Uint8Array(40_000));
    await clock.advance(1_000);
  }
  expect(wire.dropped).toBe(false);
});

test("large requests that wait for others leave the room to those that need not wait", async () => {
  const { ask, answer, requests, waiting, connection } = world({ requestsBytesMax: 10_000 });
  ask("joinGroup", 1, 9_000);
  expect([requests.bytes, waiting.bytes]).toEqual([0, 9_000]);
  connection.closed();
  expect(waiting.bytes).toBe(9_000);
  await answer(1);
  expect([requests.bytes, waiting.bytes]).toEqual([0, 0]);
});

test("a large request behind one that waits takes no room until it can begin", async () => {
  const { ask, answer, working, begun, requests, wire, connection } = world({
    requestsBytesMax: 10_000,
  });
  ask("joinGroup", 1);
  ask("produce", 2, 9_000);
  expect([begun, requests.bytes, wire.paused]).toEqual([[1], 0, true]);
  await answer(1);
  expect([begun, requests.bytes, wire.paused]).toEqual([[1, 2], 9_000, false]);
  await answer(2);
  ask("fetch", 3);
  ask("fetch", 4, 9_000);
  // One that waits for records answers with what it has.
  expect([working.get(3)?.exchange.signal.aborted, requests.bytes]).toEqual([true, 0]);
  await answer(3);
  expect(begun).toEqual([1, 2, 3, 4]);
  connection.closed();
});

test("who holds room and takes no answer is cut off soon, where others wait", async () => {
  const { ask, answer, wire, clock, requests, connection } = world({ requestsBytesMax: 10_000 });
  ask("produce", 1);
  connection.data(Uint8Array.from([0, 0, 0x20, 0]));
  connection.data(new Uint8Array(5_000));
  wire.stuck = true;
  await answer(1, 2 * kafkaLimits.unsentBytesPerConnection);
  expect([wire.paused, requests.bytes]).toEqual([true, 0x2000]);
  requests.enter(5_000);
  await clock.advance(3 * kafkaLimits.stallPressedMs);
  expect(wire.dropped).toBe(true);
  connection.closed();
});

test("what cannot be understood gives its room back, also with what cannot be a frame right behind it", () => {
  for (const behind of [[], [0x79, 0x79, 0x79, 0x79], [0, 0, 0x20, 0, 1]]) {
    const { broken, wire, connection, requests } = world();
    broken.add(1);
    const frame = Uint8Array.from(
      { length: 5_004 },
      (_, at) => [0, 0, 0x13, 0x88, 0, 0, 1][at] ?? 0,
    );
    connection.data(Uint8Array.from([...frame, ...behind]));
    expect([wire.ended, requests.bytes]).toEqual([true, 0]);
    connection.closed();
    expect(requests.bytes).toBe(0);
  }
});

test("who keeps a connection open that was closed for it is cut off", async () => {
  const { broken, wire, ask, clock } = world();
  broken.add(1);
  ask("metadata", 1, 5_000);
  await clock.advance(kafkaLimits.stallMs / 2);
  expect([wire.ended, wire.dropped]).toEqual([true, false]);
  await clock.advance(2 * kafkaLimits.stallMs);
  expect(wire.dropped).toBe(true);
});

test("more that waits than there is room for: a Fetch does not wait, others are closed", () => {
  const fetching = world({ waitingBytesMax: 5_000 });
  fetching.ask("fetch", 1, 6_000);
  expect(fetching.working.get(1)?.exchange.signal.aborted).toBe(true);
  const joining = world({ waitingBytesMax: 5_000 });
  joining.ask("joinGroup", 1, 6_000);
  expect([joining.begun, joining.wire.ended]).toEqual([[], true]);
  expect([joining.requests.bytes, joining.waiting.bytes]).toEqual([0, 0]);
});
