/**
 * The time that administration gives the controller. As in Kafka it is over at once where it is not above 0: then nothing is done.
 */
import { Refusal } from "../../lib/refusal.ts";

/** @throws Refusal request_timed_out. */
export function checkTimeOut(timeoutMs: number): void {
  if (timeoutMs > 0) return;
  throw new Refusal(
    "request_timed_out",
    `A time-out of ${timeoutMs} ms is over before anything is done; ask again with more.`,
  );
}
