/**
 * A coordinator over a real log on a memory disk, and a toy core: counters that are added to, held and given up.
 */
import { Coordinator } from "../../../src/coordinators/coordinator.ts";
import {
  type CoordinatorLimits,
  defaultCoordinatorLimits,
} from "../../../src/coordinators/limits.ts";
import { type Core, reply, type Ticket, unchanged } from "../../../src/coordinators/step.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { type Logger, silentLogger } from "../../../src/lib/logger.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import type { TestNode } from "../../simulation/test-node.ts";

export interface Counter {
  readonly total: number;
  readonly parked: readonly Ticket<number>[];
}

export type CounterInput =
  | { readonly type: "add"; readonly by: number; readonly ticket: Ticket<number> }
  /** Writes the total with so many bytes before it. */
  | { readonly type: "write"; readonly bytes: number; readonly ticket: Ticket<number> }
  | { readonly type: "park"; readonly ticket: Ticket<number> }
  | { readonly type: "beat"; readonly ticket: Ticket<number> }
  | { readonly type: "expired" }
  | { readonly type: "loaded" }
  | { readonly type: "marker" };

const text = new TextEncoder();
const plain = new TextDecoder();
const empty: Counter = { total: 0, parked: [] };
const timer = { name: "life", afterMs: 1000, input: { type: "expired" } } as const;

function counterCore(key: string, onStep: () => void): Core<Counter, CounterInput> {
  const record = (total: number | null) => ({
    key: text.encode(key),
    value: total === null ? null : text.encode(String(total)),
  });
  return {
    step(state, input) {
      onStep();
      const before = state ?? empty;
      switch (input.type) {
        case "add": {
          const total = before.total + input.by;
          const replies = [input.ticket, ...before.parked].map((ticket) => reply(ticket, total));
          const next = { total, parked: [] };
          return { next, records: [record(total)], replies, timers: [timer], effects: [] };
        }
        case "write": {
          const value = text.encode(" ".repeat(input.bytes) + String(before.total));
          const records = [{ key: text.encode(key), value }];
          const next = { total: before.total, parked: [] };
          return unchanged(next, { records, replies: [reply(input.ticket, input.bytes)] });
        }
        case "park":
          return unchanged({ ...before, parked: [...before.parked, input.ticket] });
        case "beat":
          return unchanged(state, {
            replies: [reply(input.ticket, before.total)],
            timers: state ? [timer] : [],
          });
        case "expired":
          return unchanged<Counter, CounterInput>(null, { records: [record(null)] });
        case "loaded":
          return unchanged(state, { timers: [timer] });
        case "marker":
          return unchanged(state);
        default:
          return input satisfies never;
      }
    },
    keyOf: (met) => plain.decode(met.key),
    replay: (_state, met) =>
      met.value === null ? null : { total: Number(plain.decode(met.value)), parked: [] },
    replayMarker: (state) => state,
    loaded: { type: "loaded" },
    tooLarge: (input) => (input.type === "write" ? { type: "expired" } : null),
    marker: () => ({ type: "marker" }),
  };
}

export function counters(
  test: Pick<TestNode, "node" | "logs" | "controller"> & { readonly clock: Clock },
  limits: Partial<CoordinatorLimits> = {},
  logger: Logger = silentLogger,
  onStep: () => void = () => {},
): Coordinator<Counter, CounterInput> {
  const { node, logs, controller, clock } = test;
  const configs = { "cleanup.policy": "compact", "max.message.bytes": "100000" };
  return new Coordinator({
    topic: { name: "__consumer_offsets", partitions: 4, configs },
    core: counterCore("c", onStep),
    env: () => ({ nowMs: clock.nowMs() }),
    perform: () => {},
    controller,
    logs,
    random: seededRandom(7),
    clock,
    deadlines: node.deadlines,
    logger,
    limits: { ...defaultCoordinatorLimits, ...limits },
  });
}
