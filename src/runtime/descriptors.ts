/**
 * How many connections the process may hold: where it runs out of file descriptors, nothing can be accepted any more by any
 * door, the runtime asks the kernel again and again, and the log cannot open its files.
 *
 * - So connections that can be counted take a share of the descriptors, and the rest stays for all else.
 * - Known on Linux alone; elsewhere only the configured limits count.
 */
import { readFileSync } from "node:fs";
import { assert } from "../lib/assert.ts";

/** The part of the descriptors that counted connections may take. */
const SHARE = 0.75;

export class Descriptors {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = Math.max(1, Math.floor(max * SHARE));
  }

  /** False when there are none to spare. */
  take(): boolean {
    if (this.#taken >= this.#max) return false;
    this.#taken += 1;
    return true;
  }

  release(): void {
    assert(this.#taken > 0, "a descriptor is given back once");
    this.#taken -= 1;
  }
}

/** The process's limit as `/proc/self/limits` tells it; Infinity where it tells none. */
export function descriptorsMax(limits = readLimits()): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
  return soft === undefined ? Infinity : Number(soft);
}

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return "";
  }
}

/** Of this process: its listeners share them. */
export const processDescriptors = new Descriptors(descriptorsMax());
