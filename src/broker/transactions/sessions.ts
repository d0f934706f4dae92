/**
 * Transactions as HTTP has them: sessions whose calls may all be repeated, and the one-shot form.
 *
 * - What Kafka's clients do by asking again (an end that is still being completed) is waited for here, bounded.
 */
import type { TransactionCoordinator } from "../../coordinators/transactions/coordinator.ts";
import type { ProducerIdentity } from "../../coordinators/transactions/state.ts";
import { Refusal } from "../../lib/refusal.ts";
import { checkMayBegin } from "./one-shot-producers.ts";
import type { Transactor, TransactorOptions } from "./transact.ts";
import type { TransactionVerbs } from "./verbs.ts";

export interface SessionOptions {
  readonly coordinator: TransactionCoordinator;
  readonly transactor: Transactor;
  readonly commitOffsets: TransactorOptions["commitOffsets"];
}

/** How often a completion is waited for, and how long each time. */
const TRIES_MAX = 5;
const COMPLETION_WAIT_MS = 2_000;

export function sessionVerbs({
  coordinator,
  transactor,
  commitOffsets,
}: SessionOptions): Pick<
  TransactionVerbs,
  "transact" | "abortLeftOpen" | "begin" | "addGroupOffsets" | "endSession"
> {
  /** Tries again once the transaction before is complete. */
  async function patiently<T>(transactionalId: string, attempt: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt();
      } catch (error) {
        const isConcurrent = error instanceof Refusal && error.code === "concurrent_transactions";
        if (!isConcurrent || tries === TRIES_MAX) throw error;
        await coordinator.completion(transactionalId, COMPLETION_WAIT_MS);
      }
    }
  }

  return {
    transact: (context, request) => transactor.transact(context, request),
    abortLeftOpen: () => transactor.abortLeftOpen(),
    async begin(_context, transactionalId, timeoutMs) {
      checkMayBegin(transactionalId);
      const init = { transactionalId, timeoutMs, expected: null };
      return patiently(transactionalId, () => coordinator.init(init));
    },
    addGroupOffsets: commitOffsets,
    async endSession(_context, transactionalId, producer, commit) {
      const next = await patiently(transactionalId, async () => {
        if (commit && isUntouched(coordinator, transactionalId, producer)) return producer;
        return coordinator.end(transactionalId, producer, commit, 2);
      });
      await coordinator.completion(transactionalId, COMPLETION_WAIT_MS);
      return next;
    },
  };
}

/** True where nothing has been written since the transaction began: there is nothing to commit. */
function isUntouched(
  coordinator: TransactionCoordinator,
  transactionalId: string,
  { producerId, producerEpoch }: ProducerIdentity,
): boolean {
  const state = coordinator.state(transactionalId);
  if (state?.producerId !== producerId || state.producerEpoch !== producerEpoch) return false;
  return state.status !== "Ongoing" && state.partitions.length === 0;
}
