/**
 * Request ids: 26 characters of Crockford's base 32, sortable by time as a ULID is, made by counting: a request is too
 * short to pay for 16 random bytes.
 */
import type { Clock } from "../lib/clock.ts";
import type { Random } from "../lib/random.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 14;
/** Ids that share one time and random part: all that two characters count. */
const COUNT = 32 * 32;

const endings = Array.from(
  { length: COUNT },
  (_, index) => ALPHABET.charAt(index >> 5) + ALPHABET.charAt(index & 31),
);

/** Gives a function that makes ids, no two alike. */
export function requestIds(clock: Clock, random: Random): () => string {
  let prefix = "";
  let next = COUNT;
  return () => {
    if (next === COUNT) {
      prefix = timePart(clock.nowMs()) + randomPart(random);
      next = 0;
    }
    return prefix + (endings[next++] ?? "");
  };
}

function timePart(nowMs: number): string {
  let text = "";
  let rest = Math.floor(nowMs);
  for (let at = 0; at < TIME_CHARACTERS; at++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function randomPart(random: Random): string {
  return Array.from(random.bytes(RANDOM_CHARACTERS), (byte) => ALPHABET.charAt(byte & 31)).join("");
}
