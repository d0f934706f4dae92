/** Room is given in order, and to a claim larger than all of it when nobody else holds any; who stalls is cut off. */
import { describe, expect, test } from "bun:test";
import { Allowance } from "../../../src/lib/allowance.ts";
import { type Holder, Room, within } from "../../../src/lib/room.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

function world(bytesMax = 100) {
  const clock = new VirtualClock();
  const room = new Room(clock, bytesMax, 3_000);
  const granted: string[] = [];
  const enter = (name: string, bytes: number) => room.enter(bytes, () => granted.push(name));
  return { clock, room, granted, enter };
}

describe("the line", () => {
  test("first come, first served: a small claim does not overtake a large one", () => {
    const { room, granted, enter } = world();
    enter("first", 60);
    const large = enter("large", 80);
    enter("small", 10);
    expect([granted, large.isTaken, room.take(10)]).toEqual([["first"], false, false]);
    expect(room.pressed).toBe(true);
    room.release(60);
    expect([granted, large.isTaken]).toEqual([["first", "large", "small"], true]);
    expect([room.bytes, room.pressed]).toEqual([90, false]);
  });

  test("more than all there is goes alone", () => {
    const { room, granted, enter } = world();
    for (const [name, bytes] of [
      ["small", 1],
      ["huge", 500],
      ["next", 1],
    ] as const)
      enter(name, bytes);
    expect(granted).toEqual(["small"]);
    room.release(1);
    expect(granted).toEqual(["small", "huge"]);
    room.release(500);
    expect(granted).toEqual(["small", "huge", "next"]);
  });

  test("who holds some and needs more comes first; if none can go on, one goes beyond the room", () => {
    const { room, granted, enter } = world();
    const [one, two] = [{}, {}];
    const grow = (name: string, bytes: number, owner: object) =>
      room.grow(bytes, () => granted.push(name), owner);
    enter("one", 50);
    enter("two", 40);
    enter("newcomer", 20);
    grow("one more", 60, one);
    grow("two more", 60, two);
    expect([granted, room.bytes]).toEqual([["one", "two", "one more"], 150]);
    grow("one again", 10, one);
    expect(granted.at(-1)).toBe("one again");
    room.ended(two);
    expect(granted).toHaveLength(4);
    room.ended(one);
    expect([granted.at(-1), room.bytes]).toEqual(["two more", 220]);
    room.release(120);
    expect(granted).not.toContain("newcomer");
    room.ended(two);
    room.release(100);
    expect([granted.at(-1), room.bytes, room.pressed]).toEqual(["newcomer", 20, false]);
  });

  test("who leaves lets the next one in; who has taken keeps it", async () => {
    const { room, granted, enter } = world();
    const first = enter("first", 50);
    const gone = enter("gone", 100);
    enter("next", 50);
    gone.leave();
    first.leave();
    expect([granted, room.bytes]).toEqual([["first", "next"], 100]);
    expect([await gone.taken, await first.taken]).toEqual([false, true]);
  });

  test("a grant may be given back, and more be asked, while others are told", () => {
    const { room, granted, enter } = world();
    const holding = room.take(100);
    room.enter(100, () => {
      granted.push("passing");
      room.release(100);
      enter("last", 100);
    });
    enter("next", 100);
    expect(holding).toBe(true);
    room.release(100);
    expect(granted).toEqual(["passing", "next"]);
    room.release(100);
    expect(granted).toEqual(["passing", "next", "last"]);
  });

  test("a wait ends with its time, and with its signal", async () => {
    const { clock, room } = world();
    room.add(100);
    const place = room.enter(10);
    const waiting = within(clock, place, 500, new AbortController().signal);
    await clock.advance(500);
    expect(await waiting).toBe(false);
    expect(await within(clock, place, 500, AbortSignal.abort())).toBe(false);
    room.release(100);
    expect(await within(clock, place, 500, new AbortController().signal)).toBe(true);
  });
});

describe("who holds room and takes nothing", () => {
  const holderOf = (room: Room, bytes: number, sinceMs: number | null) => {
    const holder: Holder & { cuts: number } = {
      cuts: 0,
      stalledSinceMs: () => sinceMs,
      cut() {
        holder.cuts += 1;
        room.forget(holder);
        room.release(bytes);
      },
    };
    room.add(bytes);
    room.watch(holder);
    return holder;
  };

  test("is cut off where others wait, and not before", async () => {
    const { clock, room, granted, enter } = world();
    const stalled = holderOf(room, 60, clock.monotonicMs());
    const reading = holderOf(room, 40, null);
    await clock.advance(60_000);
    expect(stalled.cuts).toBe(0);
    enter("waits", 50);
    await clock.advance(1_000);
    expect([stalled.cuts, reading.cuts, granted]).toEqual([1, 0, ["waits"]]);
  });

  test("is looked at, too, where it came after those who wait", async () => {
    const { clock, room, granted, enter } = world();
    room.add(50);
    enter("waits", 70);
    const stalled = holderOf(room, 40, clock.monotonicMs());
    room.release(50);
    expect(granted).toEqual([]);
    await clock.advance(4_000);
    expect([stalled.cuts, granted]).toEqual([1, ["waits"]]);
  });
});

test("an allowance is taken or not, and nobody waits", () => {
  const allowance = new Allowance(100);
  expect([allowance.take(60), allowance.take(60), allowance.take(40)]).toEqual([true, false, true]);
  allowance.giveBack(60);
  expect([allowance.bytes, allowance.take(60)]).toEqual([40, true]);
});
