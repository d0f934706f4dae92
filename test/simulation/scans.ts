/**
 * Readers of compacted logs that come and go: from the beginning or from anywhere, a few batches at a time, with pauses, while
 * compaction makes other rows of what they read.
 *
 * - Who reads from the beginning and is done well within `delete.retention.ms` knows of each key what it is: a tombstone waits
 *   for those who have seen an older value.
 */
import { hiddenBy } from "../../src/broker/visibility.ts";
import type { ReadAnswer } from "../../src/broker/verbs.ts";
import { readRecords } from "../../src/records/batch-read.ts";
import { walkBatches } from "../../src/records/batch.ts";
import { CompactedLedger, DELETE_RETENTION_MS } from "./compacted-ledger.ts";
import { contentOf } from "./keyed.ts";
import { type Standing, Violation } from "./ledger.ts";
import { somebody } from "./test-node.ts";
import type { Place, World } from "./world.ts";

const PAUSE_MS_MAX = 40;
/** A horizon counts from where a pass began, and a pass takes time. */
const DONE_WITHIN_MS = DELETE_RETENTION_MS / 2;

/** Begins to read one of these places. */
export function scan(world: World, places: readonly Place[]): void {
  const place = world.pick(places);
  const log = world.logOf(place.topic, place.index);
  const span = log.ends().highWatermark - log.logStart;
  const skipped = world.chance(0.5) ? 0 : Math.floor(world.random.next() * span);
  world.watch(skipped === 0 ? scanAll(world, place) : follow(world, place, log.logStart + skipped));
}

async function scanAll(world: World, { topic, index }: Place): Promise<void> {
  const ledger = world.ledger(topic, index);
  if (!(ledger instanceof CompactedLedger)) return;
  const { life, clock } = world;
  const log = world.logOf(topic, index);
  const begunMs = clock.monotonicMs();
  const certain = ledger.certain(log.ends().lastStable);
  const found = await follow(world, { topic, index }, log.logStart);
  if (!found || life.over || clock.monotonicMs() > begunMs + DONE_WITHIN_MS) return;
  const { highWatermark, logStart } = log.ends();
  ledger.ends(highWatermark, logStart);
  ledger.look(found, certain);
}

/** Reads to the end, and gives contents by offset; null where the log was trimmed under it or the node is gone. */
async function follow(
  world: World,
  { topic, index: partition }: Place,
  start: number,
): Promise<Map<number, string> | null> {
  const { life, clock, random } = world;
  const bytesMax = world.pick([1, 300, 1e6]);
  const options = { bytesMin: 0, bytesMax, waitMs: 0, isolation: "read_committed" as const };
  const found = new Map<number, string>();
  let standing: Standing = { next: start, epoch: -1 };
  for (;;) {
    const begunMs = clock.monotonicMs();
    const request = { topic, partition, from: standing.next, bytesMax };
    const [answer] = await world.broker.read(somebody, [request], options);
    if (life.over || !answer || answer.refusal?.code === "offset_trimmed") return null;
    if (answer.refusal) throw new Violation(`a scan of ${topic} got ${answer.refusal.code}`);
    gather(found, answer, standing.next);
    standing = world.ledger(topic, partition).read(standing, answer, begunMs);
    if (answer.batches.length === 0) {
      // All that was below the end, as the read found it, has gone since: it goes on from there.
      if (answer.from <= standing.next) return found;
      standing = { ...standing, next: answer.from };
    }
    const pauseMs = Math.floor(random.next() * PAUSE_MS_MAX);
    await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
  }
}

/** Notes what the answer shows from an offset on. */
export function gather(
  found: Map<number, string>,
  { batches, aborted }: Pick<ReadAnswer, "batches" | "aborted">,
  from: number,
): void {
  const isHidden = hiddenBy(aborted);
  for (const run of batches) {
    for (const { at, header } of walkBatches(run)) {
      if (isHidden(header)) continue;
      for (const record of readRecords(run, at, { decompressedBytesMax: 1e7 }))
        if (record.offset >= from) found.set(record.offset, contentOf(record));
    }
  }
}
