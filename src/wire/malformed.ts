/**
 * The one refusal of this room: bytes that are no message of the declared form. Nothing of such a message is used; a door
 * closes the connection that sent it, since what follows cannot be trusted to begin where it should.
 */
import { Refusal } from "../lib/refusal.ts";

export function malformed(detail: string): Refusal {
  return new Refusal("invalid_request", detail);
}
