/**
 * Reading what a fetch asks of its partitions, by long poll if asked.
 *
 * - A wait is over when something came that is shown; what is not (markers, aborted transactions) is passed over, and the
 *   wait goes on behind it.
 * - Who may be clamped, or asked for the earliest while the log's start moved, is read once more from the nearest end.
 */
import type { ReadAnswer, ReadOptions } from "../../broker/verbs.ts";
import { passedOver } from "../../broker/visibility.ts";
import type { Call } from "../route.ts";
import type { FromSpec } from "../schema/fetch.ts";
import { clamped, type PartitionName, wasTrimmed } from "./places.ts";

/** Past this a silent connection must be held open, or the runtime closes it as idle. */
const HOLD_PAST_MS = 1_000;

/** One partition's question, once its place has become an offset. */
export interface Ask extends PartitionName {
  readonly spec: FromSpec;
  readonly bytesMax: number;
  from: number;
}

/** Reads; where it waits, until something came that is shown, or all of it up to `to` is not. */
export async function readAsks(
  call: Call,
  asks: Ask[],
  options: ReadOptions,
  mayClamp: boolean,
  to = Number.MAX_SAFE_INTEGER,
): Promise<ReadAnswer[]> {
  if (asks.length === 0) return [];
  const { clock } = call.door;
  if (options.waitMs > HOLD_PAST_MS) call.connection?.hold();
  const endMs = clock.monotonicMs() + options.waitMs;
  for (;;) {
    const waitMs = Math.max(0, endMs - clock.monotonicMs());
    const answers = await readOnce(call, asks, { ...options, waitMs }, mayClamp);
    if (waitMs === 0 || options.signal?.aborted) return answers;
    const passed = answers.map((answer, at) => passedOver(answer, asks[at]?.from ?? 0));
    let moved = false;
    for (const [at, ask] of asks.entries()) {
      const next = passed[at] ?? null;
      if (next === null || next >= to) return answers;
      moved ||= next > ask.from;
    }
    if (!moved) return answers;
    for (const [at, ask] of asks.entries()) ask.from = passed[at] ?? ask.from;
    // What is passed over may be much, and lie in memory.
    await clock.turn();
  }
}

/** Once more from the nearest end for those who asked to be clamped or met a moving start. */
async function readOnce(
  call: Call,
  asks: Ask[],
  options: ReadOptions,
  mayClamp: boolean,
): Promise<ReadAnswer[]> {
  const { broker } = call.door;
  const answers = await broker.read(call.context, asks, options);
  let moved = false;
  for (const [index, answer] of answers.entries()) {
    const ask = asks[index];
    const mayMove = mayClamp || (ask?.spec.at === "earliest" && wasTrimmed(answer));
    const offset = mayMove ? clamped(answer) : null;
    if (!ask || offset === null) continue;
    ask.from = offset;
    moved = true;
  }
  return moved ? broker.read(call.context, asks, options) : answers;
}
