/**
 * One turn of a partition: the requests that gathered while the last commit was under way, judged in arrival order and built
 * into the rows and receipts of the next commit.
 *
 * - Receipts, `expect`, sizes, keys and timestamps are checked per request, before any batch is built; a refused request is
 *   left out and costs its neighbours nothing.
 * - Records of neighbouring requests share one batch, until it is full; a raw batch stays its own, since its CRC must hold.
 * - A producer's batch is held against what is known of the producer, with what this very turn adds to it.
 * - Pure but for stamping raw batches in place: what is built changes nothing until the commit has settled.
 */
import { assert, present } from "../../lib/assert.ts";
import { Refusal } from "../../lib/refusal.ts";
import { encodeBatch, recordBytesMax } from "../../records/batch-encode.ts";
import { BATCH_HEADER_BYTES, stampAppendTime, stampBatch } from "../../records/batch.ts";
import type { Codec } from "../../records/compression.ts";
import { encodeMarker } from "../../records/control.ts";
import type { NewRecord } from "../../records/record.ts";
import type { Append } from "../../storage/storage.ts";
import {
  type AppendInput,
  type AppendRequest,
  offsetMismatch,
  type TransactionOwner,
} from "./append-request.ts";
import type { Marker } from "../producers/producers.ts";
import type { RawBatch } from "./raw-batch.ts";
import {
  judge,
  nextReceipt,
  type ProducerReceipt,
  producerReceiptName,
  type Receipt,
  type Settled,
} from "../receipts/receipts.ts";
import { checkBatchRecords, checkRecord } from "./record-rules.ts";
import { RowBuilder, type StampedBatch } from "./row-builder.ts";
import type { TopicConfig } from "../configs/topic-config.ts";
import { type KnownProducers, TurnProducers } from "../producers/turn-producers.ts";

/** The partition as the turn finds it. */
export interface TurnStart {
  readonly epoch: number;
  readonly end: number;
  readonly config: TopicConfig;
  readonly nowMs: number;
}

/** What a turn asks of the partition's memory of idempotent requests. */
export interface TurnReceipts {
  /** The request's receipt as last settled, from memory or as storage had it when the request arrived. */
  receipt(request: AppendRequest): Receipt | null;
  /** Puts a request aside that came before its predecessor; throws a Refusal when there is no room. */
  park(request: AppendRequest): void;
  /** Takes back the requests that wait for this very place in the sequence. */
  unpark(producerId: string, epoch: number, sequence: number): readonly AppendRequest[];
}

export type Outcome =
  | { readonly type: "appended"; readonly request: AppendRequest; readonly settled: Settled }
  | { readonly type: "duplicate"; readonly request: AppendRequest; readonly settled: Settled }
  | { readonly type: "refused"; readonly request: AppendRequest; readonly refusal: Refusal };

export interface TurnReceipt {
  readonly receipt: Receipt;
  /** The last offset that it vouches for. */
  readonly last: number;
}

export interface Turn {
  readonly start: TurnStart;
  readonly end: number;
  readonly appends: readonly Append[];
  /** Rows that are to be compressed before they are written: too large to do it here. */
  readonly unpacked: ReadonlyMap<Uint8Array, Codec>;
  readonly outcomes: readonly Outcome[];
  /** Receipts to be stored with the records, by name. */
  readonly receipts: ReadonlyMap<string, TurnReceipt>;
  /** What the records change of producers and transactions. */
  readonly producers: TurnProducers;
}

/** The most that a batch made of several requests' records holds. */
const SHARED_BATCH_BYTES_MAX = 1024 * 1024;
/** A batch up to this size, which is less than a row of its own, is compressed as it is built. */
const PACKED_AT_ONCE_BYTES_MAX = 64 * 1024;

export function buildTurn(
  requests: readonly AppendRequest[],
  start: TurnStart,
  receipts: TurnReceipts,
  producers: KnownProducers,
): Turn {
  const builder = new TurnBuilder(start, receipts, producers);
  for (const request of requests) builder.take(request);
  return builder.finish();
}

class TurnBuilder {
  readonly #start: TurnStart;
  readonly #known: TurnReceipts;
  readonly #outcomes: Outcome[] = [];
  readonly #receipts = new Map<string, TurnReceipt>();
  readonly #producers: TurnProducers;
  readonly #batches: BatchBuilder;

  constructor(start: TurnStart, known: TurnReceipts, producers: KnownProducers) {
    this.#start = start;
    this.#known = known;
    this.#producers = new TurnProducers(producers);
    this.#batches = new BatchBuilder(start);
  }

  take(request: AppendRequest): void {
    this.#takeOne(request);
    const { idempotence } = request.input;
    if (idempotence?.type !== "sequence") return;
    // Successors that came early follow at once, as long as each one's predecessor went in.
    const { producerId, epoch } = idempotence;
    for (let { sequence } = idempotence; this.#wentIn(producerId, epoch, sequence); sequence += 1) {
      const next = this.#known.unpark(producerId, epoch, sequence + 1);
      for (const early of next) this.#takeOne(early);
    }
  }

  finish(): Turn {
    return {
      start: this.#start,
      appends: this.#batches.finish(),
      unpacked: this.#batches.unpacked,
      end: this.#batches.end,
      outcomes: this.#outcomes,
      receipts: this.#receipts,
      producers: this.#producers,
    };
  }

  #wentIn(producerId: string, epoch: number, sequence: number): boolean {
    const receipt = this.#receipts.get(producerReceiptName(producerId))?.receipt;
    if (receipt?.type !== "producer") return false;
    return receipt.epoch === epoch && receipt.lastSequence === sequence;
  }

  #takeOne(request: AppendRequest): void {
    try {
      const verdict = this.#judge(request);
      if (verdict === "early") this.#known.park(request);
      else if (verdict === "new") this.#append(request);
      else this.#outcomes.push({ type: "duplicate", request, settled: verdict });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (request.produced) this.#producers.miss(request.produced);
      this.#outcomes.push({ type: "refused", request, refusal: error });
    }
  }

  #receiptOf(request: AppendRequest, name: string): Receipt | null {
    return this.#receipts.get(name)?.receipt ?? this.#known.receipt(request);
  }

  #judge(request: AppendRequest): "new" | "early" | Settled {
    const { digest, receiptName, input, produced } = request;
    if (receiptName !== null && input.idempotence) {
      const receipt = this.#receiptOf(request, receiptName);
      const verdict = judge(receipt, input.idempotence, digest);
      if (verdict !== "new") return verdict;
    }
    if (input.payload.type === "marker") this.#producers.check(input.payload.marker);
    if (!produced) return "new";
    const duplicate = this.#producers.judge(produced, input.guard ?? null);
    if (!duplicate) return "new";
    const { baseOffset, count, timestampMs } = duplicate;
    const append = this.#start.config.timestampType === "append";
    return { baseOffset, count, timestampMs: append ? timestampMs : null };
  }

  #append(request: AppendRequest): void {
    const { payload, expectOffset } = request.input;
    const baseOffset = this.#batches.end;
    if (expectOffset !== undefined && expectOffset !== baseOffset) {
      throw offsetMismatch(expectOffset, baseOffset);
    }
    const timestampMs = this.#add(request, payload);
    const settled = { baseOffset, count: this.#batches.end - baseOffset, timestampMs };
    if (request.receiptName !== null) this.#remember(request, request.receiptName, settled);
    this.#outcomes.push({ type: "appended", request, settled });
  }

  /** Takes the payload or throws; gives the timestamp that the broker chose, if it chose any. */
  #add({ raw, produced }: AppendRequest, payload: AppendInput["payload"]): number | null {
    const { end } = this.#batches;
    const { nowMs } = this.#start;
    switch (payload.type) {
      case "batch": {
        const batch = present(raw, "a raw batch was checked when it came");
        const ownsBuffer = payload.ownsBuffer === true && batch.bytes === payload.bytes;
        const chosen = this.#batches.addBatch(batch, ownsBuffer);
        if (produced) this.#producers.append(produced, end, chosen ?? batch.header.maxTimestamp);
        return chosen;
      }
      case "records": {
        const chosen = this.#batches.addRecords(payload.records, payload.transaction ?? null);
        if (produced) this.#producers.append(produced, end, nowMs);
        return chosen;
      }
      case "marker":
        this.#batches.addMarker(payload.marker);
        this.#producers.end(payload.marker, end, nowMs);
        return null;
      default:
        return payload satisfies never;
    }
  }

  #remember(request: AppendRequest, name: string, settled: Settled): void {
    const { idempotence } = request.input;
    const last = this.#batches.end - 1;
    if (idempotence?.type === "key") {
      const digest = present(request.digest, "a request with a key has a digest");
      this.#receipts.set(name, { receipt: { type: "key", digest, settled }, last });
    } else if (idempotence?.type === "sequence") {
      const before = producerReceipt(this.#receiptOf(request, name));
      const { epoch, sequence } = idempotence;
      this.#receipts.set(name, { receipt: nextReceipt(before, epoch, sequence, settled), last });
    }
  }
}

function producerReceipt(receipt: Receipt | null): ProducerReceipt | null {
  assert(receipt?.type !== "key", "a producer's receipt is one of a producer");
  return receipt;
}

/** Gives offsets and makes batches; knows nothing of requests. */
class BatchBuilder {
  readonly #start: TurnStart;
  readonly #rows: RowBuilder;
  /** The next offset to be given. */
  end: number;
  /** Records waiting to be made into one batch, which begins at `#runBase`; of one transaction, or of none. */
  #run: NewRecord[] = [];
  #runOwner: TransactionOwner | null = null;
  #runBase = 0;
  #runBytes = 0;
  readonly #runBytesMax: number;
  /** Batches, each a row of its own, that are to be put under a codec. */
  readonly unpacked = new Map<Uint8Array, Codec>();

  constructor(start: TurnStart) {
    this.#start = start;
    this.end = start.end;
    this.#rows = new RowBuilder(start.epoch);
    this.#runBytesMax = Math.min(SHARED_BATCH_BYTES_MAX, start.config.messageBytesMax);
  }

  /** Takes all of the records or none; gives the timestamp that the broker chose, if it chose any. */
  addRecords(records: readonly NewRecord[], owner: TransactionOwner | null): number | null {
    const { config, nowMs } = this.#start;
    for (const record of records) checkRecord(record, config, nowMs);
    if (owner || this.#runOwner) this.#flushRun();
    this.#runOwner = owner;
    const stamp = config.timestampType === "append";
    let chosen: number | null = null;
    for (const record of records) {
      if (!stamp && record.timestampMs !== null) {
        this.#addRecord(record);
        continue;
      }
      chosen = nowMs;
      this.#addRecord({ ...record, timestampMs: nowMs });
    }
    return chosen;
  }

  addBatch({ bytes: data, header, contents }: RawBatch, ownsBuffer: boolean): number | null {
    const { config, nowMs } = this.#start;
    checkBatchRecords(data, contents, config, nowMs);
    this.#flushRun();
    const append = config.timestampType === "append";
    stampBatch(data, 0, { baseOffset: this.end, leaderEpoch: this.#start.epoch });
    if (append) stampAppendTime(data, 0, nowMs);
    const age = append ? nowMs : aged(header.maxTimestamp, nowMs);
    this.#add({
      data,
      count: header.lastOffsetDelta + 1,
      maxTimestamp: age,
      produced: header.producerId >= 0n,
      ownsBuffer,
    });
    return append ? nowMs : null;
  }

  addMarker(marker: Marker): void {
    this.#flushRun();
    const { nowMs, epoch } = this.#start;
    const data = encodeMarker({ ...marker, timestampMs: nowMs });
    stampBatch(data, 0, { baseOffset: this.end, leaderEpoch: epoch });
    this.#add({ data, count: 1, maxTimestamp: nowMs, produced: true, ownsBuffer: true });
  }

  finish(): Append[] {
    this.#flushRun();
    return this.#rows.finish();
  }

  #addRecord(record: NewRecord): void {
    const bytes = recordBytesMax(record);
    if (this.#runBytes + bytes > this.#runBytesMax) this.#flushRun();
    if (this.#run.length === 0) {
      this.#runBase = this.end;
      this.#runBytes = BATCH_HEADER_BYTES;
    }
    this.#run.push(record);
    this.#runBytes += bytes;
    this.end += 1;
  }

  #flushRun(): void {
    const records = this.#run;
    if (records.length === 0) return;
    const { config, epoch } = this.#start;
    const wanted = config.compressionType;
    const owner = this.#runOwner;
    const codec = wanted === "producer" ? "none" : wanted;
    const large = codec !== "none" && this.#runBytes > PACKED_AT_ONCE_BYTES_MAX;
    const data = encodeBatch(records, {
      ...(owner ? { ...owner, transactional: true } : {}),
      codec: large ? "none" : codec,
      baseOffset: this.#runBase,
      leaderEpoch: epoch,
      timestampType: config.timestampType,
    });
    let maxTimestamp = -1;
    for (const { timestampMs } of records) {
      if (timestampMs !== null && timestampMs > maxTimestamp) maxTimestamp = timestampMs;
    }
    const last = this.#runBase + records.length - 1;
    const age = aged(maxTimestamp, this.#start.nowMs);
    this.#rows.add({
      base: this.#runBase,
      last,
      maxTimestamp: age,
      produced: owner !== null,
      data,
    });
    if (large) this.unpacked.set(data, codec);
    this.#run = [];
    this.#runBytes = 0;
  }

  #add({
    count,
    ...batch
  }: Omit<StampedBatch, "base" | "last"> & { readonly count: number }): void {
    this.#rows.add({ ...batch, base: this.end, last: this.end + count - 1 });
    this.end += count;
  }
}

/** Where no record has a timestamp, a row is as old as its append, or retention would delete it at once (Kafka: the file's time). */
function aged(maxTimestamp: number, nowMs: number): number {
  return maxTimestamp < 0 ? nowMs : maxTimestamp;
}
