/**
 * The records that every client's codec is asked to write and to read.
 */
import type { NewRecord, RecordHeader } from "../../src/records/record.ts";
import { seededRandom } from "../../src/lib/random.ts";

export interface Sample {
  readonly name: string;
  readonly records: readonly NewRecord[];
  /** Small enough, once compressed, to be kept as a fixture. */
  readonly fixture: boolean;
}

const text = (value: string) => new TextEncoder().encode(value);
const start = 1_700_000_000_000;

/** Without null header values and repeated names, which not every client can say. */
const plain: Sample = {
  name: "plain",
  fixture: true,
  records: [
    record("key", "value", start),
    record("ключ", "значение", start + 60_000, [{ name: "trace-ид", value: text("abc") }]),
    record("", "", start + 1),
  ],
};

const nulls: Sample = {
  name: "nulls and headers",
  fixture: true,
  records: [
    { key: null, value: null, headers: [], timestampMs: start },
    record("older", "than the first", start - 86_400_000, [
      { name: "twice", value: text("1") },
      { name: "twice", value: null },
      { name: "", value: text("") },
    ]),
  ],
};

/** Compresses well, and is larger than every codec's block. */
const repetitive: Sample = {
  name: "repetitive",
  fixture: true,
  records: Array.from({ length: 200 }, (_, index) =>
    record(`key-${index % 7}`, "the same words over and over; ".repeat(40), start + index),
  ),
};

const random = seededRandom(3);
/** Half of it noise, 1.5 MiB in all. */
const large: Sample = {
  name: "large",
  fixture: false,
  records: Array.from({ length: 150 }, (_, index) => ({
    ...record(`key-${index}`, "", start + index),
    value: noisy(10_000 + index),
  })),
};

export const samples: readonly Sample[] = [plain, nulls, repetitive, large];

function record(
  key: string,
  value: string,
  timestampMs: number,
  headers: readonly RecordHeader[] = [],
): NewRecord {
  return { key: text(key), value: text(value), headers, timestampMs };
}

function noisy(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at % 200 < 100 ? 0x61 : random.next() * 256));
}
