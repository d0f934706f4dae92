/**
 * Answers that were made and that their clients have not taken yet: how many bytes of them the node holds, over all
 * connections. Neither runtime tells when a whole body has left, so a large one is handed over in pieces, as it is read.
 *
 * - A read sets bytes aside before it makes an answer. When they are short it is granted fewer, and gives a shorter page.
 * - At twice the limit a large answer is refused until clients take or leave what they asked for.
 * - A client that takes no piece for `answerStallMs` is cut off.
 * - Left out: answers below `answerPiecesMin`. The kernel's buffers take those, and most requests have no larger ones.
 */
import type { Clock, Timer } from "../lib/clock.ts";
import { assert } from "../lib/assert.ts";
import { Refusal } from "../lib/refusal.ts";
import type { HttpLimits } from "./limits.ts";
import type { Reply } from "./reply.ts";

/** What is refused stands so many times the limit apart from what is only made smaller. */
const REFUSED_AT = 2;

export class Untaken {
  readonly #clock: Clock;
  readonly #limits: HttpLimits;
  #bytes = 0;

  constructor(clock: Clock, limits: HttpLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Bytes set aside, and bytes that wait to be taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** As many bytes as asked while there are so many, else what is left, and always a few. */
  fitting(bytesAsked: number): number {
    const { answerBytesMax, answerBytesShort } = this.#limits;
    return Math.min(bytesAsked, Math.max(answerBytesMax - this.#bytes, answerBytesShort));
  }

  /** Sets aside what is fitting. */
  reserve(bytesAsked: number): number {
    const granted = this.fitting(bytesAsked);
    this.#bytes += granted;
    return granted;
  }

  /** Gives back what `reserve` granted. */
  release(bytes: number): void {
    this.#bytes -= bytes;
    assert(this.#bytes >= 0, "bytes are given back once for each time they were taken");
  }

  /**
   * Throws throttling_quota_exceeded when an answer of its size is too much now; `granted` is what its own read still
   * holds. With nothing else to be taken any answer may go, or a very large record could never be read.
   */
  admit({ body }: Reply, granted: number): void {
    const { answerBytesMax, answerPiecesMin } = this.#limits;
    const size = body === null || body instanceof ReadableStream ? 0 : body.length;
    const others = this.#bytes - granted;
    if (size < answerPiecesMin || others === 0) return;
    if (others + size <= REFUSED_AT * answerBytesMax) return;
    const sentence = "Too many large answers wait for clients that do not read them.";
    throw new Refusal("throttling_quota_exceeded", sentence);
  }

  /** The runs as a stream that is read in pieces; each piece is given back when the client asks for the next one. */
  pieces(runs: readonly Uint8Array[]): { stream: ReadableStream<Uint8Array>; length: number } {
    let length = 0;
    for (const run of runs) length += run.length;
    this.#bytes += length;
    const taken = (bytes: number): void => this.release(bytes);
    const source = new Pieces(runs, length, this.#clock, this.#limits, taken);
    return { stream: new ReadableStream(source, { highWaterMark: 0 }), length };
  }
}

class Pieces implements UnderlyingDefaultSource<Uint8Array> {
  #runs: readonly Uint8Array[] | null;
  readonly #clock: Clock;
  readonly #limits: HttpLimits;
  readonly #taken: (bytes: number) => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #watch: Timer | null = null;
  #pulledMs: number;
  /** The next piece begins here. */
  #run = 0;
  #at = 0;
  /** The piece that the client has not followed by asking for more. */
  #given = 0;
  /** Bytes that were not given back. */
  #left: number;

  constructor(
    runs: readonly Uint8Array[],
    length: number,
    clock: Clock,
    limits: HttpLimits,
    taken: (bytes: number) => void,
  ) {
    this.#runs = runs;
    this.#left = length;
    this.#clock = clock;
    this.#limits = limits;
    this.#taken = taken;
    this.#pulledMs = clock.monotonicMs();
    this.#watchForStall(limits.answerStallMs);
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (!this.#runs) return;
    this.#pulledMs = this.#clock.monotonicMs();
    this.#return(this.#given);
    const run = this.#runs[this.#run];
    if (!run) {
      this.#finish();
      controller.close();
      return;
    }
    const piece = run.subarray(this.#at, this.#at + this.#limits.answerPieceBytes);
    this.#given = piece.length;
    this.#at += piece.length;
    if (this.#at === run.length) {
      this.#run += 1;
      this.#at = 0;
    }
    controller.enqueue(piece);
  }

  cancel(): void {
    this.#finish();
  }

  #return(bytes: number): void {
    this.#left -= bytes;
    this.#taken(bytes);
  }

  #watchForStall(waitMs: number): void {
    this.#watch = this.#clock.after(waitMs, () => {
      if (!this.#runs) return;
      const leftMs = this.#pulledMs + this.#limits.answerStallMs - this.#clock.monotonicMs();
      if (leftMs > 0) {
        this.#watchForStall(leftMs);
        return;
      }
      this.#finish();
      this.#controller?.error(new Error("the client stopped reading"));
    });
  }

  #finish(): void {
    if (!this.#runs) return;
    this.#return(this.#left);
    this.#runs = null;
    this.#watch?.cancel();
  }
}
