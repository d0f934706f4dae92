/**
 * Cuts what comes over a connection into frames: a length of four bytes, then so many bytes of request.
 *
 * - A frame is never put together by joining chunks: it gets a buffer that grows as its bytes arrive. A frame that lies within
 *   one chunk stays a view of it.
 * - A large chunk that was copied into frames is let go of: the next one is read into its memory.
 * - Before more than `FREE_BYTES` of a frame are taken up, and before its buffer grows, `admit` is asked for room; until there
 *   is some, nothing further is read, and the rest of what has arrived waits as it is. Room is for what has come, at most four
 *   times that: a length says what a client means to send, and one that sends no more must not keep others out.
 * - A length that cannot be one is a `BadFrame`: the connection cannot be understood any more.
 */
import { assert, present } from "../lib/assert.ts";
import { letGo } from "../lib/bytes.ts";

/** What came in cannot be understood: its connection is to be closed. */
export class BadFrame extends Error {
  override readonly name = "BadFrame";
}

export interface Frame {
  readonly bytes: Uint8Array;
  /** True when the buffer holds this frame and nothing else that anybody needs: it may be given away. */
  readonly owned: boolean;
}

/** Frames up to this size are taken without asking: what each connection may always hold. */
export const FREE_BYTES = 4096;
/** The least that is set aside for a frame that is larger, or for all of a smaller one. */
const SET_ASIDE_MIN = 64 * 1024;
/** How many times what has come of a frame is set aside for it. */
const SET_ASIDE_TIMES = 4;
/** A frame from this size on gets a buffer of its own, since storage takes such buffers over without a copy. */
const OWNED_BYTES = 64 * 1024;
const LENGTH_BYTES = 4;

export interface FrameOptions {
  /** Kafka's `socket.request.max.bytes`. */
  readonly bytesMax: number;
  /** Sets room aside for so many bytes of a frame, or more of them; false: not now. It is asked for the same again then. */
  readonly admit: (bytes: number) => boolean;
}

export class FrameReader {
  readonly #options: FrameOptions;
  #chunks: Uint8Array[] = [];
  /** How much of the first chunk has been used. */
  #at = 0;
  /** A frame is a view of the first chunk. */
  #viewed = false;
  #waiting = 0;
  /** The size of the frame under way; -1 between two frames. */
  #size = -1;
  /** Bytes set aside for it. */
  #room = 0;
  /** Bytes that are to be set aside for it, and were asked for; 0 when nothing is asked. */
  #roomAsked = 0;
  #frame: Uint8Array | null = null;
  #filled = 0;

  constructor(options: FrameOptions) {
    this.#options = options;
  }

  /** True when a frame has begun that is not there in full. */
  get inFrame(): boolean {
    return this.#size >= 0 || this.#waiting > 0;
  }

  /** True while the frame under way waits for room. */
  get blocked(): boolean {
    return this.#roomAsked > 0;
  }

  /** Bytes that are set aside for the frame under way, 0 without one and for a small one. */
  get admittedBytes(): number {
    return this.#room;
  }

  push(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.byteLength;
  }

  /** The next whole frame; null when its end has not come yet or there is no room for it. Throws BadFrame. */
  next(): Frame | null {
    if (this.#size < 0 && !this.#readLength()) return null;
    if (this.#size > FREE_BYTES && !this.#frame) {
      if (this.#waiting <= FREE_BYTES || !this.#hasRoom()) return null;
    }
    return this.#wholeInChunk() ?? this.#fill();
  }

  /** Whether there is room for what has come of the frame. */
  #hasRoom(): boolean {
    for (;;) {
      if (this.#roomAsked > 0) {
        if (!this.#options.admit(this.#roomAsked - this.#room)) return false;
        this.#room = this.#roomAsked;
        this.#roomAsked = 0;
      }
      const came = this.#filled + this.#waiting;
      if (came < this.#size ? this.#room > this.#filled : this.#room === this.#size) return true;
      const setAside = Math.max(SET_ASIDE_MIN, SET_ASIDE_TIMES * came);
      this.#roomAsked = came < this.#size ? Math.min(this.#size, setAside) : this.#size;
    }
  }

  #readLength(): boolean {
    if (this.#waiting < LENGTH_BYTES) return false;
    let size = 0;
    for (let index = 0; index < LENGTH_BYTES; index += 1) size = (size << 8) | this.#takeByte();
    const { bytesMax } = this.#options;
    if (size < 0 || size > bytesMax) {
      throw new BadFrame(
        strangerBy(size) ?? `a frame of ${size} bytes; 0 to ${bytesMax} are allowed`,
      );
    }
    this.#size = size;
    return true;
  }

  /** A frame that one chunk holds: a view where it is small or the chunk's only content. */
  #wholeInChunk(): Frame | null {
    if (this.#frame || this.#size === 0) return null;
    const chunk = this.#chunks[0];
    const size = this.#size;
    if (!chunk || chunk.byteLength - this.#at < size) return null;
    const alone = this.#at === LENGTH_BYTES && chunk.byteLength === LENGTH_BYTES + size;
    const owned = alone && chunk.buffer.byteLength === chunk.byteLength;
    if (!owned && size >= OWNED_BYTES) return null;
    const bytes = chunk.subarray(this.#at, this.#at + size);
    this.#viewed = true;
    this.#skip(size);
    return this.#finish(bytes, owned);
  }

  #fill(): Frame | null {
    const size = this.#size;
    this.#frame ??= new Uint8Array(size > FREE_BYTES ? this.#room : size);
    while (this.#filled < size) {
      const chunk = this.#chunks[0];
      if (!chunk) return null;
      if (this.#filled === this.#frame.byteLength) {
        if (!this.#hasRoom()) return null;
        this.#frame = grown(this.#frame, this.#room);
      }
      const frame: Uint8Array = this.#frame;
      const room = frame.byteLength - this.#filled;
      const part = chunk.subarray(this.#at, this.#at + room);
      frame.set(part, this.#filled);
      this.#filled += part.byteLength;
      this.#skip(part.byteLength);
    }
    assert(this.#frame.byteLength === size, "a frame's buffer ends with the frame");
    return this.#finish(this.#frame, true);
  }

  #finish(bytes: Uint8Array, owned: boolean): Frame {
    assert(this.#room === 0 || this.#room === this.#size, "a frame has room for all of it");
    this.#size = -1;
    this.#room = 0;
    this.#frame = null;
    this.#filled = 0;
    return { bytes, owned };
  }

  #takeByte(): number {
    const byte = present(this.#chunks[0]?.[this.#at], "bytes that wait are there");
    this.#skip(1);
    return byte;
  }

  #skip(bytes: number): void {
    this.#at += bytes;
    this.#waiting -= bytes;
    if (this.#at < (this.#chunks[0]?.byteLength ?? 0)) return;
    const used = this.#chunks.shift();
    this.#at = 0;
    if (used && !this.#viewed) letGoOf(used);
    this.#viewed = false;
  }
}

function letGoOf({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) letGo(buffer);
}

const TLS_HANDSHAKE = 0x1603;
const HTTP_METHODS = [
  "GET ",
  "HEAD",
  "POST",
  "PUT ",
  "PATC",
  "DELE",
  "OPTI",
  "CONN",
  "TRAC",
  "PRI ",
];

/** Who speaks another protocol by mistake is known by the first four bytes; null where they say nothing. */
function strangerBy(size: number): string | null {
  if (size >>> 16 === TLS_HANDSHAKE) {
    return "it begins with a TLS handshake, and this listener has no TLS: set security.protocol to PLAINTEXT in the client";
  }
  const bytes = [24, 16, 8, 0].map((shift) => (size >>> shift) & 0xff);
  return HTTP_METHODS.includes(String.fromCharCode(...bytes))
    ? "it is an HTTP request, and this is the Kafka listener: HTTP has a port of its own (--http)"
    : null;
}

function grown(frame: Uint8Array, bytes: number): Uint8Array {
  const larger = new Uint8Array(bytes);
  larger.set(frame);
  return larger;
}
