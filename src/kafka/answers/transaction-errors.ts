/**
 * What a fenced producer is told: PRODUCER_FENCED in the versions that have it, INVALID_PRODUCER_EPOCH in older ones.
 */
import { Refusal } from "../../lib/refusal.ts";

export function fencedAs(error: unknown, knowsFenced: boolean): unknown {
  if (knowsFenced || !(error instanceof Refusal) || error.code !== "producer_fenced") return error;
  return new Refusal("invalid_producer_epoch", error.message, error.facts);
}
