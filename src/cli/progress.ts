/**
 * A line on stderr that says how far long work is: on a terminal alone, at most five times a second, wiped at the end.
 */
import type { Sink } from "./io.ts";

const EVERY_MS = 200;
const ERASE = "\r\u001b[K";

export class Progress {
  readonly #sink: Sink;
  readonly #what: string;
  readonly #started = performance.now();
  #shownAt = 0;
  #shown = false;
  count = 0;

  /** `what` is counted: "records". */
  constructor(sink: Sink, what: string) {
    this.#sink = sink;
    this.#what = what;
  }

  add(count: number): void {
    this.count += count;
    if (!this.#sink.isTerminal) return;
    const now = performance.now();
    if (now - this.#shownAt < EVERY_MS) return;
    this.#shownAt = now;
    this.#shown = true;
    this.#sink.write(`${ERASE}${this.text()}`).catch(() => {});
  }

  /** `12,345 records in 2.1 s (5,879/s)`. */
  text(): string {
    const seconds = (performance.now() - this.#started) / 1_000;
    const rate = Math.round(this.count / Math.max(seconds, 0.001));
    return `${counted(this.count, this.#what)} in ${seconds.toFixed(1)} s (${grouped(rate)}/s)`;
  }

  async end(): Promise<void> {
    if (this.#shown) await this.#sink.write(ERASE);
    this.#shown = false;
  }
}

/** `1 record`, `2,000 records`. */
export function counted(count: number, nouns: string): string {
  return `${grouped(count)} ${count === 1 ? nouns.replace(/(?<=ch)es$|s$/, "") : nouns}`;
}

function grouped(count: number): string {
  return count.toLocaleString("en");
}
