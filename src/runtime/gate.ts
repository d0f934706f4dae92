/**
 * Counts what is in flight, in total and by client address, and says when it is too much.
 *
 * - Neither runtime shows its accepted connections, so what is counted is requests and sockets in flight: with HTTP/1.1
 *   that is the connections that are doing something. Idle ones are closed by the idle timeout, and all of them are
 *   bounded by the process's file descriptors.
 * - Loopback addresses count in the total alone.
 */
import { assert } from "../lib/assert.ts";
import type { Descriptors } from "./descriptors.ts";

export interface GateLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
}

export class Gate {
  readonly #limits: GateLimits;
  readonly #descriptors: Descriptors | null;
  readonly #byAddress = new Map<string, number>();
  #open = 0;

  /** With `descriptors` each place also takes one of those. */
  constructor(limits: GateLimits, descriptors: Descriptors | null = null) {
    this.#limits = limits;
    this.#descriptors = descriptors;
  }

  get open(): number {
    return this.#open;
  }

  /** Takes a place, or gives false when there is none left. Addresses that are loopback or unknown are "". */
  enter(address: string): boolean {
    if (this.#open >= this.#limits.connectionsMax) return false;
    const here = address === "" ? 0 : (this.#byAddress.get(address) ?? 0);
    if (address !== "" && here >= this.#limits.connectionsPerAddressMax) return false;
    if (this.#descriptors?.take() === false) return false;
    if (address !== "") this.#byAddress.set(address, here + 1);
    this.#open += 1;
    return true;
  }

  leave(address: string): void {
    assert(this.#open > 0, "a place is left once for each time it was taken");
    this.#open -= 1;
    this.#descriptors?.release();
    if (address === "") return;
    const here = this.#byAddress.get(address) ?? 0;
    assert(here > 0, "an address leaves only as often as it entered");
    if (here === 1) this.#byAddress.delete(address);
    else this.#byAddress.set(address, here - 1);
  }
}

/** Held by the request, and by each stream or socket that outlives its answer's head; `leave` when the last lets go. */
export class Place {
  readonly #leave: () => void;
  #holders = 1;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  /** Another holder; the function lets go, once. */
  keep(): () => void {
    this.#holders += 1;
    let kept = true;
    return () => {
      if (kept) this.release();
      kept = false;
    };
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#leave();
  }
}

/** The address as the gate counts it: "" on loopback. */
export function countedAddress(address: string): string {
  const v4 = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
  return v4 === "::1" || v4.startsWith("127.") ? "" : v4;
}
