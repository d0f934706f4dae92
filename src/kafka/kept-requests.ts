/**
 * What a client asked behind a request that waits for its group, where the client goes meanwhile.
 *
 * - Apache Kafka reads on from a connection once it has answered, whether anybody is there or not: a LeaveGroup behind a JoinGroup
 *   that waits counts, which is how librdkafka leaves in the midst of a rebalance. Forgotten, the member would be waited for
 *   until its session is over, and the group with it.
 * - Of what has come in whole: a few requests, in copies, as far as there is room among those that wait. What nobody would
 *   read is left out, and what would wait once more ends it.
 */
import type { Allowance } from "../lib/allowance.ts";
import type { Slot } from "./exchange.ts";

/** A client on its way out sends an OffsetCommit and a LeaveGroup. */
const KEPT_MAX = 4;

/** Copies of those behind the first `begun` slots that are done all the same; each is counted in `waiting`. */
export function keptRequests(slots: readonly Slot[], begun: number, waiting: Allowance): Slot[] {
  const kept: Slot[] = [];
  if (slots[begun - 1]?.kind !== "group") return kept;
  for (const slot of slots.slice(begun)) {
    if (slot.kind === "fetch") continue;
    if (slot.kind === "group" || kept.length === KEPT_MAX) break;
    if (!waiting.take(slot.frame.bytes.byteLength)) break;
    kept.push(slot.apart());
  }
  return kept;
}
