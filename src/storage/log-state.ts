/**
 * What each entry of a commit makes of a partition's bounds and epochs: pure steps that every storage shares. Storage
 * keeps the rows and says where they lie; the rules of offsets are here, once.
 */
import { assert } from "../lib/assert.ts";
import type {
  Append,
  Begin,
  Bounds,
  EpochStart,
  Guard,
  PutAborted,
  PutProducers,
} from "./storage.ts";

/** Offsets reserved durably ahead of the end, so that none is handed out twice after a power cut. */
const RESERVED_AHEAD = 10_000;

export interface LogState extends Bounds {
  readonly epochs: readonly EpochStart[];
}

export const emptyLog: LogState = {
  logStart: 0,
  end: 0,
  epoch: 0,
  reservedEnd: 0,
  endPosition: 0,
  startPosition: 0,
  maxTimestamp: -1,
  cleanedTo: 0,
  producersEnd: 0,
  abortedEnd: 0,
  epochs: [],
};

/** Whether the writer knows the partition as it is. */
export function holds(state: LogState, guard: Guard): boolean {
  return state.epoch === guard.epoch && state.end === guard.end;
}

export function appended(state: LogState, entry: Append): LogState {
  assert(entry.base >= state.end, "an append begins at or past the end");
  assert(entry.last >= entry.base, "an append holds at least one offset");
  assert(entry.last < Number.MAX_SAFE_INTEGER, "offsets are exact integers");
  assert(entry.epoch >= state.epoch, "the leader epoch never falls");
  assert(entry.data.byteLength > 0, "an append has bytes");
  return reserved({
    ...state,
    end: entry.last + 1,
    epoch: entry.epoch,
    endPosition: state.endPosition + entry.data.byteLength,
    maxTimestamp: Math.max(state.maxTimestamp, entry.maxTimestamp),
    producersEnd: entry.producers ? state.producersEnd : movedAlong(state, entry.last + 1),
    epochs: withEpoch(state.epochs, entry.epoch, entry.base),
  });
}

export function begun(state: LogState, entry: Begin): LogState {
  assert(entry.start >= state.end, "an epoch begins at or past the end");
  assert(entry.epoch >= state.epoch, "the leader epoch never falls");
  return reserved({
    ...state,
    end: entry.start,
    epoch: entry.epoch,
    producersEnd: movedAlong(state, entry.start),
    epochs: withEpoch(state.epochs, entry.epoch, entry.start),
  });
}

/** Where nothing was behind, and nothing of producers came, nothing is behind. */
function movedAlong({ producersEnd, end }: LogState, newEnd: number): number {
  return producersEnd === end ? newEnd : producersEnd;
}

export function producersPut(state: LogState, { end }: PutProducers): LogState {
  assert(end >= state.producersEnd, "what is stored of producers never gets older");
  assert(end <= state.end, "producers are stored as of an offset that the log has reached");
  return { ...state, producersEnd: end };
}

export function abortedPut(state: LogState, { transaction }: PutAborted): LogState {
  assert(transaction.last < state.end, "an aborted transaction is put behind its marker");
  assert(transaction.last >= state.abortedEnd, "markers ascend");
  return { ...state, abortedEnd: transaction.last + 1 };
}

/** `startPosition` is that of the row that holds `logStart`, or the end's when none does. */
export function trimmed(state: LogState, logStart: number, startPosition: number): LogState {
  assert(logStart <= state.end, "the log start is never past the end");
  return { ...state, logStart, startPosition, epochs: epochsFrom(state.epochs, logStart) };
}

/** `startPosition` is that of the row that holds `logStart`, once rows have moved in position. */
export function packed(state: LogState, startPosition: number): LogState {
  return { ...state, startPosition };
}

export function cleaned(state: LogState, to: number): LogState {
  assert(to <= state.end, "compaction stays within the log");
  return { ...state, cleanedTo: Math.max(state.cleanedTo, to) };
}

/** What is left below `end`: the log position after the last batch kept, and the largest timestamp up to it. */
export interface Remainder {
  readonly end: number;
  readonly endPosition: number;
  readonly maxTimestamp: number;
}

export function truncated(
  state: LogState,
  { end, endPosition, maxTimestamp }: Remainder,
): LogState {
  assert(end <= state.end, "truncation never moves the end up");
  const epochs = state.epochs.filter(({ start }) => start < end);
  return {
    ...state,
    end,
    logStart: Math.min(state.logStart, end),
    endPosition,
    startPosition: Math.min(state.startPosition, endPosition),
    maxTimestamp,
    cleanedTo: Math.min(state.cleanedTo, end),
    // What producers were before is not known any more: the log has to be walked from its start.
    producersEnd: end < state.producersEnd ? 0 : state.producersEnd,
    abortedEnd: Math.min(state.abortedEnd, end),
    epoch: epochs.at(-1)?.epoch ?? 0,
    epochs,
  };
}

/** An epoch in which nothing was written gives way to the next (Kafka's LeaderEpochFileCache). */
function withEpoch(
  epochs: readonly EpochStart[],
  epoch: number,
  start: number,
): readonly EpochStart[] {
  if (epochs.at(-1)?.epoch === epoch) return epochs;
  return [...epochs.filter((older) => older.start < start), { epoch, start }];
}

/** Epochs that still cover an offset at or past the log start; the first of them then starts there. */
function epochsFrom(epochs: readonly EpochStart[], logStart: number): readonly EpochStart[] {
  const first = epochs.findLastIndex(({ start }) => start <= logStart);
  if (first < 0) return epochs;
  return epochs
    .slice(first)
    .map(({ epoch, start }) => ({ epoch, start: Math.max(start, logStart) }));
}

function reserved(state: LogState): LogState {
  if (state.end <= state.reservedEnd) return state;
  return { ...state, reservedEnd: state.end + RESERVED_AHEAD };
}
