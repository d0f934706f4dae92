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

/** Another program runs under the member's name: who had it before must not join again by itself, or both would for ever. */
export function takenOver(memberId: string): Refusal {
  return new Refusal(
    "fenced_instance_id",
    `Another client has joined as member ${memberId} since and took its place. Give each client a member name of its own.`,
  );
}

/** One member has one poll at a time, and the newest counts. */
export function polledSince(memberId: string): Refusal {
  return new Refusal(
    "fenced_instance_id",
    `A newer poll of member ${memberId} took the place of this one. Send one poll at a time, and give each client a member name of its own.`,
  );
}

export function hasLeft(memberId: string): Refusal {
  return new Refusal("unknown_member_id", `Member ${memberId} left the group during its poll.`);
}

/** Whether the member has to join again. */
export function isFenced(error: unknown): boolean {
  if (!(error instanceof Refusal)) return false;
  return error.code === "fenced_member_epoch" || error.code === "unknown_member_id";
}
