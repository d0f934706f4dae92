/**
 * The rules of producers, as tables: what a partition knows, what comes, what it says.
 */
import { describe, expect, test } from "bun:test";
import { Refusal } from "../../../../src/lib/refusal.ts";
import {
  afterBatch,
  afterMarker,
  type Arrival,
  checkMarker,
  type DataBatch,
  judgeBatch,
  type Marker,
  type ProducerState,
  type Verification,
} from "../../../../src/log/producers/producers.ts";
import { producerState, storedProducer } from "../../../../src/log/producers/codec.ts";

const SEQUENCE_MAX = 2 ** 31 - 1;
const guard = {};
const nobody: Arrival = { verification: null, guard: null, missed: null };

/** A batch: base sequence, how many records, epoch. */
const batch = (baseSequence: number, count = 1, producerEpoch = 0): DataBatch => ({
  producerId: 7n,
  producerEpoch,
  baseSequence,
  lastOffsetDelta: count - 1,
  transactional: false,
});
const inTransaction = (of: DataBatch): DataBatch => ({ ...of, transactional: true });

/** The state after these batches, appended one behind the other from offset 0. */
function after(...batches: DataBatch[]): ProducerState | null {
  let state: ProducerState | null = null;
  let offset = 0;
  for (const each of batches) {
    state = afterBatch(state, each, offset, 1000 + offset);
    offset += each.lastOffsetDelta + 1;
  }
  return state;
}

/** `new`, `at N` for a duplicate of the batch at N, or the refusal. */
function verdict(state: ProducerState | null, next: DataBatch, arrival = nobody): string {
  try {
    const duplicate = judgeBatch(state, next, arrival);
    return duplicate ? `at ${duplicate.baseOffset}` : "new";
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.code;
  }
}

describe("sequences", () => {
  const six = [0, 2, 4, 6, 8, 10].map((sequence) => batch(sequence, 2));
  const cases: readonly [string, ProducerState | null, DataBatch, string][] = [
    ["an unknown producer begins at 0", null, batch(0), "new"],
    ["or anywhere: its state may have been forgotten", null, batch(17, 3, 4), "new"],
    ["the next one follows", after(batch(0, 3)), batch(3), "new"],
    ["a gap is refused", after(batch(0, 3)), batch(4), "out_of_order_sequence_number"],
    ["the last one again is a duplicate", after(batch(0, 3)), batch(0, 3), "at 0"],
    ["so is the fifth from the end", after(...six), batch(2, 2), "at 2"],
    ["the sixth is too old to tell", after(...six), batch(0, 2), "out_of_order_sequence_number"],
    ["part of one is no duplicate", after(...six), batch(2, 1), "out_of_order_sequence_number"],
    ["nor are two together", after(...six), batch(2, 4), "out_of_order_sequence_number"],
    ["0 follows the greatest", after(batch(SEQUENCE_MAX)), batch(0), "new"],
    ["within a batch too", after(batch(SEQUENCE_MAX - 1, 4)), batch(2), "new"],
    ["and is found again", after(batch(SEQUENCE_MAX - 1, 4)), batch(SEQUENCE_MAX - 1, 4), "at 0"],
    ["an older epoch is over", after(batch(0, 1, 3)), batch(1, 1, 2), "invalid_producer_epoch"],
    ["a newer one begins at 0", after(batch(0, 1, 3)), batch(0, 1, 4), "new"],
    ["and nowhere else", after(batch(0, 1, 3)), batch(1, 1, 4), "out_of_order_sequence_number"],
    ["no duplicate of another epoch", after(batch(0), batch(0, 1, 1)), batch(1, 1, 1), "new"],
  ];
  test.each(cases)("%s", (_name, state, next, expected) => {
    expect(verdict(state, next)).toBe(expected);
  });

  test("what was sent behind a first batch that failed does not overtake it", () => {
    const failed = { ...nobody, missed: { epoch: 0, sequence: 4 } };
    expect(verdict(null, batch(6), failed)).toBe("out_of_order_sequence_number");
    expect(verdict(null, batch(4), failed)).toBe("new");
    expect(verdict(null, batch(0), failed)).toBe("new");
    expect(verdict(null, batch(6, 1, 1), failed)).toBe("new");
  });

  test("a newer epoch forgets the batches of the one before", () => {
    const state = after(batch(0), batch(1), batch(0, 2, 1));
    expect(state?.batches.map(({ lastSequence }) => lastSequence)).toEqual([1]);
  });
});

describe("transactions", () => {
  const open = after(inTransaction(batch(0, 3)));
  const word = (lowestSequence: number, joins = false): Verification => ({
    guard,
    lowestSequence,
    joins,
  });
  const trusted = (verification: Verification) => ({ verification, guard, missed: null });
  const cases: readonly [string, ProducerState | null, DataBatch, Arrival, string][] = [
    ["the first batch needs a word", null, inTransaction(batch(0)), nobody, "invalid_txn_state"],
    ["and takes one", null, inTransaction(batch(0)), trusted(word(0)), "new"],
    [
      "not one that was used up",
      null,
      inTransaction(batch(0)),
      { verification: null, guard, missed: null },
      "invalid_txn_state",
    ],
    [
      "nor another's",
      null,
      inTransaction(batch(0)),
      { verification: word(0), guard: {}, missed: null },
      "invalid_txn_state",
    ],
    ["the next one follows without", open, inTransaction(batch(3)), nobody, "new"],
    ["a batch outside of it is refused", open, batch(3), nobody, "invalid_txn_state"],
    [
      "a newer epoch needs a word of its own",
      open,
      inTransaction(batch(0, 1, 1)),
      nobody,
      "invalid_txn_state",
    ],
    [
      "an older epoch is told so first",
      after(batch(0, 1, 5)),
      inTransaction(batch(0, 1, 4)),
      nobody,
      "invalid_producer_epoch",
    ],
    [
      "one that overtook the first batch is refused",
      null,
      inTransaction(batch(5)),
      trusted(word(0)),
      "out_of_order_sequence_number",
    ],
    [
      "the earliest seen may begin anywhere",
      null,
      inTransaction(batch(5)),
      trusted(word(5)),
      "new",
    ],
    [
      "unless the coordinator has just added it",
      null,
      inTransaction(batch(5)),
      trusted(word(5, true)),
      "out_of_order_sequence_number",
    ],
    [
      "a duplicate needs no word",
      afterMarker(open, { producerEpoch: 0, coordinatorEpoch: 1 }, 5),
      inTransaction(batch(0, 3)),
      nobody,
      "at 0",
    ],
  ];
  test.each(cases)("%s", (_name, state, next, arrival, expected) => {
    expect(verdict(state, next, arrival)).toBe(expected);
  });

  test("one is open from its first offset on", () => {
    const twice = afterBatch(open, inTransaction(batch(3)), 9, 1);
    expect(twice.transactionStart).toBe(0);
    const ended = afterMarker(twice, { producerEpoch: 0, coordinatorEpoch: 4 }, 77);
    expect(ended).toMatchObject({ transactionStart: -1, coordinatorEpoch: 4, lastTimestamp: 77 });
    expect(ended.batches).toEqual(twice.batches);
    expect(afterMarker(twice, { producerEpoch: 1, coordinatorEpoch: 4 }, 77).batches).toEqual([]);
  });

  test("a coordinator's own records have no sequences", () => {
    const own = inTransaction(batch(-1, 3));
    const state = afterBatch(open, own, 50, 1);
    expect(state.batches).toEqual(open?.batches ?? []);
    expect(verdict(state, own)).toBe("new");
  });
});

describe("markers", () => {
  const ended = (coordinatorEpoch: number, producerEpoch = 3) =>
    afterMarker(after(batch(0, 1, 3)), { producerEpoch, coordinatorEpoch }, 1);
  const open = (epoch = 3) => after(inTransaction(batch(0, 1, epoch)));
  const marker = (producerEpoch: number, transactionVersion: number): Marker => ({
    producerId: 7n,
    producerEpoch,
    coordinatorEpoch: 5,
    commit: true,
    transactionVersion,
  });
  const cases: readonly [string, ProducerState | null, Marker, string][] = [
    ["of an unknown producer", null, marker(0, 2), "good"],
    ["version 1: of the same epoch", open(), marker(3, 1), "good"],
    ["version 1: of a newer one (an abort from outside)", open(), marker(4, 1), "good"],
    ["version 1: of an older one", open(), marker(2, 1), "invalid_producer_epoch"],
    ["version 2: of a newer epoch", open(), marker(4, 2), "good"],
    ["version 2: of the same, which is late", open(), marker(3, 2), "invalid_producer_epoch"],
    ["version 2: of the same, again", ended(5), marker(3, 2), "good"],
    ["version 2: of the last epoch there is", open(32_767), marker(32_767, 2), "good"],
    ["of the same coordinator", ended(5), marker(4, 2), "good"],
    ["of an older coordinator", ended(6), marker(4, 2), "transaction_coordinator_fenced"],
  ];
  test.each(cases)("%s", (_name, state, given, expected) => {
    let said = "good";
    try {
      checkMarker(state, given);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      said = error.code;
    }
    expect(said).toBe(expected);
  });
});

test("a state survives its encoding", () => {
  const far = 2 ** 52 + 1;
  const state: ProducerState = {
    epoch: 3,
    coordinatorEpoch: -1,
    lastTimestamp: far,
    transactionStart: far,
    batches: [
      { lastSequence: SEQUENCE_MAX, count: 3, baseOffset: far, timestampMs: -1 },
      { lastSequence: 0, count: 1, baseOffset: 5, timestampMs: far },
    ],
  };
  expect(producerState(storedProducer(2n ** 63n - 1n, state))).toEqual(state);
});
