/** The judge of transactional histories finds every anomaly that is planted, and none where there is none. */
import { expect, test } from "bun:test";
import { type Log, type Outcome, TransactionHistory } from "./transaction-history.ts";

/** Values by place: `{ a: ["1", "2"] }`. */
type Writes = Readonly<Record<string, readonly string[]>>;

function told(
  history: TransactionHistory,
  writes: Writes,
  outcome: Outcome,
  reads: string[] = [],
): void {
  const transaction = history.begin("p", reads);
  for (const [place, values] of Object.entries(writes)) {
    for (const value of values) transaction.writes.push({ place, value });
  }
  if (outcome === "committed" || outcome === "unknown") history.committing(transaction);
  transaction.outcome = outcome;
}

/** A log as `offset:value`, in order. */
function log(...entries: readonly string[]): Log {
  return entries.map((entry) => {
    const [offset, value = ""] = entry.split(":");
    return [Number(offset), value] as const;
  });
}

/** The names of the anomalies that are found, each once. */
function found(history: TransactionHistory, a: Log, b: Log): string[] {
  const logs = new Map([
    ["a", a],
    ["b", b],
  ]);
  return [...new Set(history.judge(logs).map(({ name }) => name))].sort();
}

/** One committed transaction over two places, read by somebody, and an aborted one. */
function sound(): TransactionHistory {
  const history = new TransactionHistory();
  told(history, { a: ["1"], b: ["2"] }, "committed");
  told(history, { a: ["never"] }, "aborted");
  history.polled("r", "a", 0, "1");
  history.polled("r", "b", 0, "2");
  return history;
}

/** What `sound` leaves in the two places. */
const [inA, inB] = [log("0:1"), log("0:2")];

test("a sound history has no anomaly, nor one whose last outcome is unknown", () => {
  expect(found(sound(), inA, inB)).toEqual([]);
  const unknown = sound();
  told(unknown, { a: ["3"], b: ["4"] }, "unknown");
  expect(found(unknown, inA, inB)).toEqual([]);
});

interface Planted {
  readonly name: string;
  /** What happens after a sound beginning. */
  readonly plant?: (history: TransactionHistory) => void;
  readonly a?: Log;
  readonly b?: Log;
}

const planted: readonly Planted[] = [
  { name: "lost-write", b: log() },
  { name: "G1a", a: log("0:1", "2:never") },
  { name: "duplicate", a: log("0:1", "3:1") },
  { name: "inconsistent-offsets", a: log("0:9") },
  {
    name: "torn",
    plant: (history) => told(history, { a: ["3"], b: ["4"] }, "unknown"),
    a: log("0:1", "2:3"),
  },
  {
    name: "precommitted-read",
    plant(history) {
      history.polled("r", "a", 2, "3");
      told(history, { a: ["3"] }, "committed");
    },
    a: log("0:1", "2:3"),
  },
  {
    name: "unseen",
    plant: (history) => told(history, { a: ["3"] }, "committed"),
    a: log("0:1", "2:3"),
  },
  {
    name: "int-nonmonotonic-send",
    plant: (history) => told(history, { a: ["3", "4"] }, "unknown"),
    a: log("0:1", "2:4", "3:3"),
  },
  {
    name: "nonmonotonic-send",
    plant(history) {
      told(history, { b: ["3"] }, "unknown");
      told(history, { b: ["4"] }, "unknown");
    },
    b: log("0:2", "2:4", "4:3"),
  },
  {
    name: "poll-skip",
    plant(history) {
      told(history, { a: ["3"] }, "unknown");
      told(history, { a: ["4"] }, "unknown");
      history.polled("r", "a", 4, "4");
    },
    a: log("0:1", "2:3", "4:4"),
  },
  { name: "nonmonotonic-poll", plant: (history) => history.polled("r", "a", 0, "1") },
  {
    name: "G1c",
    plant(history) {
      told(history, { a: ["3"] }, "unknown", ["4"]);
      told(history, { b: ["4"] }, "unknown", ["3"]);
    },
    a: log("0:1", "2:3"),
    b: log("0:2", "2:4"),
  },
];

test.each(planted)("$name is found", ({ name, plant, a = inA, b = inB }) => {
  const history = sound();
  plant?.(history);
  expect(found(history, a, b)).toContain(name);
});
