/**
 * The event loop's end of one storage Worker: requests go in order, answers come back in the same order.
 *
 * - A closed channel gives its Worker back (`workers.ts`).
 * - A Worker that dies takes the storage with it: whoever waits is told so, once.
 */
import { Bug } from "../../lib/assert.ts";
import { errorOf } from "../messages/failure.ts";
import type { Answers, Failure, Request } from "../messages/messages.ts";
import { committedOf, shortened } from "../messages/short.ts";
import { StorageFault } from "../storage.ts";
import { giveBackWorker, takeWorker } from "./workers.ts";

/** A number is a commit that all went well with. */
type Reply = number | { readonly value: unknown } | { readonly failure: Failure };

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Deno's Workers have no `ref`: they would keep the process, and are ended with their channel instead. */
interface Referable {
  ref?(): void;
  unref?(): void;
}

export class Channel {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #dead: Error | null = null;

  constructor() {
    this.#worker = takeWorker();
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#settle(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(new Bug(`a storage worker died: ${event.message}`));
    };
  }

  get busy(): boolean {
    return this.#waiting.length > 0;
  }

  async ask<T extends Request["type"]>(
    request: Request & { readonly type: T },
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Answers[T]> {
    if (this.#dead) throw this.#dead;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#hold();
    this.#waiting.push({ resolve, reject });
    this.#worker.postMessage(shortened(request), [...transfer]);
    // The Worker answers each request with its own type of answer, in order.
    return (await promise) as Answers[T];
  }

  /** Closes what the Worker has open and gives it back. */
  async close(): Promise<void> {
    const closed = this.ask({ type: "close" });
    this.#dead ??= new StorageFault("closed", "the storage is closed");
    await closed;
    giveBackWorker(this.#worker);
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#letGo();
    if (typeof reply === "number") waiting?.resolve(committedOf(reply));
    else if ("failure" in reply) waiting?.reject(errorOf(reply.failure));
    else waiting?.resolve(reply.value);
  }

  #die(error: Error): void {
    this.#dead = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#letGo();
  }

  #hold(): void {
    const worker: Referable = this.#worker;
    if (this.#waiting.length === 0) worker.ref?.();
  }

  #letGo(): void {
    const worker: Referable = this.#worker;
    worker.unref?.();
  }
}
