/**
 * One turn of a key: what waits in its mailbox, stepped one after the other, to be appended as one unit.
 *
 * - An input with records of a transaction has a turn to itself, since the log may refuse its producer: the turn ends before
 *   it, and it is stepped again in the next one, which changes nothing, since steps are pure.
 * - Records of several inputs are bounded together, so that only one that is too large by itself is refused for it, and not who
 *   came beside it and writes nothing. An input with very many records has a turn to itself, too: to weigh them their bytes would
 *   have to be made here, all at once.
 * - An input that would make the key larger than there is room for is refused, if somebody waits for its answer.
 * - A timer's input is left out when the timer was moved or cancelled after it fired.
 */
import type { Clock } from "../lib/clock.ts";
import type { CoordinatorLimits } from "./limits.ts";
import type { KeyTimer, Mailbox, Posted } from "./mailbox.ts";
import {
  type CoordinatorRecord,
  type Core,
  type Env,
  type Reply,
  type TimerChange,
  type Transaction,
} from "./step.ts";

/** Records of one step whose bytes are made here. */
const RECORDS_WEIGHED_MAX = 500;

export interface Turn<State, Input, Effect> {
  next: State | null;
  readonly posted: Posted<Input>[];
  /** Timers that had fired and were moved by this turn: should it fail they have to fire after all. */
  readonly overtaken: KeyTimer<Input>[];
  readonly records: CoordinatorRecord[];
  transaction: Transaction | null;
  readonly replies: Reply[];
  readonly timers: TimerChange<Input>[];
  readonly effects: Effect[];
}

/**
 * Takes inputs out of the mailbox and steps them; the mailbox's state stays as it is until the turn is committed. It may grow
 * up to `bytesMax`. One input is stepped whatever the time; no other after `untilMs`.
 */
export function takeTurn<State, Input, StepEnv extends Env, Effect>(
  mailbox: Mailbox<State, Input>,
  core: Core<State, Input, StepEnv, Effect>,
  env: StepEnv,
  limits: CoordinatorLimits,
  clock: Clock,
  { bytesMax, untilMs }: { readonly bytesMax: number; readonly untilMs: number },
): Turn<State, Input, Effect> {
  const turn: Turn<State, Input, Effect> = {
    next: mailbox.state,
    posted: [],
    overtaken: [],
    records: [],
    transaction: null,
    replies: [],
    timers: [],
    effects: [],
  };
  const moved = new Set<string>();
  let taken = 0;
  let bytes = 0;
  for (const posted of mailbox.queue) {
    if (taken >= limits.turnInputsMax || (taken > 0 && clock.monotonicMs() > untilMs)) break;
    const { timer, input } = posted;
    if (timer && (!mailbox.isCurrent(timer) || moved.has(timer.name))) {
      if (mailbox.isCurrent(timer)) turn.overtaken.push(timer);
      taken += 1;
      continue;
    }
    const step = core.step(turn.next, input, env, mailbox.key);
    const why =
      posted.fail && outgrows(core, turn.next, step.next, bytesMax)
        ? core.noRoomFor?.(input)
        : null;
    if (why) {
      taken += 1;
      posted.fail?.(why);
      continue;
    }
    const transaction = step.records.length > 0 ? (step.transaction ?? null) : null;
    const isLong = step.records.length > RECORDS_WEIGHED_MAX;
    bytes += isLong ? Infinity : bytesOf(step.records);
    if (turn.posted.length > 0 && bytes > limits.turnBytesMax) break;
    if (transaction && turn.posted.length > 0) break;
    taken += 1;
    turn.next = step.next;
    turn.posted.push(posted);
    turn.records.push(...step.records);
    turn.transaction = transaction;
    turn.replies.push(...step.replies);
    turn.effects.push(...step.effects);
    for (const change of step.timers) {
      moved.add(change.name);
      turn.timers.push(change);
    }
    if (transaction || isLong) break;
  }
  mailbox.queue.splice(0, taken);
  return turn;
}

function bytesOf(records: readonly CoordinatorRecord[]): number {
  let bytes = 0;
  for (const { key, value } of records) bytes += key.length + (value?.length ?? 0);
  return bytes;
}

function outgrows<State, Input, StepEnv extends Env, Effect>(
  core: Core<State, Input, StepEnv, Effect>,
  before: State | null,
  next: State | null,
  bytesMax: number,
): boolean {
  if (!core.bytesOf || next === null || next === before) return false;
  const bytes = core.bytesOf(next);
  return bytes > bytesMax && bytes > (before === null ? 0 : core.bytesOf(before));
}
