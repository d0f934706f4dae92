/**
 * One append on its way through a partition: what was asked, what arrival found out about it, and who waits for it.
 */
import { nodeCrypto } from "../../lib/builtins.ts";
import { Refusal } from "../../lib/refusal.ts";
import { recordBytesMax } from "../../records/batch-encode.ts";
import type { NewRecord } from "../../records/record.ts";
import type { TopicConfig } from "../configs/topic-config.ts";
import type { Opening } from "../opening.ts";
import type { DataBatch, Marker } from "../producers/producers.ts";
import { RawBatch } from "./raw-batch.ts";
import { type Idempotence, type Receipt, receiptName } from "../receipts/receipts.ts";
import type { Together } from "./together.ts";

/** `-1` is `all`: answered at the high watermark. `1`: once written. `0`: nobody waits. */
export type Acks = -1 | 0 | 1;

export interface AppendInput {
  readonly acks: Acks;
  /** One raw v2 batch, which is stamped in place, records to be put into one, or the end of a transaction. */
  readonly payload:
    | {
        readonly type: "batch";
        readonly bytes: Uint8Array;
        /** The bytes are all that anybody needs of their buffer. */
        readonly ownsBuffer?: boolean;
      }
    | {
        readonly type: "records";
        readonly records: readonly NewRecord[];
        /** Part of this producer's transaction; without sequences. */
        readonly transaction?: TransactionOwner;
      }
    | { readonly type: "marker"; readonly marker: Marker };
  /** The coordinator's word for the first batch of a transaction (`verification.ts`). */
  readonly guard?: object | null;
  readonly expectOffset?: number;
  readonly idempotence?: Idempotence;
  readonly together?: Together;
}

/** Who writes a transaction. */
export interface TransactionOwner {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

export interface AppendResult {
  /** -1 for acks=0. */
  readonly baseOffset: number;
  readonly count: number;
  readonly timestampMs: number | null;
  readonly logStart: number;
  readonly duplicate: boolean;
}

/** Idempotency keys and producer ids, in UTF-16 units. */
const NAME_LENGTH_MAX = 256;
/** A control batch of one record. */
const MARKER_BYTES = 96;
/** What a request costs in the queue beside its payload. */
const REQUEST_BYTES = 256;

/** What `expectOffset` is refused with. */
export function offsetMismatch(expected: number, actual: number): Refusal {
  return new Refusal("offset_mismatch", `The log's next offset is ${actual}, not ${expected}.`, {
    expected,
    actual,
  });
}

export class AppendRequest {
  readonly input: AppendInput;
  /** The raw batch; null for records. */
  readonly raw: RawBatch | null;
  /** What the rules of producers ask of it; null without a producer. */
  readonly produced: DataBatch | null;
  readonly count: number;
  /** The exact size of raw bytes; for records an upper bound of what they add to a batch. */
  readonly bytes: number;
  readonly digest: Uint8Array | null;
  /** The name of its receipt in the partition, null when it is not idempotent. */
  readonly receiptName: string | null;
  readonly answered: Promise<AppendResult>;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (reason: unknown) => void;
  /** What storage knew of its key when it arrived; undefined until then, and where nobody needed to ask. */
  stored: Receipt | null | undefined;
  /** The partition's count of receipts when that was learnt. */
  storedAt = -1;

  /** @throws Refusal when the request is malformed by itself, whatever the log holds. */
  constructor(input: AppendInput, config: TopicConfig, opening: Opening) {
    const { payload } = input;
    checkNumbers(input);
    // Of the bytes as they came.
    this.digest = input.idempotence?.type === "key" ? digestOf(input) : null;
    if (payload.type === "batch") {
      this.raw = new RawBatch(payload.bytes, config, opening);
      const { header } = this.raw;
      this.produced = header.producerId < 0n ? null : header;
      this.count = header.count;
      this.bytes = payload.bytes.byteLength;
    } else if (payload.type === "marker") {
      this.raw = null;
      this.produced = null;
      this.count = 1;
      this.bytes = MARKER_BYTES;
    } else {
      if (payload.records.length === 0) {
        throw new Refusal("invalid_request", "A request needs at least one record.");
      }
      this.raw = null;
      this.count = payload.records.length;
      this.produced = payload.transaction
        ? ownBatch(payload.transaction, payload.records.length)
        : null;
      let bytes = 0;
      for (const record of payload.records) bytes += recordBytesMax(record);
      this.bytes = bytes;
    }
    this.input = input;
    this.receiptName = input.idempotence ? receiptName(input.idempotence) : null;
    const { promise, resolve, reject } = Promise.withResolvers<AppendResult>();
    this.answered = promise;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** What it counts for in the queue's bounds. */
  get queuedBytes(): number {
    return this.bytes + REQUEST_BYTES;
  }

  /** What acks=0 is answered with, before anything is written. */
  unwritten(logStart: number): AppendResult {
    return { baseOffset: -1, timestampMs: null, duplicate: false, count: this.count, logStart };
  }
}

/** A transaction's records without a sequence: whoever made them knows whether they were appended. */
export function ownBatch(owner: TransactionOwner, count: number): DataBatch {
  return { ...owner, baseSequence: -1, lastOffsetDelta: count - 1, transactional: true };
}

function checkNumbers({ idempotence, expectOffset }: AppendInput): void {
  const refuse = (detail: string): never => {
    throw new Refusal("invalid_request", detail);
  };
  if (expectOffset !== undefined && !isCount(expectOffset)) {
    refuse("The expected offset must be a whole number of at least 0.");
  }
  if (!idempotence) return;
  const name = idempotence.type === "key" ? idempotence.key : idempotence.producerId;
  if (name.length === 0 || name.length > NAME_LENGTH_MAX) {
    refuse(`An idempotency key or producer id has 1 to ${NAME_LENGTH_MAX} characters.`);
  }
  if (idempotence.type === "key") return;
  if (!isCount(idempotence.epoch) || !isCount(idempotence.sequence)) {
    refuse("A producer's epoch and sequence must be whole numbers of at least 0.");
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Where a batch's fields that the broker stamps end (base offset, length, leader epoch, magic). */
const STAMPED_BYTES = 17;

/** Tells bodies apart: equal for the same records, whatever the broker stamps on them. */
function digestOf({ payload }: AppendInput): Uint8Array {
  const hash = nodeCrypto().createHash("sha256");
  if (payload.type === "batch") return hash.update(payload.bytes.subarray(STAMPED_BYTES)).digest();
  const records = payload.type === "records" ? payload.records : [];
  for (const { key, value, headers, timestampMs } of records) {
    const names = headers.map(({ name, value }) => [name, value?.byteLength ?? null]);
    const shape = [key?.byteLength ?? null, value?.byteLength ?? null, timestampMs, names];
    hash.update(JSON.stringify(shape));
    if (key) hash.update(key);
    if (value) hash.update(value);
    for (const header of headers) if (header.value) hash.update(header.value);
  }
  return hash.digest();
}
