/**
 * A signal of one's own that the caller's ends as well, with nothing left behind on that.
 * (`AbortSignal.any` is not in every runtime.)
 */
export class Linked {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer;
    if (outer?.aborted) this.#pass();
    outer?.addEventListener("abort", this.#pass, { once: true });
  }

  readonly #pass = (): void => this.abort(this.#outer?.reason);

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  /** Lets go of the caller's signal. */
  unlink(): void {
    this.#outer?.removeEventListener("abort", this.#pass);
  }

  /** Ends what goes by the signal, too. */
  close(): void {
    this.unlink();
    this.abort();
  }
}
