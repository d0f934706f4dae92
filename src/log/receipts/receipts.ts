/**
 * HTTP idempotence, the rules: what a request's receipt says about it, and how receipts are stored.
 *
 * - An `Idempotency-Key` has a receipt of its own; a producer has one a partition, with its last sequences inside.
 * - Sequences follow Kafka's rules for producers, counted per request: the next one is appended, an earlier one is a
 *   duplicate, a later one is early; an epoch older than the newest is fenced, and a new epoch or an unknown producer begins
 *   at 0 (KIP-890's rule, since a producer's first requests may overtake one another).
 * - Pure: no clock, no I/O. `cache.ts` keeps receipts in memory and reads them from storage.
 */
import { assert } from "../../lib/assert.ts";
import { Refusal } from "../../lib/refusal.ts";

/** What makes a request safe to repeat: a key of its own, or a place in a producer's sequence. */
export type Idempotence =
  | { readonly type: "key"; readonly key: string }
  | {
      readonly type: "sequence";
      readonly producerId: string;
      readonly epoch: number;
      readonly sequence: number;
    };

/** What an idempotent request was answered with; a duplicate gets it again. */
export interface Settled {
  readonly baseOffset: number;
  readonly count: number;
  readonly timestampMs: number | null;
}

/** The receipt of one idempotency key: the answer, and a digest of the body that it stands for. */
export interface KeyReceipt {
  readonly type: "key";
  readonly digest: Uint8Array;
  readonly settled: Settled;
}

/** The receipt of one producer in one partition. */
export interface ProducerReceipt {
  readonly type: "producer";
  readonly epoch: number;
  readonly lastSequence: number;
  /** Answers to the last sequences, the newest at the end; the last one is `lastSequence`. */
  readonly recent: readonly Settled[];
}

export type Receipt = KeyReceipt | ProducerReceipt;

/** How many of a producer's last requests can be answered again (Kafka keeps five batches). */
const RECENT_SEQUENCES = 16;
const DIGEST_BYTES = 16;

/**
 * Judges a request by its receipt, null being one that this partition does not know: new, early, or settled before.
 * @throws Refusal invalid_request, producer_fenced or out_of_order_sequence_number.
 */
export function judge(
  receipt: Receipt | null,
  idempotence: Idempotence,
  digest: Uint8Array | null,
): "new" | "early" | Settled {
  if (idempotence.type === "sequence") {
    assert(receipt?.type !== "key", "a producer's receipt is one of a producer");
    return judgeSequence(receipt, idempotence.epoch, idempotence.sequence);
  }
  if (!receipt) return "new";
  assert(receipt.type === "key" && digest, "a key's receipt is one of a key");
  if (receipt.digest.every((byte, index) => byte === digest[index])) return receipt.settled;
  throw new Refusal(
    "invalid_request",
    "This idempotency key was used for other records; take a new key for new records.",
  );
}

function judgeSequence(
  receipt: ProducerReceipt | null,
  epoch: number,
  sequence: number,
): "new" | "early" | Settled {
  if (!receipt || epoch > receipt.epoch) return sequence === 0 ? "new" : "early";
  if (epoch < receipt.epoch) {
    throw new Refusal(
      "producer_fenced",
      `Epoch ${epoch} of this producer was followed by epoch ${receipt.epoch}.`,
      { epoch: receipt.epoch },
    );
  }
  if (sequence === receipt.lastSequence + 1) return "new";
  if (sequence > receipt.lastSequence) return "early";
  const settled = receipt.recent.at(sequence - receipt.lastSequence - 1);
  if (settled) return settled;
  throw new Refusal(
    "out_of_order_sequence_number",
    `Sequence ${sequence} was appended before, too long ago to say where; the last one is ${receipt.lastSequence}.`,
    { last: receipt.lastSequence },
  );
}

/** The producer's receipt once `sequence` has been appended. */
export function nextReceipt(
  receipt: ProducerReceipt | null,
  epoch: number,
  sequence: number,
  settled: Settled,
): ProducerReceipt {
  const before = receipt?.epoch === epoch ? receipt.recent : [];
  const recent = [...before.slice(1 - RECENT_SEQUENCES), settled];
  return { type: "producer", epoch, lastSequence: sequence, recent };
}

/** The name of a receipt in its partition; kinds never meet, since their first character differs. */
export function receiptName(idempotence: Idempotence): string {
  return idempotence.type === "key"
    ? `k${idempotence.key}`
    : producerReceiptName(idempotence.producerId);
}

export function producerReceiptName(producerId: string): string {
  return `p${producerId}`;
}

const SETTLED_BYTES = 20;
const KEY_BYTES = 1 + DIGEST_BYTES + SETTLED_BYTES;
const PRODUCER_HEAD_BYTES = 1 + 8 + 8 + 2;
const KEY_FORMAT = 1;
const PRODUCER_FORMAT = 2;

/**
 * A receipt as bytes, big-endian. Key: format, digest, answer. Producer: format, epoch, last sequence, number of answers,
 * answers. An answer is base offset, count and timestamp (NaN for none); all but the count are doubles, exact to 2^53.
 */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  if (receipt.type === "key") {
    const bytes = new Uint8Array(KEY_BYTES);
    bytes[0] = KEY_FORMAT;
    bytes.set(receipt.digest.subarray(0, DIGEST_BYTES), 1);
    writeSettled(new DataView(bytes.buffer), 1 + DIGEST_BYTES, receipt.settled);
    return bytes;
  }
  const { epoch, lastSequence, recent } = receipt;
  const bytes = new Uint8Array(PRODUCER_HEAD_BYTES + recent.length * SETTLED_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = PRODUCER_FORMAT;
  view.setFloat64(1, epoch);
  view.setFloat64(9, lastSequence);
  view.setUint16(17, recent.length);
  for (const [index, settled] of recent.entries()) {
    writeSettled(view, PRODUCER_HEAD_BYTES + index * SETTLED_BYTES, settled);
  }
  return bytes;
}

export function decodeReceipt(bytes: Uint8Array): Receipt {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[0] === KEY_FORMAT) {
    assert(bytes.byteLength === KEY_BYTES, "a key's receipt has one size");
    const digest = bytes.slice(1, 1 + DIGEST_BYTES);
    return { type: "key", digest, settled: readSettled(view, 1 + DIGEST_BYTES) };
  }
  assert(bytes[0] === PRODUCER_FORMAT, "a stored receipt has a known format");
  const recent = Array.from({ length: view.getUint16(17) }, (_, index) =>
    readSettled(view, PRODUCER_HEAD_BYTES + index * SETTLED_BYTES),
  );
  const epoch = view.getFloat64(1);
  return { type: "producer", epoch, lastSequence: view.getFloat64(9), recent };
}

function writeSettled(view: DataView, at: number, settled: Settled): void {
  view.setFloat64(at, settled.baseOffset);
  view.setUint32(at + 8, settled.count);
  view.setFloat64(at + 12, settled.timestampMs ?? Number.NaN);
}

function readSettled(view: DataView, at: number): Settled {
  const timestampMs = view.getFloat64(at + 12);
  return {
    baseOffset: view.getFloat64(at),
    count: view.getUint32(at + 8),
    timestampMs: Number.isNaN(timestampMs) ? null : timestampMs,
  };
}
