/**
 * One request of a connection while it is worked on, and what may come of it.
 */
import type { Frame } from "./frame-reader.ts";

/** What a request comes to: bytes to send, silence (acks=0), or the end of the connection. */
export type Reply =
  | {
      readonly type: "answer";
      readonly pieces: readonly Uint8Array[];
      /** Called once the operating system has taken all of it, or nobody will any more. */
      readonly sent?: () => void;
    }
  | { readonly type: "silence" }
  | { readonly type: "close"; readonly reason: string };

export const noRoomToWait: Reply = {
  type: "close",
  reason: "more large requests wait for their groups than there is room for",
};

/** How a request stands to those around it; `group`: it may wait for the other members of a group. */
export type Kind = "produce" | "fetch" | "group" | "other";

/** One request while it is worked on. */
export interface Exchange {
  readonly frame: Frame;
  /** Aborted when the answer should come now: the connection is gone, the node stops, others wait behind a Fetch. */
  readonly signal: AbortSignal;
  /** Keeps the requests behind this one from beginning until the function is called: this one has not begun in full. */
  holdNext(): () => void;
}

/** What the requests mean: `dispatch.ts`. */
export interface Service {
  kindOf(frame: Frame): Kind;
  /** Works on one request. Throws or rejects only for bugs. */
  begin(exchange: Exchange): Reply | Promise<Reply>;
}

/** A request in its place in the line of a connection. */
export class Slot implements Exchange {
  readonly frame: Frame;
  readonly kind: Kind;
  /** Room that it holds. */
  readonly claimed: number;
  /** Its bytes are counted among those that wait for something to happen. */
  waits = false;
  reply: Reply | null = null;
  #abort: AbortController | null = null;
  #hurried = false;
  #holds = 0;
  readonly #released: () => void;

  /** `released` is called when the requests behind it may begin after all. */
  constructor(frame: Frame, kind: Kind, claimed: number, released: () => void) {
    this.#released = released;
    this.frame = frame;
    this.kind = kind;
    this.claimed = claimed;
  }

  /** Made when somebody asks: most requests never wait. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#hurried) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Those behind it must not begin yet. */
  get holds(): boolean {
    return this.#holds > 0;
  }

  holdNext(): () => void {
    this.#holds += 1;
    return () => {
      this.#holds -= 1;
      if (this.#holds === 0) this.#released();
    };
  }

  /** The same request in memory of its own; its bytes are to be counted among those that wait. */
  apart(): Slot {
    const frame = { bytes: this.frame.bytes.slice(), owned: true };
    const slot = new Slot(frame, this.kind, frame.bytes.byteLength, this.#released);
    slot.waits = true;
    return slot;
  }

  hurry(): void {
    this.#hurried = true;
    this.#abort?.abort();
  }
}
