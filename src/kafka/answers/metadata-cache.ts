/**
 * Answers about all topics, kept for as long as the cluster's metadata stays as it is: with 10,000 topics of six partitions one
 * has 2 MB, and every client asks for it every few minutes.
 *
 * - A few at a time: one a listener and kind of question is usual.
 */
import { assert } from "../../lib/assert.ts";

const ANSWERS_MAX = 16;

export class MetadataCache {
  #version = -1;
  readonly #answers = new Map<string, Promise<object>>();

  /** The answer under `key` for this version of the metadata, made by `make` where there is none yet. */
  get<T extends object>(version: number, key: string, make: () => Promise<T>): Promise<T> {
    if (version !== this.#version || this.#answers.size >= ANSWERS_MAX) this.#answers.clear();
    this.#version = version;
    const known = this.#answers.get(key);
    // Only one kind of question has this cache, so that what a key gave is of its type.
    if (known) return known as Promise<T>;
    const answer = make();
    this.#answers.set(key, answer);
    answer.catch(() => this.#answers.delete(key));
    assert(this.#answers.size <= ANSWERS_MAX, "the cache is bounded");
    return answer;
  }
}
