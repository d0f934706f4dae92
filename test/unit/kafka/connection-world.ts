/** One connection on a wire of the test's own, and a service that answers when the test says so. */
import { Connection } from "../../../src/kafka/connection.ts";
import type { Shared } from "../../../src/kafka/shared.ts";
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

export const keys = { produce: 0, fetch: 1, metadata: 3, joinGroup: 11 };
export type Name = keyof typeof keys;
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

export function world(
  limits: Partial<typeof kafkaLimits> = {},
  clock = new VirtualClock(),
  turns = new TurnQueue(clock, { all: 512, waited: 256 }),
  room: Room | null = null,
) {
  const wire = new TestWire();
  const working = new Map<number, Working>();
  const begun: number[] = [];
  /** Requests that hold those behind them, and what lets these go on. */
  const holds = new Set<number>();
  const held: (() => void)[] = [];
  /** Requests that are found at once to be none. */
  const broken = new Set<number>();
  const all = { ...kafkaLimits, ...limits };
  const requests = room ?? new Room(clock, all.requestsBytesMax, all.stallPressedMs);
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
    begin(exchange: Exchange): Reply | Promise<Reply> {
      const id = exchange.frame.bytes[2] ?? 0;
      begun.push(id);
      if (broken.has(id)) return { type: "close", reason: "broken" };
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
  return { ...seen, clock, holds, broken, connection, ask, answer, settle };
}
