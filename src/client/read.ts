/**
 * Records one after the other, over one partition or all: pages are asked for as they are used up, one ahead of the
 * reader, by long polls at the end of the log.
 *
 * - Order holds within a partition. Reading on after an error of the network begins at the first record not yet given.
 * - Records that were removed before this reader came to them are never passed over in silence: `onGap`, or an error.
 * - Without `follow` it ends where the log ended when reading began.
 */
import { badAnswer, isObject, KedgeError, refusalOf, SchemaError } from "./errors.ts";
import {
  fromText,
  pageChecks,
  wireFormat,
  type From,
  type Isolation,
  type WirePage,
} from "./fetch.ts";
import { Linked } from "./linked.ts";
import { decodeRecord, type Codec, type LogRecord, type WireRecord } from "./records.ts";
import { Idling, pauseMs, sleep } from "./retry.ts";
import { isWhole, listOf, membersOf, shaped } from "./shape.ts";
import type { Gap } from "./tail.ts";
import { sending, type Call, type Transport } from "./transport.ts";

export interface ReadOptions {
  /** The first record there is, if not said. One place for all partitions, or an offset for each that is to be read. */
  readonly from?: From | ReadonlyMap<number, From> | undefined;
  /** This partition alone. */
  readonly partition?: number | undefined;
  /** Wait for new records at the end of the log instead of stopping there. */
  readonly follow?: boolean | undefined;
  /** While following all partitions: how often to look for added ones, which are read from their beginning; 30 s. */
  readonly refreshMs?: number | undefined;
  readonly isolation?: Isolation | undefined;
  /** Bytes of log asked for at a time; 1 MiB. */
  readonly bytesMax?: number | undefined;
  /** Records asked for at a time; 5,000. */
  readonly recordsMax?: number | undefined;
  /**
   * Called for records that were removed unread, or that the node's disk damaged; reading goes on after them. Without it that is
   * an error (`offset_trimmed`, `log_damaged`).
   */
  readonly onGap?: ((gap: Gap) => void) | undefined;
  /** Called for a record that does not fit its schema, which is then passed over. Without it that is an error. */
  readonly onInvalid?: ((error: SchemaError) => void) | undefined;
  /** Called with each request that failed and will be repeated. */
  readonly onRetry?: ((error: KedgeError) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Place {
  readonly partition: number;
  from: From;
  /** Where reading stops; null until the first answer says it, or for ever when following. */
  end: number | null;
  done: boolean;
  /** The last answer left it where it was. */
  stuck: boolean;
}

/** A page, or with `error` the refusal of one partition. */
type WireFetched = Readonly<Record<string, unknown>>;

interface Fetched {
  readonly pages: readonly WireFetched[];
  /** Before the wait was over that the node was asked for. */
  readonly isEarly: boolean;
}

const isFetched = membersOf({ partitions: listOf(isObject) });
const isPage =
  membersOf<Pick<WirePage, "records" | "next" | "high_watermark" | "last_stable">>(pageChecks);
const isCounted = membersOf({ partitions: isWhole });

/** As long as networks let a silent request live. */
const WAIT_MS = 20_000;
const RECORDS = 5_000;
const REFRESH_MS = 30_000;
/** What the node takes in one request. */
const PARTITIONS_MAX = 1_000;

/** The records of a topic until its end, or for ever. Rejects with the signal's reason once that aborts. */
export async function* readRecords(
  transport: Transport,
  codec: Codec,
  options: ReadOptions,
): AsyncGenerator<LogRecord<unknown, unknown>, void, void> {
  const stop = new Linked(options.signal);
  const reading: ReadOptions = { ...options, signal: stop.signal };
  try {
    const places = await placesOf(transport, codec, reading);
    const patience = new Patience(transport, reading);
    const idling = new Idling(transport.retry);
    let coming = fetchPages(transport, codec, places, reading);
    let lookedAt = performance.now();
    for (;;) {
      const { pages, isEarly } = await coming;
      const records = advanceAll(pages, places, codec, reading, patience);
      await patience.rest();
      // Nothing came for anyone and nobody was to wait: what is left below the ends are offsets that were never given.
      if (places.every(({ stuck }) => stuck) && options.follow !== true) return;
      await idling.rest(isEarly && places.every(({ stuck }) => stuck), reading.signal);
      const more = turn(places, records);
      if (grows(options) && performance.now() - lookedAt >= (options.refreshMs ?? REFRESH_MS)) {
        lookedAt = performance.now();
        const count = await countPartitions(transport, codec, reading);
        for (let index = places.length; index < count; index++)
          places.push(placeAt(index, "earliest"));
      }
      if (more) {
        coming = fetchPages(transport, codec, places, reading);
        // Its failure is met when its turn comes; the reader may take long over these records.
        coming.catch(() => {});
      }
      for (const wire of records) {
        const record = await decoded(wire, codec, reading);
        if (record) yield record;
      }
      if (!more) return;
    }
  } finally {
    stop.close();
  }
}

/**
 * Lets go of partitions that are read to their end, and puts those that gave records behind those that did not, so that a
 * busy one starves none. False when nothing is left to read.
 */
function turn(places: Place[], records: readonly WireRecord[]): boolean {
  const gave = new Set(records.map((record) => record.partition));
  const asked = places.splice(0, PARTITIONS_MAX).filter((place) => !place.done);
  places.push(...asked.filter(({ partition }) => !gave.has(partition)));
  places.push(...asked.filter(({ partition }) => gave.has(partition)));
  return places.length > 0;
}

/** Pauses after partitions that refused in passing; gives up when one did so for too long. */
class Patience {
  readonly #transport: Transport;
  readonly #options: ReadOptions;
  #tries = 0;
  #since = 0;
  #refusal: KedgeError | null = null;

  constructor(transport: Transport, options: ReadOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  refused(error: KedgeError): void {
    this.#refusal ??= error;
  }

  async rest(): Promise<void> {
    const refusal = this.#refusal;
    this.#refusal = null;
    if (!refusal) {
      this.#tries = 0;
      return;
    }
    if (this.#tries === 0) this.#since = performance.now();
    this.#tries += 1;
    const spentMs = performance.now() - this.#since;
    const pause = pauseMs(refusal, true, this.#tries, spentMs, this.#transport.retry);
    if (pause === null) throw refusal;
    const { onRetry } = this.#options;
    this.#transport.retrying(refusal, onRetry ? { onRetry } : {});
    await sleep(pause, this.#options.signal);
  }
}

/** Whether partitions that are added later belong to what is read. */
function grows({ follow, from, partition }: ReadOptions): boolean {
  return follow === true && partition === undefined && !(from instanceof Map);
}

async function placesOf(
  transport: Transport,
  codec: Codec,
  options: ReadOptions,
): Promise<Place[]> {
  const { from = "earliest", partition } = options;
  if (isMap(from)) return Array.from(from, ([partition, from]) => placeAt(partition, from));
  if (partition !== undefined) return [placeAt(partition, from)];
  const count = await countPartitions(transport, codec, options);
  return Array.from({ length: count }, (_, index) => placeAt(index, from));
}

function placeAt(partition: number, from: From): Place {
  return { partition, from, end: null, done: false, stuck: false };
}

async function countPartitions(
  transport: Transport,
  codec: Codec,
  options: ReadOptions,
): Promise<number> {
  const call: Call = {
    method: "GET",
    path: ["v1", "topics", codec.topic],
    repeatable: true,
    signal: options.signal,
  };
  return (await transport.json(call, isCounted)).partitions;
}

function isMap(from: From | ReadonlyMap<number, From>): from is ReadonlyMap<number, From> {
  return from instanceof Map;
}

async function fetchPages(
  transport: Transport,
  codec: Codec,
  places: readonly Place[],
  options: ReadOptions,
): Promise<Fetched> {
  const asked = places.slice(0, PARTITIONS_MAX);
  // Before every place is known nothing may wait: an empty partition would hold up the answer for the others.
  const mayWait = options.follow === true && asked.every(({ from }) => typeof from === "number");
  const waitMs = mayWait && places.length === asked.length ? WAIT_MS : 0;
  const body = {
    partitions: asked.map(({ partition, from }) => {
      return { topic: codec.topic, partition, from: fromText(from) };
    }),
    wait_ms: waitMs,
    max_bytes: options.bytesMax,
    max_records: options.recordsMax ?? RECORDS,
    isolation: options.isolation,
    as: wireFormat(codec),
  };
  try {
    const call: Call = {
      ...sending("POST", ["v1", "fetch"], body),
      waitMs,
      signal: options.signal,
      ...(options.onRetry ? { onRetry: options.onRetry } : {}),
    };
    const askedAt = performance.now();
    const { partitions: pages } = await transport.json(call, isFetched);
    return { pages, isEarly: performance.now() - askedAt < waitMs };
  } catch (error) {
    // One partition alone is refused by the whole answer.
    const [only, second] = asked;
    if (!(error instanceof KedgeError) || !(error.code in onward) || !only || second) throw error;
    const pages = [{ partition: only.partition, error: error.problem }];
    return { pages, isEarly: false };
  }
}

/** A page for each partition that was asked for, in whatever order. */
function advanceAll(
  pages: readonly WireFetched[],
  places: readonly Place[],
  codec: Codec,
  options: ReadOptions,
  patience: Patience,
): readonly WireRecord[] {
  const asked = new Map(places.slice(0, PARTITIONS_MAX).map((place) => [place.partition, place]));
  const foreign = () => badAnswer("The node answered for others.", 200);
  const records = pages.flatMap((page) => {
    const place = asked.get(Number(page["partition"]));
    if (!place || !asked.delete(place.partition)) throw foreign();
    return advance(page, place, codec, options, patience);
  });
  if (asked.size > 0) throw foreign();
  return records;
}

/** Moves a partition's place past what its page holds, and gives those records. */
function advance(
  page: WireFetched,
  place: Place,
  codec: Codec,
  options: ReadOptions,
  patience: Patience,
): readonly WireRecord[] {
  place.stuck = false;
  const refusal = page["error"];
  if (isObject(refusal)) {
    const error = refusalOf(refusal);
    if (error.retryable) patience.refused(error);
    else skip(place, error, codec, options);
    return [];
  }
  const { records, next, high_watermark, last_stable } = shaped(page, isPage);
  const last = records.at(-1);
  const least = typeof place.from === "number" ? place.from : 0;
  if (next < least || (last && next <= last.offset))
    throw badAnswer("The node does not move on.", 200);
  place.stuck = place.from === next;
  place.from = next;
  if (options.follow === true) return records;
  place.end ??= options.isolation === "read_uncommitted" ? high_watermark : last_stable;
  const end = place.end;
  place.done = next >= end;
  return last && last.offset >= end ? records.filter(({ offset }) => offset < end) : records;
}

/** Refusals after which reading may go on, the member that says where, and the gap's reason. */
const onward: Readonly<Record<string, { readonly member: string; readonly reason: string }>> = {
  offset_trimmed: { member: "earliest", reason: "trimmed" },
  log_damaged: { member: "next", reason: "damaged" },
};

/** Goes on after records that are gone, if the reader knows how to be told; any other refusal is thrown. */
function skip(place: Place, error: KedgeError, codec: Codec, options: ReadOptions): void {
  const { partition } = place;
  const way = onward[error.code];
  const to = way && error.problem[way.member];
  // A damaged batch may be the first one that there is: its own offset is where the gap begins.
  const from = typeof place.from === "number" ? place.from : error.problem["from"];
  if (!way || typeof to !== "number" || typeof from !== "number" || to <= from) throw error;
  if (!options.onGap) throw error;
  options.onGap({ topic: codec.topic, partition, from, to, reason: way.reason });
  place.from = to;
}

async function decoded(
  wire: WireRecord,
  codec: Codec,
  options: ReadOptions,
): Promise<LogRecord<unknown, unknown> | null> {
  try {
    const record = decodeRecord(wire, codec);
    return record instanceof Promise ? await record : record;
  } catch (error) {
    if (!(error instanceof SchemaError) || !options.onInvalid) throw error;
    options.onInvalid(error);
    return null;
  }
}
