/**
 * What the connections of a door have in common: what is passed in from outside, and the counts of what all of them hold together.
 */
import type { Allowance } from "../lib/allowance.ts";
import type { Clock } from "../lib/clock.ts";
import type { Deadlines } from "../lib/deadlines.ts";
import type { Logger } from "../lib/logger.ts";
import type { Room } from "../lib/room.ts";
import type { KafkaLimits } from "./limits.ts";
import type { ToldClients } from "./told-clients.ts";
import type { TurnQueue } from "./turn-queue.ts";

export interface Shared {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: KafkaLimits;
  readonly deadlines: Deadlines;
  /** Where connections wait that have had their share of a turn. */
  readonly turns: TurnQueue;
  /** For requests that are not answered yet. */
  readonly requests: Room;
  /** For those of them that wait for something to happen. */
  readonly waiting: Allowance;
  /** Whether others wait for what this client does not take. */
  readonly unsent: { readonly pressed: boolean };
  readonly told: ToldClients;
  readonly onBug: (error: unknown) => void;
}
