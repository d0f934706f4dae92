/**
 * The newest offset of each key, as compaction needs it, in a bounded piece of memory: 24 bytes a key, whatever its length.
 *
 * - A key is its SHA-256's first 16 bytes: two keys that agree there would be taken for one, which nobody can bring about.
 * - Open addressing, at most four fifths full. Full, it takes no more: the caller then cleans up to there and comes again.
 */
import { nodeCrypto } from "../../lib/builtins.ts";
import { assert } from "../../lib/assert.ts";

const HASH_WORDS = 4;
const SLOT_BYTES = HASH_WORDS * 4 + 8;
const LOAD_MAX = 0.8;
/** Room for four keys at least, so that every pass gets on. */
const SLOTS_MIN = 5;

export class KeyMap {
  /** Four words a slot. */
  readonly #hashes: Int32Array;
  /** Offset + 1; 0 in an empty slot. */
  readonly #offsets: Float64Array;
  readonly #slots: number;
  readonly #sizeMax: number;
  #size = 0;

  /** Room for `keysMax` keys, or for as many as `bytesMax` holds where that is less. */
  constructor(keysMax: number, bytesMax: number) {
    const wanted = Math.ceil(Math.max(keysMax, 1) / LOAD_MAX);
    this.#slots = Math.max(SLOTS_MIN, Math.min(wanted, Math.floor(bytesMax / SLOT_BYTES)));
    this.#sizeMax = Math.floor(this.#slots * LOAD_MAX);
    this.#hashes = new Int32Array(this.#slots * HASH_WORDS);
    this.#offsets = new Float64Array(this.#slots);
  }

  get size(): number {
    return this.#size;
  }

  /** Remembers the key's offset, which is past those before; false when there is no room for another key. */
  put(key: Uint8Array, offset: number): boolean {
    const words = hashOf(key);
    const slot = this.#find(words);
    if (this.#offsets[slot] === 0) {
      if (this.#size >= this.#sizeMax) return false;
      this.#size += 1;
      this.#hashes.set(words, slot * HASH_WORDS);
    }
    this.#offsets[slot] = offset + 1;
    return true;
  }

  /** The key's newest offset, -1 for a key that was not put. */
  newest(key: Uint8Array): number {
    return (this.#offsets[this.#find(hashOf(key))] ?? 0) - 1;
  }

  /** The slot that holds the hash, or the empty one where it belongs. */
  #find(words: Int32Array): number {
    const [one, two, three, four] = words;
    assert(one !== undefined, "a hash has four words");
    let slot = (one >>> 0) % this.#slots;
    for (;;) {
      const at = slot * HASH_WORDS;
      if (this.#offsets[slot] === 0) return slot;
      if (
        this.#hashes[at] === one &&
        this.#hashes[at + 1] === two &&
        this.#hashes[at + 2] === three &&
        this.#hashes[at + 3] === four
      )
        return slot;
      slot = slot + 1 === this.#slots ? 0 : slot + 1;
    }
  }
}

function hashOf(key: Uint8Array): Int32Array {
  const digest = nodeCrypto().createHash("sha256").update(key).digest();
  return Int32Array.of(
    digest.readInt32LE(0),
    digest.readInt32LE(4),
    digest.readInt32LE(8),
    digest.readInt32LE(12),
  );
}
