/** One connection on a wire of the test's own: order, what runs side by side, what holds a client up, what cuts it off. */
import { expect, test } from "bun:test";
import {
  Connection,
  type Exchange,
  type Reply,
  type Shared,
} from "../../../src/kafka/connection.ts";
import { kafkaLimits } from "../../../src/kafka/limits.ts";
import { Room } from "../../../src/kafka/room.ts";
import { Deadlines } from "../../../src/lib/deadlines.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import type { Wire } from "../../../src/lib/platform.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

const keys = { produce: 0, fetch: 1, metadata: 3 };
type Kind = keyof typeof keys;

/** What the other side of the wire sees, and how fast it takes what it is sent. */
class TestWire implements Wire {
  readonly address = "192.0.2.1";
  readonly sent: number[] = [];
  paused = false;
  ended = false;
  dropped = false;
  unsent = 0;
  stuck = false;

  write(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.sent.push(piece[0] ?? -1);
      if (this.stuck) this.unsent += piece.byteLength;
    }
  }
  unsentBytes(): number {
    return this.unsent;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    this.ended = true;
  }
  drop(): void {
    this.dropped = true;
  }
}

interface Working {
  readonly exchange: Exchange;
  readonly answer: (reply: Reply) => void;
}

function world(limits: Partial<typeof kafkaLimits> = {}) {
  const clock = new VirtualClock();
  const wire = new TestWire();
  const working = new Map<number, Working>();
  const begun: number[] = [];
  const all = { ...kafkaLimits, ...limits };
  const requests = new Room(all.requestsBytesMax);
  const shared: Shared = {
    clock,
    requests,
    unsent: { pressed: false },
    logger: silentLogger,
    limits: all,
    deadlines: new Deadlines(clock),
    onBug: (error) => {
      throw error;
    },
  };
  const service = {
    kindOf: ({ bytes }: Exchange["frame"]) => {
      const found = Object.entries(keys).find(([, key]) => key === bytes[1]);
      return found?.[0] === "produce" || found?.[0] === "fetch" ? found[0] : ("other" as const);
    },
    begin(exchange: Exchange): Promise<Reply> {
      const id = exchange.frame.bytes[2] ?? 0;
      begun.push(id);
      return new Promise((resolve) => {
        working.set(id, { exchange, answer: resolve });
      });
    },
  };
  const connection = new Connection(wire, service, shared, () => {});
  const ask = (kind: Kind, id: number, bytes = 3) => {
    const frame = new Uint8Array(4 + bytes);
    new DataView(frame.buffer).setInt32(0, bytes);
    frame.set([0, keys[kind], id], 4);
    connection.data(frame);
  };
  const answer = async (id: number, bytes = 1, sent?: () => void) => {
    const reply = { type: "answer" as const, pieces: [new Uint8Array(bytes).fill(id)] };
    working.get(id)?.answer(sent ? { ...reply, sent } : reply);
    await settle();
  };
  const settle = () => clock.settle();
  return { clock, wire, working, begun, requests, connection, ask, answer, settle };
}

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

test("many small requests in one chunk let others have their turn", async () => {
  const { begun, connection, working, settle } = world({ requestsPerTurn: 3 });
  const one = Uint8Array.from([0, 0, 0, 3, 0, keys.produce, 7]);
  connection.data(Uint8Array.from(Array.from({ length: 8 }, () => [...one]).flat()));
  expect(begun).toHaveLength(3);
  await settle();
  expect(begun).toHaveLength(8);
  expect(working.size).toBe(1);
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
