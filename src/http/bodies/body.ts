/**
 * Reads a request's body whole, within bounds: as sent, and as decoded from gzip or zstd.
 *
 * - A body that was cut off is a refusal, never a shorter body.
 * - node:zlib alone keeps `maxOutputLength` (Bun's own functions ignore it); large bodies decode off the event loop.
 * - Left out: deflate and brotli, which nobody sends.
 */
import * as zlib from "node:zlib";
import { promisify } from "node:util";
import type { Clock } from "../../lib/clock.ts";
import { ByteGatherer } from "./byte-gatherer.ts";
import { HttpRefusal } from "../answers/problem.ts";
import type { HttpLimits } from "../limits.ts";

/** Below this, as sent and as decoded, a thread's round trip costs more than decoding here. */
const DECODE_HERE_BYTES_MAX = 16 * 1024;
const DECODED_HERE_BYTES_MAX = 256 * 1024;

/** Pieces of a body, which may be a byte each, until others have their turn: pieces at hand come without one. */
export const PIECES_PER_TURN = 1_000;

export type BodyEncoding = "gzip" | "zstd" | null;

/** How the body is encoded. Throws unsupported_media_type for anything but gzip, zstd and identity. */
export function encodingOf(request: Request): BodyEncoding {
  const header = request.headers.get("content-encoding");
  if (header === null) return null;
  const encoding = header.trim().toLowerCase();
  if (encoding === "" || encoding === "identity") return null;
  if (encoding === "gzip" || encoding === "x-gzip") return "gzip";
  if (encoding === "zstd") return "zstd";
  throw new HttpRefusal(
    "unsupported_media_type",
    `content-encoding ${encoding.slice(0, 40)} is not known here; send gzip, zstd or none.`,
    { "accept-encoding": "gzip, zstd" },
  );
}

/** The media type without its parameters, in lower case; empty when none was sent. */
export function mediaTypeOf(request: Request): string {
  const header = request.headers.get("content-type");
  if (header === null) return "";
  const semicolon = header.indexOf(";");
  return (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase();
}

/** The whole body, decoded. Rejects with body_too_large, unsupported_media_type, bad_request. */
export function readBody(
  request: Request,
  limits: HttpLimits,
  clock: Clock,
): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = encodingOf(request);
  const { bodyBytesMax } = limits;
  const sent = readSent(request, bodyBytesMax, () => clock.turn());
  return encoding === null ? sent : sent.then((bytes) => decode(encoding, bytes, bodyBytesMax));
}

function readSent(
  request: Request,
  bytesMax: number,
  turn: () => Promise<void>,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = request.headers.get("content-length");
  if (declared === null) return readChunks(request, bytesMax, turn);
  const size = Number(declared);
  if (size > bytesMax) throw tooLarge(bytesMax);
  return request.arrayBuffer().then(
    (buffer) => {
      if (buffer.byteLength === size) return new Uint8Array(buffer);
      throw buffer.byteLength > bytesMax ? tooLarge(bytesMax) : cutOff();
    },
    () => {
      throw cutOff();
    },
  );
}

/** A body of unknown length, counted as it comes. */
async function readChunks(
  request: Request,
  bytesMax: number,
  turn: () => Promise<void>,
): Promise<Uint8Array<ArrayBuffer>> {
  if (request.body === null) return new Uint8Array(0);
  const gathered = new ByteGatherer();
  const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader();
  for (let pieces = 1; ; pieces++) {
    const part = await reader.read().catch(() => {
      throw cutOff();
    });
    if (part.done) return gathered.take();
    if (gathered.size + part.value.byteLength > bytesMax) {
      await reader.cancel().catch(() => {});
      throw tooLarge(bytesMax);
    }
    gathered.add(part.value);
    if (pieces % PIECES_PER_TURN === 0) await turn();
  }
}

async function decode(
  encoding: "gzip" | "zstd",
  bytes: Uint8Array,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const small = bytes.byteLength <= DECODE_HERE_BYTES_MAX;
  try {
    if (small) return own(decoders[encoding].here(bytes, { maxOutputLength: smallest(bytesMax) }));
  } catch (error) {
    if (!isTooLarge(error) || bytesMax <= DECODED_HERE_BYTES_MAX)
      throw decodeError(error, encoding, bytesMax);
  }
  try {
    return own(await decoders[encoding].away(bytes, { maxOutputLength: bytesMax }));
  } catch (error) {
    throw decodeError(error, encoding, bytesMax);
  }
}

const decoders = {
  gzip: { here: zlib.gunzipSync, away: promisify(zlib.gunzip) },
  zstd: { here: zlib.zstdDecompressSync, away: promisify(zlib.zstdDecompress) },
} as const;

function smallest(bytesMax: number): number {
  return Math.min(bytesMax, DECODED_HERE_BYTES_MAX);
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}

function decodeError(error: unknown, encoding: string, bytesMax: number): HttpRefusal {
  if (isTooLarge(error)) return tooLarge(bytesMax);
  return new HttpRefusal("bad_request", `The body is not ${encoding}, or damaged.`);
}

/** node's Buffers may share a pool; what goes into the log must not. */
function own(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer);
}

function tooLarge(bytesMax: number): HttpRefusal {
  return new HttpRefusal(
    "body_too_large",
    `At most ${bytesMax} bytes, also when decoded; send less at once, or application/x-ndjson, which has no limit.`,
  );
}

function cutOff(): HttpRefusal {
  return new HttpRefusal("bad_request", "The body ended before its end.");
}
