/**
 * Which clients the node's log has told of lately: one line a client and second, so that a probe that knocks all day, or a
 * client that is set up wrongly and tries again and again, does not fill it.
 */
import type { Clock } from "../lib/clock.ts";

const QUIET_MS = 1_000;
/** Clients that are remembered; the one told of longest ago is forgotten first. */
const CLIENTS_MAX = 1_000;

export class ToldClients {
  readonly #clock: Clock;
  readonly #toldMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True where the log may have a line about this client now. */
  mayTell(client: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const toldMs = this.#toldMs.get(client);
    if (toldMs !== undefined && nowMs - toldMs < QUIET_MS) return false;
    this.#toldMs.delete(client);
    this.#toldMs.set(client, nowMs);
    const [oldest] = this.#toldMs.keys();
    if (this.#toldMs.size > CLIENTS_MAX && oldest !== undefined) this.#toldMs.delete(oldest);
    return true;
  }
}
