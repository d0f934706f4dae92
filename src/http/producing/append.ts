/**
 * One append of a request that may be part of a transaction. A log knows only that a later epoch followed; why, and with
 * what to go on, the transaction's coordinator knows, so it is asked.
 */
import type { AppendAnswer, AppendRequest } from "../../broker/verbs.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Call } from "../route.ts";
import type { TransactionToken } from "./transaction-token.ts";

/** Appends. @throws Refusal, StorageFault. */
export function appendIn(
  call: Call,
  transaction: TransactionToken | null,
  request: AppendRequest,
): Promise<AppendAnswer> {
  const appended = call.door.broker.append(call.context, request);
  if (!transaction) return appended;
  return appended.catch(async (error: unknown) => {
    throw await whyPassed(call, transaction, error);
  });
}

async function whyPassed(
  { door, context }: Call,
  { transactionalId, producer }: TransactionToken,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof Refusal) || error.code !== "invalid_producer_epoch") return error;
  const asked = { transactionalId, producer, clientVersion: 2, partitions: [] } as const;
  try {
    await door.broker.transactions.verifyPartitions(context, asked);
    return error;
  } catch (told) {
    const isKnown = told instanceof Refusal && told.code === "producer_fenced";
    return isKnown ? new Refusal(error.code, told.message, error.facts) : error;
  }
}
