/**
 * The transaction coordinator's core as the driver runs it: `transaction.ts` with records, timers and the effect of writing
 * markers around it.
 *
 * - The timer and the markers follow from the state alone, so a coordinator that was loaded again takes up both.
 */
import {
  type Core,
  type CoordinatorRecord,
  type Env,
  reply,
  type Step,
  type Ticket,
  type TimerChange,
  unchanged,
} from "../step.ts";
import { readTransaction, transactionKey, transactionOfKey, transactionRecord } from "./records.ts";
import { deadlineOf, isPrepared, type Transaction } from "./state.ts";
import type { TransactionInput, TransactionReply } from "./step.ts";
import { stepTransaction } from "./transaction.ts";

export interface TransactionRequest {
  readonly input: TransactionInput | { readonly type: "loaded" };
  /** Null: nobody waits for the outcome. */
  readonly ticket: Ticket<TransactionReply> | null;
}

/** Every partition of this prepared transaction is to have its marker; then `marked` is posted. */
export interface WriteMarkers {
  readonly type: "write-markers";
  readonly transaction: Transaction;
}

export type TransactionCore = Core<Transaction, TransactionRequest, Env, WriteMarkers>;
type TransactionStep = Step<Transaction, TransactionRequest, WriteMarkers>;

const DEADLINE = "deadline";
/** A deadline further away is looked at again after this long; timers of the platform end at 24 days. */
const TIMER_MS_MAX = 24 * 60 * 60 * 1_000;

/** `idleMs`: after how long without a transaction an id is forgotten (`transactional.id.expiration.ms`). */
export function transactionCore(idleMs: number): TransactionCore {
  const expire: TransactionRequest = { input: { type: "expire", idleMs }, ticket: null };

  /** What must happen next to the state that stands from now on. */
  function follow(
    next: Transaction | null,
    nowMs: number,
  ): Pick<TransactionStep, "timers" | "effects"> {
    const deadlineMs = next === null ? null : deadlineOf(next, idleMs);
    const timer: TimerChange<TransactionRequest> =
      deadlineMs === null
        ? { name: DEADLINE, afterMs: null }
        : {
            name: DEADLINE,
            afterMs: Math.min(Math.max(0, deadlineMs - nowMs), TIMER_MS_MAX),
            input: expire,
          };
    const prepared = next !== null && isPrepared(next);
    return {
      timers: [timer],
      effects: prepared ? [{ type: "write-markers", transaction: next }] : [],
    };
  }

  return {
    step(state, { input, ticket }, { nowMs }) {
      if (input.type === "loaded") return unchanged(state, follow(state, nowMs));
      const { next, reply: answer } = stepTransaction(state, input, nowMs);
      const replies = ticket ? [reply(ticket, answer)] : [];
      if (next === undefined) {
        const timers = input.type === "expire" ? follow(state, nowMs).timers : [];
        return unchanged(state, { replies, timers });
      }
      return { next, records: recordsOf(state, next), replies, ...follow(next, nowMs) };
    },
    keyOf: ({ key }) => transactionOfKey(key),
    replay(_state, { key, value }) {
      const transactionalId = transactionOfKey(key);
      return transactionalId === null || value === null
        ? null
        : readTransaction(transactionalId, value);
    },
    // The coordinator's own records are part of no transaction.
    replayMarker: (state) => state,
    marker: () => ({ input: { type: "loaded" }, ticket: null }),
    loaded: { input: { type: "loaded" }, ticket: null },
  };
}

function recordsOf(state: Transaction | null, next: Transaction | null): CoordinatorRecord[] {
  if (next !== null) return [transactionRecord(next)];
  return state === null ? [] : [{ key: transactionKey(state.transactionalId), value: null }];
}
