/**
 * How a reader finds out where it stands, by kind of answer, without decoding what it reads: that would measure the reader.
 */
import type { Position } from "./jobs.ts";
import { type Answer, headerOf } from "./wire.ts";

interface Tracker {
  take(piece: Buffer): void;
  after(answer: Answer): { next: string; upToDate: boolean };
}

/** Enough of the end of a JSON answer to hold `next`, which follows the records. */
const jsonTailBytes = 512;

export function nextPosition(kind: Position): Tracker {
  switch (kind) {
    case "batches":
      return headers("kafka-next", "kafka-up-to-date");
    case "stream":
      return headers("stream-next-offset", "stream-up-to-date");
    case "json":
      return json();
    default:
      return kind satisfies never;
  }
}

function headers(next: string, upToDate: string): Tracker {
  return {
    take: () => {},
    after({ head }) {
      const position = headerOf(head, next);
      if (position === null) throw new Error(`no ${next} in the answer: ${head}`);
      return { next: position, upToDate: headerOf(head, upToDate) === "true" };
    },
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
