/**
 * Batches as the JSON texts of their records, made once for all tails that follow the same partition in the same form.
 *
 * - Kept for a short while and within a bound: a live batch is read by all tails in the same moment, a reader that
 *   catches up alone gains nothing. With one tail open nothing is kept.
 */
import { LRUCache } from "lru-cache";
import type { BatchHeader } from "../../records/batch.ts";
import { readRecords } from "../../records/batch-read.ts";
import { placeText, recordText, type RecordForm } from "../record-out.ts";

export interface EncodedRecord {
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly json: string;
}

export interface BatchPlace {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

interface EncodedLimits {
  readonly sharedLengthMax: number;
  readonly decompressedBytesMax: number;
}

/** One batch may take this part of what is kept. */
const ENTRY_PART = 8;
/** An entry's own cost beside its texts. */
const RECORD_OVERHEAD = 64;

export class EncodedBatches {
  readonly #limits: EncodedLimits;
  readonly #kept: LRUCache<string, readonly EncodedRecord[]>;

  constructor(limits: EncodedLimits) {
    this.#limits = limits;
    this.#kept = new LRUCache({
      maxSize: limits.sharedLengthMax,
      maxEntrySize: Math.floor(limits.sharedLengthMax / ENTRY_PART),
      sizeCalculation: (records) =>
        records.reduce(
          (sum, { json, key }) => sum + json.length + (key?.length ?? 0) + RECORD_OVERHEAD,
          1,
        ),
    });
  }

  /** The records of the batch at `at`, in order. Throws corrupt_message and message_too_large as `readRecords`. */
  records(
    place: BatchPlace,
    bytes: Uint8Array,
    at: number,
    header: BatchHeader,
    form: RecordForm,
    share: boolean,
  ): readonly EncodedRecord[] {
    if (!share) return this.#encode(place, bytes, at, header, form);
    const name = `${place.topicId}/${place.partition}/${header.baseOffset}/${header.leaderEpoch}/${form}`;
    const kept = this.#kept.get(name);
    if (kept) return kept;
    const records = this.#encode(place, bytes, at, header, form);
    this.#kept.set(name, records);
    return records;
  }

  #encode(
    { topic, partition }: BatchPlace,
    bytes: Uint8Array,
    at: number,
    header: BatchHeader,
    form: RecordForm,
  ): EncodedRecord[] {
    const place = placeText(topic, partition);
    const records: EncodedRecord[] = [];
    for (const record of readRecords(bytes, at, this.#limits)) {
      const json = recordText(place, record, header.timestampType, form);
      // The key is a view on the batch, which storage may take back: a filter needs it later.
      records.push({ offset: record.offset, key: record.key?.slice() ?? null, json });
    }
    return records;
  }
}
