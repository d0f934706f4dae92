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
  #shownAt = -EVERY_MS;
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
    const isSize = this.#what === "bytes";
    const count = isSize ? sizeText(this.count) : counted(this.count, this.#what);
    return `${count} in ${seconds.toFixed(1)} s (${isSize ? sizeText(rate) : grouped(rate)}/s)`;
  }

  async end(): Promise<void> {
    if (this.#shown) await this.#sink.write(ERASE);
    this.#shown = false;
  }
}

/** `512 bytes`, `3.4 MiB`, `12 GiB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return counted(bytes, "bytes");
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), 4);
  const count = bytes / 1024 ** power;
  return `${count < 9.95 ? count.toFixed(1) : Math.round(count)} ${["", "K", "M", "G", "T"][power]}iB`;
}

/** `1 record`, `2,000 records`. */
export function counted(count: number, nouns: string): string {
  return `${grouped(count)} ${count === 1 ? nouns.replace(/(?<=ch)es$|s$/, "") : nouns}`;
}

function grouped(count: number): string {
  return count.toLocaleString("en");
}
