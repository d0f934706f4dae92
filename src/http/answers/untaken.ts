/**
 * Large answers, from when they are read until their clients have taken them: how many bytes of them the node holds, over all
 * connections. Neither runtime tells when a whole body has left, so a large one is handed over in pieces, as it is read.
 *
 * - Pages are read and made so many at a time; the others wait in line, large pages in one of their own. A page that nobody
 *   has to wait for costs two additions.
 * - A page sets bytes aside for as long as it is made, and reads no batch that is larger: one that meets such a batch stands in
 *   line for its size. When they are short it is granted fewer, and gets shorter.
 * - At twice the limit a large answer is let go, and made anew when clients have taken or left what they asked for. What
 *   has waited for `answerWaitMs` is refused.
 * - A client that takes no piece for `answerStallMs` is cut off; where others wait, after `stallPressedMs`.
 * - Left out: answers below `answerPiecesMin`. The kernel's buffers take those, and most requests have no larger ones.
 */
import type { Clock, Timer } from "../../lib/clock.ts";
import { letGo } from "../../lib/bytes.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { HttpLimits } from "../limits.ts";
import type { Reply } from "./reply.ts";
import { type Holder, type Place, Room, within } from "../../lib/room.ts";

/** What is let go stands so many times the limit apart from what is only made smaller. */
const REFUSED_AT = 2;
/** A page that asks for more waits with its like. */
const LARGE_BYTES = 1024 * 1024;
/** What a page counts at least while it is made: one whole batch may come with it. */
const MAKING_BYTES_MIN = 512 * 1024;

/** A page that may be made now, until `end`. */
export interface Making {
  /** How many bytes it may have. */
  readonly bytes: number;
  /** What it counts, and what a whole batch may have that comes with it. */
  readonly weight: number;
  readonly pages: Room;
}

/**
 * Reads and makes an answer within so many bytes, or with one batch of `firstBytesMax`; gives the size of a batch that is larger.
 * It may be asked several times.
 */
export type MakeAnswer = (bytesMax: number, firstBytesMax: number) => Promise<Reply | number>;

/** How often an answer may turn out larger than what it waited for. */
const TRIES_MAX = 3;

/** Whose answer it is. */
export interface Asker {
  readonly request: { readonly signal: AbortSignal };
  /** Held open for as long as it waits. */
  readonly connection: { hold(): void } | null;
}

export class Untaken {
  readonly #clock: Clock;
  readonly #limits: HttpLimits;
  readonly #copiesPieces: boolean;
  readonly #room: Room;
  readonly #pages: Room;
  readonly #largePages: Room;

  /** `copiesPieces`: as the platform's. */
  constructor(clock: Clock, limits: HttpLimits, copiesPieces = false) {
    this.#copiesPieces = copiesPieces;
    this.#clock = clock;
    this.#limits = limits;
    const { answerBytesMax, stallPressedMs } = limits;
    this.#room = new Room(clock, REFUSED_AT * answerBytesMax, stallPressedMs);
    this.#pages = new Room(clock, answerBytesMax / 4, stallPressedMs);
    this.#largePages = new Room(clock, answerBytesMax / 4, stallPressedMs);
  }

  /** Bytes set aside, and bytes that wait to be taken. */
  get bytes(): number {
    return this.#room.bytes;
  }

  /** As many bytes as asked while there are so many, else what is left, and always a few. */
  fitting(bytesAsked: number): number {
    const { answerBytesMax, answerBytesShort } = this.#limits;
    return Math.min(bytesAsked, Math.max(answerBytesMax - this.bytes, answerBytesShort));
  }

  /**
   * Makes an answer of about so many bytes, fewer where they are short, once it is its turn; one of which it is known that its
   * `size` has to wait for room, once there is some (0: nothing is known).
   * @throws Refusal throttling_quota_exceeded after `answerWaitMs`.
   */
  async make(bytesAsked: number, size: number, asker: Asker, work: MakeAnswer): Promise<Reply> {
    const endMs = this.#clock.monotonicMs() + this.#limits.answerWaitMs;
    let made = size === 0 ? await this.#attempt(bytesAsked, asker, endMs, 0, work) : size;
    for (let tries = 0; typeof made === "number" && tries < TRIES_MAX; tries++) {
      // Nothing of the answer is held while it waits.
      const aside = made;
      await this.#wait(this.#room.enter(aside), asker, endMs);
      try {
        made = await this.#attempt(bytesAsked, asker, endMs, aside, work);
      } finally {
        this.#room.release(aside);
      }
    }
    if (typeof made === "number") throw tooMany();
    return made;
  }

  /** The page, or its size where it has to be let go. */
  async #attempt(
    bytesAsked: number,
    asker: Asker,
    endMs: number,
    aside: number,
    work: MakeAnswer,
  ): Promise<Reply | number> {
    const making =
      this.begin(bytesAsked, aside) ?? (await this.#beginLater(bytesAsked, aside, asker, endMs));
    try {
      const reply = await work(making.bytes, making.weight);
      if (typeof reply === "number") return reply;
      return this.sizeToWaitFor(reply, making.bytes + aside) || reply;
    } finally {
      this.end(making);
    }
  }

  /** For a page that may be made at once, with a batch of so many bytes; null: it has to wait. One of no bytes may always. */
  begin(bytesAsked: number, batchBytes = 0): Making | null {
    const pages = this.#pagesOf(Math.max(bytesAsked, batchBytes));
    const weight = this.#weightOf(bytesAsked, batchBytes);
    if (bytesAsked === 0) pages.add(weight);
    else if (!pages.take(weight)) return null;
    return this.#begun(pages, weight, bytesAsked);
  }

  /**
   * For a page whose batches are there already, and are held while it waits: so many bytes.
   * @throws Refusal throttling_quota_exceeded where such pages are too many.
   */
  async beginHolding(bytesAsked: number, bytesHeld: number, asker: Asker): Promise<Making> {
    const making = this.begin(bytesAsked, bytesHeld);
    if (making) return making;
    if (!this.#room.take(bytesHeld)) throw tooMany();
    try {
      const endMs = this.#clock.monotonicMs() + this.#limits.answerWaitMs;
      return await this.#beginLater(bytesAsked, bytesHeld, asker, endMs);
    } finally {
      this.#room.release(bytesHeld);
    }
  }

  /** It is made. */
  end({ bytes, weight, pages }: Making): void {
    this.#room.release(bytes);
    pages.release(weight);
  }

  /**
   * 0 where an answer may go now, else its size, for which it has to wait; `granted` is what it has set aside. With nothing
   * else to be taken any may go, or a very large record could never be read.
   */
  sizeToWaitFor(reply: Reply, granted: number): number {
    const { answerBytesMax, answerPiecesMin } = this.#limits;
    const size = sizeOf(reply);
    const others = this.bytes - granted;
    if (size < answerPiecesMin || others === 0) return 0;
    return others + size <= REFUSED_AT * answerBytesMax ? 0 : size;
  }

  /**
   * The runs as a stream that is read in pieces; a run is given back when the client asks for what follows it. Where the
   * runtime copies pieces `done` is called when all of them were taken, or the client is gone, and runs of their own are let go.
   */
  pieces(
    runs: readonly Uint8Array[],
    {
      done,
      isOwn = false,
    }: { readonly done?: (() => void) | undefined; readonly isOwn?: boolean } = {},
  ): { stream: ReadableStream<Uint8Array>; length: number } {
    let length = 0;
    for (const run of runs) length += run.length;
    this.#room.add(length);
    const source = new Pieces(runs, length, this.#clock, this.#limits, this.#room);
    if (done && this.#copiesPieces) source.whenTaken(done);
    if (isOwn && this.#copiesPieces) source.letGo();
    return { stream: new ReadableStream(source, { highWaterMark: 0 }), length };
  }

  #pagesOf(bytes: number): Room {
    return bytes > LARGE_BYTES ? this.#largePages : this.#pages;
  }

  /** What it counts while it is made: with a short page, too, comes one whole batch. */
  #weightOf(bytesAsked: number, batchBytes: number): number {
    if (bytesAsked === 0) return 0;
    const batch = Math.max(Math.min(bytesAsked, LARGE_BYTES), MAKING_BYTES_MIN, batchBytes);
    return Math.max(this.fitting(bytesAsked), batch);
  }

  #begun(pages: Room, weight: number, bytesAsked: number): Making {
    const bytes = this.fitting(Math.min(bytesAsked, weight));
    this.#room.add(bytes);
    return { bytes, weight, pages };
  }

  async #beginLater(
    bytesAsked: number,
    batchBytes: number,
    asker: Asker,
    endMs: number,
  ): Promise<Making> {
    const pages = this.#pagesOf(Math.max(bytesAsked, batchBytes));
    const weight = this.#weightOf(bytesAsked, batchBytes);
    await this.#wait(pages.enter(weight), asker, endMs);
    return this.#begun(pages, weight, bytesAsked);
  }

  async #wait(place: Place, { request, connection }: Asker, endMs: number): Promise<void> {
    connection?.hold();
    const waitMs = endMs - this.#clock.monotonicMs();
    if (await within(this.#clock, place, waitMs, request.signal)) return;
    place.leave();
    if (!(await place.taken)) throw tooMany();
  }
}

function sizeOf({ body }: Reply): number {
  return body === null || body instanceof ReadableStream ? 0 : body.length;
}

/** What an answer that may not go is told. */
export function tooMany(): Refusal {
  return new Refusal(
    "throttling_quota_exceeded",
    "Too many large answers wait for clients that do not read them.",
  );
}

class Pieces implements UnderlyingDefaultSource<Uint8Array>, Holder {
  #runs: readonly Uint8Array[] | null;
  readonly #clock: Clock;
  readonly #limits: HttpLimits;
  readonly #room: Room;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #watch: Timer | null = null;
  #pulledMs: number;
  /** The next piece begins here. */
  #run = 0;
  #at = 0;
  /** The run whose end was given, where the client has not followed it by asking for more: its bytes. */
  #given = 0;
  /** Bytes that were not given back: a run is in memory until its end is taken. */
  #left: number;
  #done: () => void = () => {};
  #letsGo = false;

  constructor(
    runs: readonly Uint8Array[],
    length: number,
    clock: Clock,
    limits: HttpLimits,
    room: Room,
  ) {
    this.#runs = runs;
    this.#left = length;
    this.#clock = clock;
    this.#limits = limits;
    this.#room = room;
    this.#pulledMs = clock.monotonicMs();
    this.#watchForStall(limits.answerStallMs);
    room.watch(this);
  }

  /** Calls it when the last piece was taken, or nobody will take any more. */
  whenTaken(done: () => void): void {
    this.#done = done;
  }

  /** The memory of each run goes back as soon as it was taken. */
  letGo(): void {
    this.#letsGo = true;
  }

  stalledSinceMs(): number {
    return this.#pulledMs;
  }

  cut(): void {
    this.#abandon();
    this.#controller?.error(new Error("the client stopped reading"));
  }

  /** The first piece is there at once: Bun sends it along with the head, the end of which it would send word by word. */
  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.pull(controller);
  }

  pull(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (!this.#runs) return;
    this.#pulledMs = this.#clock.monotonicMs();
    this.#return(this.#given);
    if (this.#given > 0) this.#drop(this.#runs[this.#run - 1]);
    const run = this.#runs[this.#run];
    if (!run) {
      this.#finish();
      controller.close();
      this.#done();
      return;
    }
    const piece = run.subarray(this.#at, this.#at + this.#limits.answerPieceBytes);
    this.#given = 0;
    this.#at += piece.length;
    if (this.#at === run.length) {
      this.#given = run.length;
      this.#run += 1;
      this.#at = 0;
    }
    controller.enqueue(piece);
  }

  cancel(): void {
    this.#abandon();
  }

  #return(bytes: number): void {
    this.#left -= bytes;
    this.#room.release(bytes);
  }

  #drop(run: Uint8Array | undefined): void {
    if (this.#letsGo && run?.buffer instanceof ArrayBuffer) letGo(run.buffer);
  }

  #watchForStall(waitMs: number): void {
    this.#watch = this.#clock.after(waitMs, () => {
      if (!this.#runs) return;
      const leftMs = this.#pulledMs + this.#limits.answerStallMs - this.#clock.monotonicMs();
      if (leftMs > 0) {
        this.#watchForStall(leftMs);
        return;
      }
      this.cut();
    });
  }

  #finish(): void {
    if (!this.#runs) return;
    this.#return(this.#left);
    this.#runs = null;
    this.#room.forget(this);
    this.#watch?.cancel();
  }

  /** Nobody takes the rest; a piece that was given in this very turn may not be copied yet. */
  #abandon(): void {
    const runs = this.#runs;
    if (!runs) return;
    this.#finish();
    void this.#clock.turn().then(() => {
      for (const run of runs) this.#drop(run);
      this.#done();
    });
  }
}
