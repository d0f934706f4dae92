/**
 * How a reader finds out where it stands, by kind of answer, without decoding what it reads: that would measure the reader.
 */
import type { Position } from "./jobs.ts";
import { type Answer, headerOf } from "./wire.ts";

interface Tracker {
  take(piece: Buffer): void;
  after(answer: Answer): { next: string; upToDate: boolean };
}

/** Bytes of a v2 batch up to and with its last offset delta. */
const lengthAt = 8;
const lastOffsetDeltaAt = 23;
const prefixBytes = 27;
/** Bytes of a batch that its length field does not count. */
const uncounted = 12;
/** Enough of the end of a JSON answer to hold `next`, which follows the records. */
const jsonTailBytes = 512;

export function nextPosition(kind: Position, from: string): Tracker {
  const kinds: Readonly<Record<Position, (from: string) => Tracker>> = { batches, json, stream };
  return kinds[kind](from);
}

function stream(from: string): Tracker {
  return {
    take: () => {},
    after: ({ head }) => ({
      next: headerOf(head, "stream-next-offset") ?? from,
      upToDate: headerOf(head, "stream-up-to-date") === "true",
    }),
  };
}

/** Hops from batch header to batch header, whatever the pieces they come in. */
function batches(from: string): Tracker {
  let next = from;
  let skip = 0;
  let prefix = Buffer.alloc(0);
  return {
    take(piece) {
      let at = 0;
      while (at < piece.length) {
        const skipped = Math.min(skip, piece.length - at);
        skip -= skipped;
        at += skipped;
        if (at === piece.length) return;
        const wanted = piece.subarray(at, at + prefixBytes - prefix.length);
        prefix = Buffer.concat([prefix, wanted]);
        at += wanted.length;
        if (prefix.length < prefixBytes) return;
        next = String(Number(prefix.readBigInt64BE(0)) + prefix.readInt32BE(lastOffsetDeltaAt) + 1);
        skip = prefix.readInt32BE(lengthAt) + uncounted - prefixBytes;
        prefix = Buffer.alloc(0);
      }
    },
    after: () => ({ next, upToDate: false }),
  };
}

function json(): Tracker {
  let tail = Buffer.alloc(0);
  return {
    take(piece) {
      tail = Buffer.from(
        piece.length >= jsonTailBytes
          ? piece.subarray(-jsonTailBytes)
          : Buffer.concat([tail, piece]).subarray(-jsonTailBytes),
      );
    },
    after() {
      const match = /"next":(\d+)/.exec(tail.toString());
      if (!match?.[1]) throw new Error(`no next in the answer: …${tail.toString()}`);
      return { next: match[1], upToDate: false };
    },
  };
}
