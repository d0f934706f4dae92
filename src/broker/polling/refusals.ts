/**
 * Why a poll is refused that its member's group would take.
 */
import { Refusal } from "../../lib/refusal.ts";

/** The client has gone: nobody would take what the poll gives. */
export function abandoned(): Refusal {
  return new Refusal("request_timed_out", "The client has gone before its poll began.");
}

export function joinedSince(memberId: string): Refusal {
  return new Refusal(
    "fenced_member_epoch",
    `Member ${memberId} has joined again since it sent this poll.`,
  );
}

/** Whether the member has to join again. */
export function isFenced(error: unknown): boolean {
  if (!(error instanceof Refusal)) return false;
  return error.code === "fenced_member_epoch" || error.code === "unknown_member_id";
}
