/**
 * The coordinators' share of the event loop: what all keys together may do of it in one turn, whoever asks.
 *
 * - Two thousand members that join at once, each on a connection of its own, come in one turn of the event loop; past its share
 *   keys go on in later turns, in the order they came, and everybody else gets theirs in between.
 * - The same for answers: a rebalance that completes answers every member at once, and each answer is encoded and written.
 *   Who waits for an answer that stands in line may see what later steps did before it, as over any network.
 */
import type { Clock } from "../lib/clock.ts";
import type { Reply } from "./step.ts";

/** Answers that go out in one turn: some 5 ms of small ones. */
const REPLIES_PER_TURN = 100;

export class LoopShare {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  /** When this turn's share is used up; null: nothing was done in it yet. */
  #untilMs: number | null = null;
  #waiting: (() => void)[] = [];
  #replies: Reply[] = [];
  #repliesLeft = REPLIES_PER_TURN;
  #turning = false;

  constructor(clock: Clock, sliceMs: number) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
  }

  /** When what may go on in this turn is to stop. */
  get untilMs(): number {
    return this.#untilMs ?? this.#clock.monotonicMs() + this.#sliceMs;
  }

  /** Whether `goOn` may be done now; else it is called in a later turn. Those that wait go before those that come. */
  mayGoOn(goOn: () => void): boolean {
    if (this.#waiting.length === 0 && this.#hasTime()) return true;
    this.#waiting.push(goOn);
    return false;
  }

  /** Delivers answers in order: as many as fit into this turn, the others in later ones. */
  deliver(replies: readonly Reply[]): void {
    for (const reply of replies) {
      if (this.#replies.length === 0 && this.#repliesLeft > 0) this.#deliver(reply);
      else this.#replies.push(reply);
    }
  }

  #deliver(reply: Reply): void {
    this.#repliesLeft -= 1;
    this.#begin();
    reply.deliver();
  }

  #hasTime(): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#untilMs ??= nowMs + this.#sliceMs;
    this.#begin();
    return nowMs <= this.#untilMs;
  }

  /** Something was done in this turn: the next one brings a new share. */
  #begin(): void {
    if (!this.#turning) void this.#turn();
  }

  async #turn(): Promise<void> {
    this.#turning = true;
    for (;;) {
      await this.#clock.turn();
      this.#untilMs = null;
      this.#repliesLeft = REPLIES_PER_TURN;
      if (this.#waiting.length + this.#replies.length === 0) break;
      for (const reply of this.#replies.splice(0, REPLIES_PER_TURN)) this.#deliver(reply);
      this.#goOn();
    }
    this.#turning = false;
  }

  /** Those that wait, as long as there is time; each says anew that it has to wait when there is none left for the rest of it. */
  #goOn(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    let gone = 0;
    while (gone < waiting.length && this.#hasTime()) {
      const goOn = waiting[gone];
      gone += 1;
      goOn?.();
    }
    this.#waiting = [...waiting.slice(gone), ...this.#waiting];
  }
}
