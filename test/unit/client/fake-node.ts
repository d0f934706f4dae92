/**
 * A `fetch` for the client's tests: answers from a script or from a small log in memory, and can lose an answer after
 * the request was carried out.
 */
import type { Fetch } from "../../../src/client/client.ts";

export interface Seen {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  /** The body as JSON; undefined when there was none. */
  readonly body: unknown;
}

export type Step = (seen: Seen) => Response | Promise<Response>;

/** Each request takes the next step; the last one serves all that follow. */
export function scripted(...steps: Step[]): { fetch: Fetch; seen: Seen[] } {
  const seen: Seen[] = [];
  const fetch: Fetch = async (url, init) => {
    init.signal?.throwIfAborted();
    const step = steps[Math.min(seen.length, steps.length - 1)];
    const request: Seen = {
      method: init.method ?? "GET",
      url: new URL(url),
      headers: new Headers(init.headers),
      body: typeof init.body === "string" ? JSON.parse(init.body) : undefined,
    };
    seen.push(request);
    if (!step) throw new TypeError("no step for this request");
    return step(request);
  };
  return { fetch, seen };
}

export function problem(
  status: number,
  code: string,
  more: { retryable?: boolean; side_effects?: string; headers?: Record<string, string> } & Record<
    string,
    unknown
  > = {},
): Step {
  const { headers, ...facts } = more;
  const body = { code, status, detail: `it is ${code}`, retryable: false, side_effects: "none" };
  return () => Response.json({ ...body, ...facts }, { status, headers: headers ?? {} });
}

export function lost(): Step {
  return () => {
    throw new TypeError("socket closed");
  };
}

/** Receipts for the records sent, in one partition from `base` on. */
export function receipts(base = 0, partition = 0): Step {
  return (seen) => {
    const { records } = seen.body as { records: unknown[] };
    const results = records.map((_, index) => ({ partition, offset: base + index, timestamp: 1 }));
    return Response.json({ results, duplicate: false });
  };
}

/** A body that gives these pieces and then ends, or breaks. */
export function pieces(parts: readonly string[], end: "end" | "break" | "open" = "end"): Step {
  return () => {
    const encoder = new TextEncoder();
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const part = parts[at++];
        if (part !== undefined) controller.enqueue(encoder.encode(part));
        else if (end === "end") controller.close();
        else if (end === "break") controller.error(new TypeError("connection reset"));
        else return new Promise(() => {});
        return undefined;
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
}

/** A log in memory behind `fetch`: keeps idempotency keys, and can lose answers. */
export class FakeLog {
  readonly records: { offset: number; value: unknown }[] = [];
  readonly requests: string[] = [];
  readonly #receipts = new Map<string, unknown>();
  /** How many of the next answers are lost after the work was done. */
  losing = 0;

  readonly fetch: Fetch = async (_url, init) => {
    await Promise.resolve();
    const key = new Headers(init.headers).get("idempotency-key") ?? "";
    this.requests.push(key);
    const known = this.#receipts.get(key);
    const answer = known ?? this.#append(typeof init.body === "string" ? init.body : "");
    this.#receipts.set(key, answer);
    if (this.losing > 0) {
      this.losing -= 1;
      throw new TypeError("socket closed");
    }
    return Response.json({ results: answer, duplicate: known !== undefined });
  };

  #append(body: string): unknown {
    const { records } = JSON.parse(body) as { records: { value: unknown }[] };
    return records.map(({ value }) => {
      const offset = this.records.length;
      this.records.push({ offset, value });
      return { partition: 0, offset, timestamp: 1 };
    });
  }
}
