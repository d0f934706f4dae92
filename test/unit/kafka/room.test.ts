/** Room is given in order, and to a claim larger than all of it when nobody else holds any. */
import { expect, test } from "bun:test";
import { Room, type Claimant } from "../../../src/kafka/room.ts";

function claimant(room: Room, bytes: number): Claimant & { held: boolean } {
  const self = {
    held: false,
    roomMayBeThere() {
      self.held = room.claim(self, bytes);
    },
  };
  return self;
}

test("first come, first served: a small claim does not overtake a large one", () => {
  const room = new Room(100);
  const [first, large, small] = [claimant(room, 60), claimant(room, 80), claimant(room, 10)];
  for (const each of [first, large, small]) each.roomMayBeThere();
  expect([first.held, large.held, small.held]).toEqual([true, false, false]);
  room.release(60);
  expect([large.held, small.held]).toEqual([true, true]);
  expect(room.bytes).toBe(90);
});

test("more than all there is goes alone", () => {
  const room = new Room(100);
  const [small, huge, next] = [claimant(room, 1), claimant(room, 500), claimant(room, 1)];
  for (const each of [small, huge, next]) each.roomMayBeThere();
  expect(huge.held).toBe(false);
  room.release(1);
  expect([huge.held, next.held]).toEqual([true, false]);
  room.release(500);
  expect(next.held).toBe(true);
});

test("who leaves the line lets the next one ask", () => {
  const room = new Room(100);
  const [first, gone, next] = [claimant(room, 50), claimant(room, 100), claimant(room, 50)];
  for (const each of [first, gone, next]) each.roomMayBeThere();
  room.leave(gone);
  expect(next.held).toBe(true);
});
