/**
 * What Bun and Deno share through the node: modules: clock, randomness, signals, what the machine says of itself.
 */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Clock } from "../lib/clock.ts";
import type { LoopLagWatch, MemoryUse, Platform } from "../lib/platform.ts";
import type { Random } from "../lib/random.ts";
import { makeLogger } from "./process-logger.ts";

/** The longest delay that timers take; longer ones would fire at once. */
const DELAY_MAX_MS = 2 ** 31 - 1;
const LAG_RESOLUTION_MS = 20;
const NANOSECONDS_IN_MS = 1e6;

const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fire) {
    const timer = setTimeout(fire, Math.min(Math.max(delayMs, 0), DELAY_MAX_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  turn: () =>
    new Promise((resolve) => {
      setImmediate(resolve);
    }),
};

const systemRandom: Random = {
  next: () => Math.random(),
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

/** Everything of a platform but its name, version and servers. */
export function systemPlatform(): Omit<
  Platform,
  "name" | "version" | "serveHttp" | "listenTcp" | "copiesPieces" | "sendsShared"
> {
  return {
    clock: systemClock,
    random: systemRandom,
    hostname: hostname(),
    pid: process.pid,
    bootId: bootId(),
    memory,
    watchLoopLag,
    makeLogger,
    onSignal(signals, fire) {
      const listeners = signals.map((signal) => ({ signal, listener: () => fire(signal) }));
      for (const { signal, listener } of listeners) process.on(signal, listener);
      return () => {
        for (const { signal, listener } of listeners) process.off(signal, listener);
      };
    },
  };
}

function bootId(): string | null {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() || null;
  } catch {
    return null; // Not Linux, or hidden from us.
  }
}

function memory(): MemoryUse {
  const { rss, heapUsed } = process.memoryUsage();
  return { residentBytes: rss, heapBytes: heapUsed };
}

function watchLoopLag(): LoopLagWatch {
  const histogram = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  histogram.enable();
  const inMs = (nanoseconds: number) => nanoseconds / NANOSECONDS_IN_MS;
  return {
    read() {
      const p50Ms = inMs(histogram.percentile(50));
      const p99Ms = inMs(histogram.percentile(99));
      const maxMs = inMs(histogram.max);
      histogram.reset();
      return { p50Ms, p99Ms, maxMs };
    },
    stop: () => void histogram.disable(),
  };
}
