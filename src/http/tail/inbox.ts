/**
 * What came over WebSockets and is not yet taken: one inbox for each socket, and the turns that all of them share.
 *
 * - What all sockets together take in one turn of the event loop is bounded; past it messages wait. Sockets with messages
 *   that wait are served one message each, in rotation, so that a busy one does not hold up the others.
 * - Messages of one socket are taken in order, and the next only once the one before is done: opening and ending
 *   subscriptions takes time, so a socket does it one at a time.
 * - Runtimes have no way to stop reading a WebSocket: past a bound of what waits, the inbox is closed.
 */

/** A message that is waited for has more behind it than its text: a subscription and its first read. */
const AWAITED_COST = 32;
const LENGTH_PER_COST = 4_096;

/** The turns of the event loop, as the sockets of one door share them. */
export class SharedTurns {
  readonly #turn: () => Promise<void>;
  readonly #costMax: number;
  readonly #waiting: (() => number)[] = [];
  #spent = 0;
  #serving = false;
  #renewing = false;

  constructor(turn: () => Promise<void>, costMax: number) {
    this.#turn = turn;
    this.#costMax = costMax;
  }

  /** Calls `step`, which gives what it cost, in this turn or a later one, after those that asked before. */
  ask(step: () => number): void {
    this.#waiting.push(step);
    this.#serve();
  }

  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      while (this.#spent < this.#costMax) {
        const step = this.#waiting.shift();
        if (!step) break;
        this.#spent += step();
      }
    } finally {
      this.#serving = false;
    }
    if (!this.#renewing) void this.#renew();
  }

  async #renew(): Promise<void> {
    this.#renewing = true;
    while (this.#spent > 0) {
      await this.#turn();
      this.#spent = 0;
      this.#serve();
    }
    this.#renewing = false;
  }
}

/** A message's text; null: it was bytes. */
export type Message = string | null;

export interface InboxOptions {
  readonly turns: SharedTurns;
  readonly messagesMax: number;
  readonly lengthMax: number;
  /** Takes one message and never throws or rejects; a promise keeps the next one waiting. */
  readonly take: (message: Message) => Promise<void> | null;
  /** More came than may wait; nothing is taken any more. */
  readonly overflow: () => void;
}

export class Inbox {
  readonly #options: InboxOptions;
  readonly #messages: Message[] = [];
  #length = 0;
  /** Whether a step was asked for, or a message is being waited for. */
  #busy = false;
  #closed = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  push(message: Message): void {
    if (this.#closed) return;
    const { messagesMax, lengthMax, overflow } = this.#options;
    this.#messages.push(message);
    this.#length += message?.length ?? 0;
    this.#next();
    if (this.#messages.length <= messagesMax && this.#length <= lengthMax) return;
    this.close();
    overflow();
  }

  /** What waits is given up. */
  close(): void {
    this.#closed = true;
    this.#messages.length = 0;
    this.#length = 0;
  }

  #next(): void {
    if (this.#busy || this.#messages.length === 0) return;
    this.#busy = true;
    this.#options.turns.ask(this.#step);
  }

  readonly #step = (): number => {
    const message = this.#messages.shift();
    if (message === undefined) return this.#done(0); // Closed meanwhile.
    const length = message?.length ?? 0;
    this.#length -= length;
    const awaited = this.#options.take(message);
    const cost = 1 + Math.floor(length / LENGTH_PER_COST);
    if (!awaited) return this.#done(cost);
    void awaited.then(() => this.#done(0));
    return cost + AWAITED_COST;
  };

  #done(cost: number): number {
    this.#busy = false;
    this.#next();
    return cost;
  }
}
