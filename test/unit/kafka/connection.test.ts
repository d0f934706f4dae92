/** One connection on a wire of the test's own: order, what runs side by side, what holds a client up, what cuts it off. */
import { expect, test } from "bun:test";
import { Connection, type Shared } from "../../../src/kafka/connection.ts";
import type { Exchange, Kind, Reply } from "../../../src/kafka/exchange.ts";
import { kafkaLimits } from "../../../src/kafka/limits.ts";
import { ToldClients } from "../../../src/kafka/told-clients.ts";
import { TurnQueue } from "../../../src/kafka/turn-queue.ts";
import { Allowance } from "../../../src/lib/allowance.ts";
import { Room } from "../../../src/lib/room.ts";
import { Deadlines } from "../../../src/lib/deadlines.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import type { Wire } from "../../../src/lib/platform.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

const keys = { produce: 0, fetch: 1, metadata: 3, joinGroup: 11 };
type Name = keyof typeof keys;
const kinds = new Map<number, Kind>([
  [keys.produce, "produce"],
  [keys.fetch, "fetch"],
  [keys.joinGroup, "group"],
]);

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

function world(
  limits: Partial<typeof kafkaLimits> = {},
  clock = new VirtualClock(),
  turns = new TurnQueue(clock, { all: 512, waited: 256 }),
) {
  const wire = new TestWire();
  const working = new Map<number, Working>();
  const begun: number[] = [];
  /** Requests that hold those behind them, and what lets these go on. */
  const holds = new Set<number>();
  const held: (() => void)[] = [];
  const all = { ...kafkaLimits, ...limits };
  const requests = new Room(clock, all.requestsBytesMax, all.stallPressedMs);
  const waiting = new Allowance(all.waitingBytesMax);
  const shared: Shared = {
    clock,
    turns,
    requests,
    waiting,
    unsent: { pressed: false },
    told: new ToldClients(clock),
    logger: silentLogger,
    limits: all,
    deadlines: new Deadlines(clock),
    onBug: (error) => {
      throw error;
    },
  };
  const service = {
    kindOf: ({ bytes }: Exchange["frame"]) => kinds.get(bytes[1] ?? -1) ?? "other",
    begin(exchange: Exchange): Promise<Reply> {
      const id = exchange.frame.bytes[2] ?? 0;
      begun.push(id);
      if (holds.has(id)) held.push(exchange.holdNext());
      return new Promise((resolve) => {
        working.set(id, { exchange, answer: resolve });
      });
    },
  };
  const connection = new Connection(wire, service, shared, () => {});
  const ask = (kind: Name, id: number, bytes = 3) => {
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
  const seen = { wire, working, begun, held, requests, waiting };
  return { ...seen, clock, holds, connection, ask, answer, settle };
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

test("who dribbles a large request is cut off once others wait for its room", async () => {
  const { connection, wire, clock, requests } = world({ requestsBytesMax: 10_000 });
  const dribble = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      connection.data(new Uint8Array(1));
      await clock.advance(1_000);
    }
  };
  connection.data(Uint8Array.from([0, 0, 0x20, 0, 0]));
  await dribble(20);
  expect([wire.dropped, requests.bytes]).toEqual([false, 0x2000]);
  const other = requests.enter(5_000);
  await dribble(2 * (kafkaLimits.stallPressedMs / 1_000) + 1);
  expect(wire.dropped).toBe(true);
  connection.closed();
  expect([other.isTaken, requests.bytes]).toEqual([true, 5_000]);
});

test("a large request that comes along well is not cut off", async () => {
  const { connection, wire, clock, requests } = world({ requestsBytesMax: 1_000_000 });
  connection.data(Uint8Array.from([0, 0x0e, 0, 0, 0]));
  requests.enter(900_000);
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

test("more that waits than there is room for: a Fetch does not wait, others are closed", () => {
  const fetching = world({ waitingBytesMax: 5_000 });
  fetching.ask("fetch", 1, 6_000);
  expect(fetching.working.get(1)?.exchange.signal.aborted).toBe(true);
  const joining = world({ waitingBytesMax: 5_000 });
  joining.ask("joinGroup", 1, 6_000);
  expect([joining.begun, joining.wire.ended]).toEqual([[], true]);
  expect([joining.requests.bytes, joining.waiting.bytes]).toEqual([0, 0]);
});
