/**
 * An answer before it becomes a `Response`: plain data, so that the request id, CORS and compression are added in one
 * place (`app.ts`) and routes can be tested without a server.
 */

/** Names in lower case. */
export type ReplyHeaders = Readonly<Record<string, string>>;

/** Bytes that lie in several buffers. */
export interface Runs {
  readonly runs: readonly Uint8Array<ArrayBuffer>[];
  /** Of all of them, in bytes. */
  readonly length: number;
  /** Nobody else has the buffers: the memory of each is let go when it was taken. */
  readonly isOwn?: boolean;
}

export interface Reply {
  readonly status: number;
  /** The media type; null for an answer without a body. */
  readonly type: string | null;
  readonly body: string | Uint8Array<ArrayBuffer> | Runs | ReadableStream<Uint8Array> | null;
  readonly headers?: ReplyHeaders;
  /** Called where it is certain that the body has been taken, and that nobody uses its memory. */
  readonly done?: () => void;
}

export function isRuns(body: Reply["body"]): body is Runs {
  return body !== null && typeof body === "object" && "runs" in body;
}

export function json(value: unknown, status = 200, headers?: ReplyHeaders): Reply {
  return jsonText(JSON.stringify(value), status, headers);
}

/** For JSON that was written by hand on a hot path. */
export function jsonText(body: string | Runs, status = 200, headers?: ReplyHeaders): Reply {
  return headers
    ? { status, type: "application/json", body, headers }
    : { status, type: "application/json", body };
}

export function empty(status: number, headers?: ReplyHeaders): Reply {
  return headers ? { status, type: null, body: null, headers } : { status, type: null, body: null };
}
