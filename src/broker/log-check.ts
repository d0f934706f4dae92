/**
 * Looks for damage in what the disk holds of a log, while the node serves: reads the stored rows again and checks every batch.
 *
 * - One span of one log a call, bounded in bytes and in time: whoever wants all of it asks on from `next`. Nothing is left
 *   behind when he does not.
 * - It works a quarter of the time at most, and one call at a time: what a node under load makes slower rests longer.
 * - It reads the disk, not the tail cache; the kernel may still give what it has in memory.
 * - A GB costs 1.3 s of CPU in batches of 256 KiB, 2.2 s in batches of 16 KiB, and takes 6 s (the machine of README's figures,
 *   busy with other work).
 * - Left out: indexes and tables of the file (`kedge doctor --data` has SQLite check these, which cannot be done in steps).
 */
import { Lanes } from "../lib/async.ts";
import type { Clock } from "../lib/clock.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Partition } from "../log/partition.ts";
import { checkRow, type DamagedSpan } from "../records/stored-row.ts";
import { StorageFault } from "../storage/storage.ts";

export interface LogCheckRequest {
  /** The log start, where it is left out or has moved on. */
  readonly from?: number;
  /** About so much is read; one row at least. */
  readonly bytesMax: number;
  /** Aborted when nobody waits any more. */
  readonly signal?: AbortSignal;
}

/** What was found from `from` to below `next`. */
export interface LogCheck {
  readonly from: number;
  readonly next: number;
  /** Where the log ended when this began; nothing is left to check once `next` has reached it. */
  readonly end: number;
  readonly batches: number;
  readonly bytes: number;
  readonly damaged: readonly DamagedSpan[];
}

/** As a Kafka consumer's fetch: large reads have their memory pooled, which takes 0.6x the CPU of smaller ones. */
const READ_BYTES = 1024 * 1024;
/** What a millisecond of work gives at most: the next read may have been done ahead, while this rested. */
const BYTES_A_MS = 1024 * 1024;
/** For a millisecond of work it rests so many. */
const REST = 3;
/** Shorter rests are put together: timers are no finer. */
const REST_MS_MIN = 4;
const REST_MS_MAX = 500;
/** An answer is given after this, rests and all, though its bytes may not be full. */
const CHECK_MS_MAX = 2_000;
const DAMAGED_MAX = 100;
/** Calls that wait for the one under way. */
const WAITING_MAX = 16;

export class LogChecks {
  readonly #clock: Clock;
  readonly #lane = new Lanes(1);
  #calls = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws Refusal offset_out_of_range, throttling_quota_exceeded, whatever closed the log; the signal's reason. */
  async check(log: Partition, request: LogCheckRequest): Promise<LogCheck> {
    if (this.#calls > WAITING_MAX)
      throw new Refusal("throttling_quota_exceeded", "Too many checks at once; try again.");
    this.#calls += 1;
    try {
      return await this.#lane.run(() => this.#check(log, request));
    } finally {
      this.#calls -= 1;
    }
  }

  async #check(log: Partition, { from: asked, bytesMax, signal }: LogCheckRequest) {
    const clock = this.#clock;
    const end = log.writtenEnd;
    const from = Math.max(asked ?? 0, log.logStart);
    if (from > end) throw pastEnd(from, end);
    const found = {
      from,
      next: from,
      end,
      batches: 0,
      bytes: 0,
      damaged: new Array<DamagedSpan>(),
    };
    const untilMs = clock.monotonicMs() + CHECK_MS_MAX;
    let owedMs = 0;
    while (found.next < end && found.bytes < bytesMax && found.damaged.length < DAMAGED_MAX) {
      signal?.throwIfAborted();
      if (log.closedBy) throw log.closedBy;
      const [startedMs, before] = [clock.monotonicMs(), found.bytes];
      if (startedMs > untilMs) break;
      await checkSome(log, found);
      const workMs = (found.bytes - before) / BYTES_A_MS;
      owedMs += REST * Math.max(workMs, clock.monotonicMs() - startedMs);
      if (owedMs < REST_MS_MIN) continue;
      await rest(clock, Math.min(owedMs, REST_MS_MAX));
      owedMs = 0;
    }
    return found;
  }
}

type Found = { -readonly [Name in keyof LogCheck]: LogCheck[Name] } & { damaged: DamagedSpan[] };

/** Adds what one read of storage gives. */
async function checkSome(log: Partition, found: Found): Promise<void> {
  const { next: from, end } = found;
  try {
    const { rows, done } = await log.node.storage.read(log.id, from, READ_BYTES);
    for (const row of rows) {
      if (row.base >= end) break;
      const { batches, damaged } = checkRow(row);
      found.batches += batches;
      found.bytes += row.data.byteLength;
      found.next = row.last + 1;
      // What lies before was removed, or was asked for before.
      found.damaged.push(...damaged.filter(({ next }) => next > from));
    }
    done?.();
    // Nothing, or what came since: a hole reaches to the end, or all was removed meanwhile.
    if (found.next === from) found.next = end;
  } catch (error) {
    const isPlace =
      error instanceof StorageFault && (error.kind === "damaged" || error.kind === "io");
    if (!isPlace) throw error;
    const next = Math.min(error.next ?? end, end);
    found.damaged.push({ from, next, why: error.message });
    found.next = next;
  }
}

function rest(clock: Clock, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(waitMs, resolve);
  });
}

function pastEnd(from: number, latest: number): Refusal {
  return new Refusal(
    "offset_out_of_range",
    `Offset ${from} is past the end of the log; the next offset is ${latest}.`,
    { latest },
  );
}
