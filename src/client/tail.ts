/**
 * Topics followed live over one connection (server-sent events), resumed by cursor after any cut: no record twice, none
 * left out without a word.
 *
 * - A connection on which nothing came for a while, not even a ping, is given up and made anew.
 * - `gap` events say which records were removed before this reader came to them; reading goes on after them.
 */
import { badAnswer, isObject, KedgeError, noAnswer, refusalOf } from "./errors.ts";
import { Linked } from "./linked.ts";
import { isRecord, type WireRecord } from "./records.ts";
import { pauseMs, sleep } from "./retry.ts";
import { isText, isWhole, membersOf, orNull, parsed } from "./shape.ts";
import { readEvents, type ServerSentEvent } from "./sse.ts";
import type { Query, Transport } from "./transport.ts";

/**
 * Records that are gone: offsets from `from` up to but not including `to`. Reasons are `trimmed`, when reading also
 * `damaged` (on the node's disk), and when following by `tail` also `lost`, `recreated` (another topic has the name now) and `deleted` (`to` is null: nothing more will come).
 */
export interface Gap {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number | null;
  readonly reason: string;
}

export interface WireTail {
  /** `topic`, `from`, filters. */
  readonly query: Query;
  /** Resumes where an earlier tail stood; `from` does not count then. */
  readonly cursor: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onReconnect: ((error: KedgeError | null) => void) | undefined;
}

export type WireTailEvent =
  | { readonly type: "record"; readonly record: WireRecord; readonly cursor: string }
  | { readonly type: "gap"; readonly gap: Gap; readonly cursor: string };

/** The node pings every 5 s. */
const SILENCE_MS = 20_000;

/**
 * Events until the signal aborts (it then rejects with the signal's reason), the caller stops reading, or every topic has
 * been deleted.
 */
export async function* tailEvents(
  transport: Transport,
  tail: WireTail,
): AsyncGenerator<WireTailEvent, void, void> {
  let cursor = tail.cursor;
  let failures = 0;
  let failingSince = performance.now();
  for (;;) {
    const connection = new Connection(tail.signal);
    const openedAt = performance.now();
    let ended: KedgeError | null = null;
    try {
      for await (const events of connection.events(transport, tail, cursor)) {
        // A node that pings is there, for as long as it takes; but one that only pings and ends is not asked on and on.
        if (events.length > 0) failingSince = performance.now();
        if (performance.now() - openedAt > transport.retry.delayMaxMs) failures = 0;
        for (const event of events) {
          if (event.id !== "") cursor = event.id;
          const shown = show(event);
          if (shown) {
            failures = 0;
            yield shown;
          }
          if (event.type === "end" && endReason(event) === "deleted") return;
        }
      }
    } catch (error) {
      if (!(error instanceof KedgeError)) throw error;
      ended = error;
    } finally {
      connection.close();
    }
    if (failures === 0) failingSince = performance.now();
    // The node ends streams now and then to even out its load: that is no failure.
    const again = ended ?? noAnswer("unreachable", "The stream ended.");
    failures += 1;
    const pause = pauseMs(again, true, failures, performance.now() - failingSince, transport.retry);
    if (pause === null) throw again;
    tail.onReconnect?.(ended);
    await sleep(pause, tail.signal);
  }
}

/** One connection, which ends with the caller's signal or by its own silence. */
class Connection {
  readonly #stop: Linked;
  readonly #outer: AbortSignal | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #silent = false;

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer;
    this.#stop = new Linked(outer);
  }

  async *events(
    transport: Transport,
    tail: WireTail,
    cursor: string | undefined,
  ): AsyncGenerator<ServerSentEvent[], void, void> {
    const signal = this.#stop.signal;
    const response = await transport.open({
      method: "GET",
      path: ["v1", "tail"],
      query: cursor === undefined ? tail.query : { ...tail.query, from: undefined, cursor },
      headers: { accept: "text/event-stream" },
      repeatable: true,
      signal,
    });
    const type = response.headers.get("content-type");
    if (!response.body || !type?.startsWith("text/event-stream"))
      throw badAnswer(`The node answered with ${type}.`, response.status);
    this.#listen();
    try {
      for await (const events of readEvents(response.body)) {
        this.#listen();
        yield events;
      }
    } catch (cause) {
      throw this.#explain(cause);
    }
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#silent = true;
      this.#stop.abort();
    }, SILENCE_MS);
  }

  #explain(cause: unknown): unknown {
    if (this.#outer?.aborted) return this.#outer.reason;
    if (cause instanceof KedgeError) return cause;
    if (this.#silent) return noAnswer("timed_out", `Nothing came for ${SILENCE_MS} ms.`);
    const words = cause instanceof Error ? cause.message : String(cause);
    return noAnswer("unreachable", `The stream broke: ${words}`, cause);
  }

  close(): void {
    clearTimeout(this.#silence);
    this.#stop.close();
  }
}

function show({ type, id: cursor, data }: ServerSentEvent): WireTailEvent | null {
  if (type === "record") return { type, record: parsed(data, isRecord), cursor };
  return type === "gap" ? { type, gap: parsed(data, isGap), cursor } : null;
}

const isGap = membersOf<Gap>({
  topic: isText,
  partition: isWhole,
  from: isWhole,
  to: orNull(isWhole),
  reason: isText,
});

/** Why the node ended the stream: `deleted` when nothing more will come. @throws KedgeError when it failed. */
function endReason(event: ServerSentEvent): unknown {
  const { reason, error } = parsed(event.data, isObject);
  if (!isObject(error)) return reason;
  throw refusalOf(error);
}
