/**
 * Records on their way to clients that have not taken them yet: how many bytes of them the door holds, over all connections.
 *
 * - A Fetch sets bytes aside before it reads, reads no more than those, and keeps what it found. It is granted what is left, so
 *   that answers get shorter as clients get slower; past the limit it is granted a few KiB, with which comes one whole batch.
 * - One that meets a batch larger than what it has set aside asks again, for as much.
 * - Past twice the limit it waits until somebody takes something. The door is then `pressed`: clients that take nothing are
 *   cut off sooner (`connection.ts`), so that who reads does not wait for long for who does not.
 */
import type { Clock } from "../lib/clock.ts";
import { Room } from "../lib/room.ts";
import type { KafkaLimits } from "./limits.ts";

/** What a Fetch may still have while the room is used up. */
const SHORT_BYTES = 32 * 1024;
/** What is set aside for it: the whole batch that may come with it. */
const SHORT_ASIDE_BYTES = 1024 * 1024;
/** Where even that has to wait. */
const WAIT_AT = 2;

/** Bytes that a Fetch may give, and has set aside until it says what it gave. */
export interface Grant {
  readonly bytes: number;
  /** What a whole batch may have that comes with them. */
  readonly aside: number;
}

export class UnsentAnswers {
  readonly #bytesMax: number;
  readonly #room: Room;

  constructor(
    clock: Clock,
    { unsentBytesMax, stallPressedMs }: Pick<KafkaLimits, "unsentBytesMax" | "stallPressedMs">,
  ) {
    this.#bytesMax = unsentBytesMax;
    this.#room = new Room(clock, WAIT_AT * unsentBytesMax, stallPressedMs);
  }

  get bytes(): number {
    return this.#room.bytes;
  }

  /** Somebody waits for others to take what is theirs. */
  get pressed(): boolean {
    return this.#room.pressed;
  }

  /** As many bytes as asked while there are so many, else what is left, and always a few. */
  fitting(bytesAsked: number): number {
    return Math.min(bytesAsked, Math.max(this.#bytesMax - this.bytes, SHORT_BYTES));
  }

  /** Sets aside what is fitting, and a batch of `batchBytes`; waits for its turn where there is too much already. */
  async reserve(bytesAsked: number, batchBytes?: number): Promise<Grant> {
    const bytes = this.fitting(bytesAsked);
    const aside = Math.max(bytes, batchBytes ?? Math.min(bytesAsked, SHORT_ASIDE_BYTES));
    if (!this.#room.take(aside)) await this.#room.enter(aside).taken;
    return { bytes, aside };
  }

  /** Keeps bytes that were found without a grant, if they fit; a few always do, as who waited for them is not to wait again. */
  keep(bytes: number): boolean {
    if (bytes > SHORT_BYTES) return this.#room.take(bytes);
    this.#room.add(bytes);
    return true;
  }

  /** The Fetch gives so many bytes: they count until `remove`, and not what was set aside. */
  settle({ aside }: Grant, bytes: number): void {
    this.#room.add(bytes);
    this.remove(aside);
  }

  remove(bytes: number): void {
    this.#room.release(bytes);
  }
}
