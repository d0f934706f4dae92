/**
 * The read verb: many partitions at once, waiting for enough to be there.
 *
 * - A pass reads every partition in the order asked, within the bytes that are left; the first that has anything gives one
 *   whole batch at least. A partition answers for itself: its refusal never fails its neighbours, and ends the wait.
 * - What the next partitions need of storage is under way while the first ones are read, as far as their bytes are sure to fit.
 * - Between two passes one waiter stands at all of the partitions. What became readable during a pass, and a log that
 *   was closed, is seen before it waits, so that nothing is ever missed.
 * - A batch that is larger than its reader has room for is not read: the answer tells how large it is, and nothing follows it.
 * - A pass over very many partitions gives others their turn in between.
 */
import type { Clock } from "../lib/clock.ts";
import { Refusal } from "../lib/refusal.ts";
import type { LogNode } from "../log/log-node.ts";
import type { Partition } from "../log/partition.ts";
import {
  beginRead,
  type ReadLimit,
  type ReadRuns,
  readBatches,
  type StoredRead,
} from "../log/reading/reader.ts";
import { Waiter } from "../log/reading/waiters.ts";
import { damageOf } from "./damage.ts";
import type { FoundLog, LogLookup } from "./log-lookup.ts";
import type { EpochEnd, ReadAnswer, ReadOptions, ReadRequest } from "./verbs.ts";

/** Partitions that are looked at before others get their turn: a few milliseconds. */
const PARTITIONS_PER_TURN = 500;

/** Partitions that are looked at beforehand, for what they need of storage. */
const BEGUN_PARTITIONS = 32;

/** Where a partition's readable end stood when it was read. */
interface Seen {
  readonly partition: Partition;
  readonly end: number;
}

/** One read over all partitions. */
interface Pass {
  readonly answers: ReadAnswer[];
  /** Bytes that were there to be had, were it not for the bound over all partitions. */
  readonly ready: number;
  readonly refused: boolean;
  readonly seen: readonly Seen[];
}

export async function read(
  node: LogNode,
  lookup: LogLookup,
  requests: readonly ReadRequest[],
  options: ReadOptions,
): Promise<ReadAnswer[]> {
  const { clock, deadlines } = node;
  const { waitMs, isolation, signal } = options;
  const bytesMin = Math.min(options.bytesMin, mostBytes(requests, options));
  const deadlineMs = clock.monotonicMs() + waitMs;
  for (;;) {
    let pass: Pass | null = await readAll(clock, lookup, requests, options);
    if (pass.ready >= bytesMin || pass.refused || signal?.aborted) return pass.answers;
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) return pass.answers;
    if (pass.seen.some((log) => hasMoved(log, isolation))) continue;
    const places = pass.seen.map(({ partition }) => partition.watchers.of(isolation));
    const waiter = new Waiter(places, bytesMin - pass.ready, leftMs, deadlines, signal);
    pass = null; // What was too little may be much: it is not held for as long as nothing happens.
    if ((await waiter.woken) !== "aborted") continue;
    return (await readAll(clock, lookup, requests, options)).answers;
  }
}

/** What a waiter that comes only now would miss: records that came since the log was read, or its end. */
function hasMoved({ partition, end }: Seen, isolation: ReadOptions["isolation"]): boolean {
  return partition.closedBy !== null || partition.readableEnd(isolation) > end;
}

/** What an answer can hold at most: waiting for more would be waiting for nothing. */
function mostBytes(requests: readonly ReadRequest[], options: ReadOptions): number {
  const asked = requests.reduce((sum, { bytesMax }) => sum + bytesMax, 0);
  return Math.min(options.bytesMax, asked);
}

async function readAll(
  clock: Clock,
  lookup: LogLookup,
  requests: readonly ReadRequest[],
  options: ReadOptions,
): Promise<Pass> {
  const answers: ReadAnswer[] = [];
  const seen: Seen[] = [];
  const { firstBytesMax = Infinity } = options;
  let bytes = 0;
  let ready = 0;
  let refused = false;
  /** One was met that there is no room for. */
  let tooLarge = false;
  const begun = beginner(lookup, requests, options);
  for (const request of requests) {
    const { found: known, stored } = begun(answers.length);
    if (answers.length % PARTITIONS_PER_TURN === PARTITIONS_PER_TURN - 1) await clock.turn();
    try {
      const found = known ?? lookup(request.topic, request.partition);
      if (request.leaderEpoch !== undefined) found.log.checkEpoch(request.leaderEpoch);
      const diverging = divergenceOf(found.log, request);
      if (diverging) {
        const nothing = { runs: [], position: -1, from: request.from, aborted: null };
        answers.push({ ...answerOf(request, found, nothing), diverging });
        refused = true;
        continue;
      }
      seen.push({ partition: found.log, end: found.log.readableEnd(options.isolation) });
      const bytesMax: number = tooLarge ? 0 : Math.min(request.bytesMax, options.bytesMax - bytes);
      const limit: ReadLimit = {
        bytesMax,
        firstBytesMax: bytes > 0 || tooLarge ? 0 : firstBytesMax,
      };
      const reading = readBatches(found.log, request.from, limit, options.isolation, stored);
      const runs = reading instanceof Promise ? await reading : reading;
      const before = bytes;
      for (const run of runs.runs) bytes += run.byteLength;
      tooLarge ||= runs.refusedBytes !== undefined;
      ready += Math.min(request.bytesMax, readyBytes(found.log, options, runs, bytes - before));
      answers.push(answerOf(request, found, runs));
    } catch (error) {
      const refusal = damageOf(error, { ...request, next: null });
      if (!(refusal instanceof Refusal)) throw error;
      refused = true;
      answers.push(refusalOf(request, lookup, refusal));
    }
  }
  return { answers, ready: Math.max(bytes, ready), refused: refused || tooLarge, seen };
}

/** Where the reader's log parts from this one (KIP-595); null where it does not, or nobody asks. */
function divergenceOf(log: Partition, { from, lastEpoch }: ReadRequest): EpochEnd | null {
  if (lastEpoch === undefined) return null;
  const { epoch, endOffset } = log.endOfEpoch(lastEpoch);
  if (epoch === -1 || from < log.logStart) throw outOfRange(from, log);
  return epoch < lastEpoch || endOffset < from ? { leaderEpoch: epoch, endOffset } : null;
}

function outOfRange(from: number, { logStart, highWatermark }: Partition): Refusal {
  return new Refusal(
    "offset_out_of_range",
    `Offset ${from} is not of this log, which has ${logStart} to ${highWatermark}, or its epoch is newer than any here.`,
    { latest: highWatermark },
  );
}

/** What is known of a request before its turn; nothing where it will be refused. */
interface Begun {
  readonly found: FoundLog | null;
  readonly stored: StoredRead | null;
}

const NOT_BEGUN: Begun = { found: null, stored: null };

/** Gives for each request, asked in order, what was begun of it; the next ones are begun meanwhile. */
function beginner(
  lookup: LogLookup,
  requests: readonly ReadRequest[],
  { bytesMax, firstBytesMax = Infinity, isolation }: ReadOptions,
): (at: number) => Begun {
  const begun: Begun[] = [];
  let bytes = 0;
  return (at) => {
    while (begun.length < at + BEGUN_PARTITIONS) {
      const request = requests[begun.length];
      if (!request) break;
      const found = foundOf(lookup, request);
      bytes += request.bytesMax;
      const fits = found !== null && bytes <= bytesMax;
      // The first one gives a whole batch; of the others nobody knows yet.
      const limit = {
        bytesMax: request.bytesMax,
        firstBytesMax: begun.length === 0 ? firstBytesMax : 0,
      };
      const stored = fits ? beginRead(found.log, request.from, limit, isolation) : null;
      begun.push({ found, stored });
    }
    return begun[at] ?? NOT_BEGUN;
  };
}

function foundOf(lookup: LogLookup, { topic, partition }: ReadRequest): FoundLog | null {
  try {
    return lookup(topic, partition);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/** What a reader could have had from here on: all that follows, unless an open transaction stands in between. */
function readyBytes(
  log: Partition,
  { isolation }: ReadOptions,
  { position }: ReadRuns,
  givenBytes: number,
): number {
  const all = log.readableEnd(isolation) === log.highWatermark;
  return all ? log.endPosition - position : givenBytes;
}

function answerOf(request: ReadRequest, { topicId, log }: FoundLog, read: ReadRuns): ReadAnswer {
  const { topic, partition } = request;
  return {
    ...log.ends(),
    topic,
    topicId,
    partition,
    from: read.from,
    batches: read.runs,
    position: read.position,
    aborted: read.aborted,
    refusal: null,
    throttleMs: 0,
    ...(read.refusedBytes && { refusedBytes: read.refusedBytes }),
    ...(read.done && { done: read.done }),
  };
}

/** The partition's ends go with its refusal where there is such a partition, else -1 as in Kafka. */
function refusalOf(request: ReadRequest, lookup: LogLookup, refusal: Refusal): ReadAnswer {
  const { topic, partition, from } = request;
  const answer = {
    topic,
    partition,
    from,
    batches: [],
    position: -1,
    aborted: null,
    refusal,
    throttleMs: 0,
  };
  try {
    const { topicId, log } = lookup(topic, partition);
    return { ...answer, ...log.ends(), topicId };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ...answer, topicId: "", logStart: -1, highWatermark: -1, lastStable: -1, epoch: -1 };
  }
}
