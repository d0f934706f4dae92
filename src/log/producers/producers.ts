/**
 * Idempotent and transactional producers, the rules: what one partition knows of one producer, what it says about the next
 * batch or marker, and what it knows afterwards. Those of Kafka 4.3 (ProducerAppendInfo; KIP-98, KIP-360, KIP-890, KIP-1228).
 *
 * - A batch that equals one of the last five is a duplicate and answered as that one was. Else it must follow the last: the
 *   next sequence (0 after 2^31 - 1), or 0 in a new epoch. Of a producer that nobody knows any more any sequence is taken,
 *   unless a coordinator just added the partition for it.
 * - Stricter than Kafka in one case: where the first batch of an unknown producer failed, those that were sent behind it are
 *   not taken before it. Kafka takes them, and the first one can then never be sent again.
 * - The first batch of a transaction needs the coordinator's word (`verification.ts`); from then until its marker the
 *   transaction is open here.
 * - A coordinator's own records have no sequences.
 * - Pure: no clock, no I/O.
 */
import { Refusal } from "../../lib/refusal.ts";

/** What is known of one producer; never changed in place. */
export interface ProducerState {
  readonly epoch: number;
  /** Of the transaction coordinator that ended its last transaction, -1 before any. */
  readonly coordinatorEpoch: number;
  /** Of its last batch or marker. */
  readonly lastTimestamp: number;
  /** The first offset of its open transaction, -1 without one. */
  readonly transactionStart: number;
  /** The last five of its epoch that had sequences, the newest at the end. */
  readonly batches: readonly ProducerBatch[];
}

export interface ProducerBatch {
  readonly lastSequence: number;
  readonly count: number;
  readonly baseOffset: number;
  readonly timestampMs: number;
}

/** What the rules ask of a batch. */
export interface DataBatch {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** -1 for a coordinator's records. */
  readonly baseSequence: number;
  readonly lastOffsetDelta: number;
  readonly transactional: boolean;
}

/** Ends a transaction in one partition. */
export interface Marker {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly commit: boolean;
  /** KIP-1228: from 2 on the coordinator has raised the epoch, so that a late marker is told from the next one. */
  readonly transactionVersion: number;
}

/** What the coordinator was asked about a producer's first batch of a transaction, and has not been used yet. */
export interface Verification {
  /** The token that the append must bring along. */
  readonly guard: object;
  readonly lowestSequence: number;
  /** The coordinator adds the partition (KIP-890, version 2), instead of only looking whether it was added. */
  readonly joins: boolean;
}

/** A batch of a producer that nobody knows was not appended: where it stood. */
export interface Missed {
  readonly epoch: number;
  readonly sequence: number;
}

/** How a batch came: its verification, if one is pending, the token that it brought, and what failed before it. */
export interface Arrival {
  readonly verification: Verification | null;
  readonly missed: Missed | null;
  readonly guard: object | null;
}

const BATCHES_REMEMBERED = 5;
const NO_SEQUENCE = -1;
const EPOCH_MAX = 32_767;
/** Sequences are counted modulo this. */
const SEQUENCES = 2 ** 31;

/**
 * Judges a batch: null when it may be appended, or the batch of which it is a duplicate.
 * @throws Refusal out_of_order_sequence_number, invalid_producer_epoch or invalid_txn_state.
 */
export function judgeBatch(
  state: ProducerState | null,
  batch: DataBatch,
  { verification, guard, missed }: Arrival,
): ProducerBatch | null {
  const { producerEpoch: epoch, baseSequence } = batch;
  const duplicate = state && findDuplicate(state, batch);
  if (duplicate) return duplicate;
  if (state && epoch < state.epoch) throw staleEpoch(epoch, state.epoch);
  if (batch.transactional && !isOngoing(state, epoch) && verification?.guard !== guard) {
    throw new Refusal("invalid_txn_state", "The batch is not part of an ongoing transaction.");
  }
  if (baseSequence !== NO_SEQUENCE) checkSequence(state, batch, verification);
  if (!state && missed?.epoch === epoch && baseSequence > missed.sequence) {
    throw outOfOrder(baseSequence, NO_SEQUENCE);
  }
  if (state && state.transactionStart >= 0 && !batch.transactional) {
    throw new Refusal(
      "invalid_txn_state",
      "The producer has an open transaction here: a batch outside of it is not taken.",
    );
  }
  return null;
}

/** Whether a batch of this epoch goes on with a transaction that is open here. */
export function isOngoing(state: ProducerState | null, epoch: number): boolean {
  return state !== null && state.transactionStart >= 0 && state.epoch === epoch;
}

function findDuplicate(state: ProducerState, batch: DataBatch): ProducerBatch | null {
  if (batch.producerEpoch !== state.epoch || batch.baseSequence === NO_SEQUENCE) return null;
  const lastSequence = lastSequenceOf(batch);
  for (const known of state.batches) {
    if (known.lastSequence === lastSequence && known.count === batch.lastOffsetDelta + 1) {
      return known;
    }
  }
  return null;
}

function checkSequence(
  state: ProducerState | null,
  { producerEpoch: epoch, baseSequence: sequence }: DataBatch,
  verification: Verification | null,
): void {
  const last = state?.batches.at(-1)?.lastSequence ?? NO_SEQUENCE;
  if (verification) {
    const begins = verification.joins && last === NO_SEQUENCE;
    const most = begins ? 0 : verification.lowestSequence;
    if (sequence > most) throw outOfOrder(sequence, last);
  }
  if (!state) return;
  const next = epoch === state.epoch ? (last + 1) % SEQUENCES : 0;
  if (sequence !== next) throw outOfOrder(sequence, epoch === state.epoch ? last : NO_SEQUENCE);
}

/** The state after a batch that was judged and appended. */
export function afterBatch(
  state: ProducerState | null,
  batch: DataBatch,
  baseOffset: number,
  timestampMs: number,
): ProducerState {
  const { producerEpoch: epoch, lastOffsetDelta, transactional } = batch;
  let batches = state?.epoch === epoch ? state.batches : [];
  if (batch.baseSequence !== NO_SEQUENCE) {
    const lastSequence = lastSequenceOf(batch);
    const added = { lastSequence, count: lastOffsetDelta + 1, baseOffset, timestampMs };
    batches =
      batches.length < BATCHES_REMEMBERED ? [...batches, added] : [...batches.slice(1), added];
  }
  const open = state?.transactionStart ?? -1;
  return {
    epoch,
    coordinatorEpoch: state?.coordinatorEpoch ?? -1,
    lastTimestamp: timestampMs,
    transactionStart: open < 0 && transactional ? baseOffset : open,
    batches,
  };
}

/**
 * Refuses a marker of an older producer epoch or of an older coordinator. Of version 2 on its epoch must be newer than what
 * the partition knows, unless it is the same marker again: then nothing is open, or the epoch has no successor.
 * @throws Refusal invalid_producer_epoch or transaction_coordinator_fenced.
 */
export function checkMarker(state: ProducerState | null, marker: Marker): void {
  if (!state) return;
  const { producerEpoch: epoch, coordinatorEpoch, transactionVersion } = marker;
  if (epoch < state.epoch) throw staleEpoch(epoch, state.epoch);
  const again = state.transactionStart < 0 || epoch === EPOCH_MAX;
  if (transactionVersion >= 2 && epoch === state.epoch && !again) {
    throw staleEpoch(epoch, state.epoch);
  }
  if (coordinatorEpoch < state.coordinatorEpoch) {
    throw new Refusal(
      "transaction_coordinator_fenced",
      `The coordinator's epoch ${coordinatorEpoch} was followed by ${state.coordinatorEpoch}.`,
      { epoch: state.coordinatorEpoch },
    );
  }
}

/** The state after a marker: no transaction is open. */
export function afterMarker(
  state: ProducerState | null,
  { producerEpoch: epoch, coordinatorEpoch }: Pick<Marker, "producerEpoch" | "coordinatorEpoch">,
  timestampMs: number,
): ProducerState {
  const batches = state?.epoch === epoch ? state.batches : [];
  return { epoch, coordinatorEpoch, lastTimestamp: timestampMs, transactionStart: -1, batches };
}

/** The sequence of the batch's last record. */
function lastSequenceOf({ baseSequence, lastOffsetDelta }: DataBatch): number {
  return (baseSequence + lastOffsetDelta) % SEQUENCES;
}

/** The sequence of the last batch's last record, -1 before any: what tools show. */
export function lastSequence({ batches }: ProducerState): number {
  return batches.at(-1)?.lastSequence ?? NO_SEQUENCE;
}

function outOfOrder(sequence: number, last: number): Refusal {
  return new Refusal(
    "out_of_order_sequence_number",
    `The batch begins at sequence ${sequence}; the producer's last one here was ${last}.`,
    { sequence, last },
  );
}

function staleEpoch(epoch: number, current: number): Refusal {
  return new Refusal(
    "invalid_producer_epoch",
    `Epoch ${epoch} of this producer was followed by epoch ${current}.`,
    { epoch: current },
  );
}
