/**
 * Reads a request's body whole, within bounds: as sent, and as decoded from gzip or zstd.
 *
 * - A body that was cut off is a refusal, never a shorter body.
 * - One that is large, or may become so, is read once there is room for it among all others (`body-room.ts`).
 * - node:zlib alone keeps `maxOutputLength` (Bun's own functions ignore it); large bodies decode off the event loop.
 * - Left out: deflate and brotli, which nobody sends.
 */
import { errorCode } from "../../lib/error-code.ts";
import { lazy, nodeUtil, nodeZlib } from "../../lib/builtins.ts";
import type { Clock } from "../../lib/clock.ts";
import { ZstdFrames } from "../../records/zstd-frames.ts";
import { ByteGatherer } from "./byte-gatherer.ts";
import { type BodyClaim, BODY_FREE_BYTES, type BodyRoom } from "./body-room.ts";
import { HttpRefusal } from "../answers/problem.ts";
import type { Asker } from "../answers/untaken.ts";
import type { HttpLimits } from "../limits.ts";
import { type Arrival, bodyTooLate, nodeStopping } from "../time-limit.ts";

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

/** Whose body is read, and within what. */
export interface Reading extends Asker {
  readonly request: Request;
  readonly arrival?: Arrival;
  readonly door: {
    readonly limits: HttpLimits;
    readonly clock: Clock;
    readonly bodies: BodyRoom;
    readonly stopping?: AbortSignal;
  };
}

/** The whole body, decoded. Rejects with body_too_large, unsupported_media_type, bad_request, too_many_bodies. */
export function readBody(reading: Reading): Promise<Uint8Array<ArrayBuffer>> {
  const { request, door } = reading;
  const encoding = encodingOf(request);
  const declared = request.headers.get("content-length");
  if (declared === null) return readLarge(reading, encoding, null);
  const size = Number(declared);
  if (size > door.limits.bodyBytesMax) throw tooLarge(door.limits.bodyBytesMax);
  if (size > BODY_FREE_BYTES) return readLarge(reading, encoding, size);
  const sent = readSmall(reading, size);
  return encoding === null ? sent : sent.then((bytes) => decode(encoding, bytes, reading, null));
}

function readSmall(
  { request, door, arrival }: Reading,
  size: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytesMax = door.limits.bodyBytesMax;
  if (arrival) arrival.awaits = "small body";
  return request.arrayBuffer().then(
    (buffer) => {
      if (arrival) arrival.awaits = "nothing";
      if (buffer.byteLength === size) return new Uint8Array(buffer);
      throw buffer.byteLength > bytesMax ? tooLarge(bytesMax) : cutOff(door);
    },
    () => {
      throw cutOff(door);
    },
  );
}

/** A body that is large, or may become so: past what is free it claims room, and is not read until there is some. */
async function readLarge(
  reading: Reading,
  encoding: BodyEncoding,
  size: number | null,
): Promise<Uint8Array<ArrayBuffer>> {
  const { request, door, arrival } = reading;
  const { bodyBytesMax } = door.limits;
  if (request.body === null && !size) return new Uint8Array(0);
  if (request.body === null) throw cutOff(door);
  const decodedMax = encoding === null ? 0 : bodyBytesMax;
  const claimed = (size ?? bodyBytesMax) + decodedMax;
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  const cut = (): void => void reader?.cancel().catch(() => {});
  if (arrival) arrival.awaits = "large body";
  let claim = size === null ? null : await door.bodies.claim(claimed, reading, cut);
  try {
    reader = request.body.getReader();
    const gathered = new ByteGatherer(size ?? 0);
    for (let pieces = 1; ; pieces++) {
      const part = await nextOf(reader, door);
      if (part.done) break;
      if (gathered.size + part.value.byteLength > bodyBytesMax) {
        await reader.cancel().catch(() => {});
        throw tooLarge(bodyBytesMax);
      }
      gathered.add(part.value);
      claim?.arrived(part.value.byteLength);
      if (gathered.size > BODY_FREE_BYTES)
        claim ??= await door.bodies.claim(claimed, reading, cut, gathered.size);
      if (pieces % PIECES_PER_TURN === 0) await door.clock.turn();
    }
    if (arrival) arrival.awaits = "nothing";
    if (claim?.isLate) throw bodyTooLate(door.limits.requestMs);
    claim?.checkWhole();
    if (size !== null && gathered.size !== size) throw cutOff(door);
    const bytes = gathered.take();
    return encoding === null ? bytes : await decode(encoding, bytes, reading, claim);
  } finally {
    claim?.release();
  }
}

function nextOf(reader: ReadableStreamDefaultReader<Uint8Array>, door: Reading["door"]) {
  return reader.read().catch(() => {
    throw cutOff(door);
  });
}

/** `claim`: room for what it decodes to, where the body has it already. */
async function decode(
  encoding: "gzip" | "zstd",
  bytes: Uint8Array,
  reading: Reading,
  claim: BodyClaim | null,
): Promise<Uint8Array<ArrayBuffer>> {
  const { bodyBytesMax: bytesMax } = reading.door.limits;
  if (encoding === "zstd") checkWhole(bytes, bytesMax);
  const small = bytes.byteLength <= DECODE_HERE_BYTES_MAX;
  try {
    if (small) return own(decoders()[encoding].here(bytes, limitsOf(encoding, smallest(bytesMax))));
  } catch (error) {
    if (!isTooLarge(error) || bytesMax <= DECODED_HERE_BYTES_MAX)
      throw decodeError(error, encoding, bytesMax);
  }
  const { bodies } = reading.door;
  const decoded = claim ?? (await bodies.claim(bytesMax, reading, () => {}, bytes.byteLength));
  try {
    return own(await decoders()[encoding].away(bytes, limitsOf(encoding, bytesMax)));
  } catch (error) {
    throw decodeError(error, encoding, bytesMax);
  } finally {
    decoded.release();
  }
}

const decoders = lazy(() => {
  const { promisify } = nodeUtil();
  const { gunzip, gunzipSync, zstdDecompress, zstdDecompressSync } = nodeZlib();
  return {
    gzip: { here: gunzipSync, away: promisify(gunzip) },
    zstd: { here: zstdDecompressSync, away: promisify(zstdDecompress) },
  } as const;
});

/** Bits of a window of 8 MiB, which is what zstd may have in HTTP (RFC 9659): a decoder keeps so much of what it gave. */
const ZSTD_WINDOW_BITS_MAX = 23;

/** For zstd's decoders: frames with a larger window are damage to them. */
export function zstdWindow(): { readonly params: Record<number, number> } {
  return { params: { [nodeZlib().constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_BITS_MAX } };
}

function limitsOf(encoding: "gzip" | "zstd", maxOutputLength: number) {
  return encoding === "zstd" ? { maxOutputLength, ...zstdWindow() } : { maxOutputLength };
}

/** What the runtime would decode of a cut frame, without an error, is not what was sent. */
function checkWhole(zstd: Uint8Array, bytesMax: number): void {
  const frames = new ZstdFrames({ takesSkippable: true });
  try {
    frames.push(zstd);
    frames.end();
  } catch (error) {
    throw decodeError(error, "zstd", bytesMax);
  }
}

function smallest(bytesMax: number): number {
  return Math.min(bytesMax, DECODED_HERE_BYTES_MAX);
}

function isTooLarge(error: unknown): boolean {
  return errorCode(error) === "ERR_BUFFER_TOO_LARGE";
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

/** A runtime that stops (Deno) ends the bodies under way by itself. */
function cutOff({ stopping }: Reading["door"]): HttpRefusal {
  if (stopping?.aborted) return nodeStopping();
  return new HttpRefusal("bad_request", "The body ended before its end.");
}
