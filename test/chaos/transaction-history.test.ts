/** The judge of transactional histories finds every anomaly that is planted, and none where there is none. */
import { expect, test } from "bun:test";
import { type Log, type Outcome, TransactionHistory } from "./transaction-history.ts";

type Plan = readonly (readonly [place: string, value: string])[];

function told(history: TransactionHistory, writes: Plan, outcome: Outcome, reads: string[] = []) {
  const transaction = history.begin("p", reads);
  for (const [place, value] of writes) transaction.writes.push({ place, value });
  if (outcome === "committed" || outcome === "unknown") history.committing(transaction);
  transaction.outcome = outcome;
  return transaction;
}

function names(history: TransactionHistory, logs: Record<string, Log>): string[] {
  const found = history.judge(new Map(Object.entries(logs))).map(({ name }) => name);
  return [...new Set(found)].sort();
}

/** One committed transaction over two places, read by somebody. */
function sound(): TransactionHistory {
  const history = new TransactionHistory();
  told(
    history,
    [
      ["a", "1"],
      ["b", "2"],
    ],
    "committed",
  );
  told(history, [["a", "never"]], "aborted");
  history.polled("r", "a", 0, "1");
  history.polled("r", "b", 0, "2");
  return history;
}

const logs = { a: [[0, "1"]], b: [[0, "2"]] } as const;

test("a sound history has no anomaly", () => {
  expect(names(sound(), logs)).toEqual([]);
  const unknown = sound();
  told(
    unknown,
    [
      ["a", "3"],
      ["b", "4"],
    ],
    "unknown",
  );
  expect(names(unknown, logs)).toEqual([]);
});

const planted: readonly (readonly [string, () => string[]])[] = [
  ["lost-write", () => names(sound(), { a: [[0, "1"]], b: [] })],
  [
    "G1a",
    () =>
      names(sound(), {
        a: [
          [0, "1"],
          [2, "never"],
        ],
        b: [[0, "2"]],
      }),
  ],
  [
    "duplicate",
    () =>
      names(sound(), {
        a: [
          [0, "1"],
          [3, "1"],
        ],
        b: [[0, "2"]],
      }),
  ],
  ["inconsistent-offsets", () => names(sound(), { a: [[0, "9"]], b: [[0, "2"]] })],
  [
    "torn",
    () => {
      const history = sound();
      told(
        history,
        [
          ["a", "3"],
          ["b", "4"],
        ],
        "unknown",
      );
      return names(history, {
        a: [
          [0, "1"],
          [2, "3"],
        ],
        b: [[0, "2"]],
      });
    },
  ],
  [
    "precommitted-read",
    () => {
      const history = sound();
      history.polled("r", "a", 2, "3");
      told(history, [["a", "3"]], "committed");
      return names(history, {
        a: [
          [0, "1"],
          [2, "3"],
        ],
        b: [[0, "2"]],
      });
    },
  ],
  [
    "unseen",
    () => {
      const history = sound();
      told(history, [["a", "3"]], "committed");
      return names(history, {
        a: [
          [0, "1"],
          [2, "3"],
        ],
        b: [[0, "2"]],
      });
    },
  ],
  [
    "int-nonmonotonic-send",
    () => {
      const history = sound();
      told(
        history,
        [
          ["a", "3"],
          ["a", "4"],
        ],
        "unknown",
      );
      return names(history, {
        a: [
          [0, "1"],
          [2, "4"],
          [3, "3"],
        ],
        b: [[0, "2"]],
      });
    },
  ],
  [
    "nonmonotonic-send",
    () => {
      const history = sound();
      told(history, [["b", "3"]], "unknown");
      told(history, [["b", "4"]], "unknown");
      return names(history, {
        a: [[0, "1"]],
        b: [
          [0, "2"],
          [2, "4"],
          [4, "3"],
        ],
      });
    },
  ],
  [
    "poll-skip",
    () => {
      const history = sound();
      told(history, [["a", "3"]], "unknown");
      told(history, [["a", "4"]], "unknown");
      history.polled("r", "a", 4, "4");
      return names(history, {
        a: [
          [0, "1"],
          [2, "3"],
          [4, "4"],
        ],
        b: [[0, "2"]],
      });
    },
  ],
  [
    "nonmonotonic-poll",
    () => {
      const history = sound();
      history.polled("r", "a", 0, "1");
      return names(history, logs);
    },
  ],
  [
    "G1c",
    () => {
      const history = new TransactionHistory();
      told(history, [["a", "1"]], "unknown", ["2"]);
      told(history, [["b", "2"]], "unknown", ["1"]);
      return names(history, { a: [[0, "1"]], b: [[0, "2"]] });
    },
  ],
];

test.each(planted)("%s is found", (name, plant) => {
  expect(plant()).toContain(name);
});
