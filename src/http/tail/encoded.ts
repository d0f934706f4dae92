/**
 * Batches as the JSON texts of their records, made once for all tails that follow the same partition in the same form.
 *
 * - Kept for a short while and within a bound: a live batch is read by all tails in the same moment, a reader that
 *   catches up alone gains nothing. With one tail open nothing is kept.
 */
import { LRUCache } from "lru-cache";
import { recordsIn } from "../../records/batch-read.ts";
import type { LogRecord } from "../../records/record.ts";
import type { BatchOpener, StoredBatch } from "../reading/batch-opener.ts";
import { textCost } from "../reading/page.ts";
import { placeText, recordText, type RecordForm } from "../reading/record-out.ts";

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

/** One batch may take this part of what is kept. */
const ENTRY_PART = 8;
/** An entry's own cost beside its texts. */
const RECORD_OVERHEAD = 64;

export class EncodedBatches {
  readonly #opener: BatchOpener;
  readonly #kept: LRUCache<string, readonly EncodedRecord[]>;
  /** Large batches that are being made. */
  readonly #making = new Map<string, Promise<readonly EncodedRecord[]>>();

  constructor(opener: BatchOpener, sharedLengthMax: number) {
    this.#opener = opener;
    this.#kept = new LRUCache({
      maxSize: sharedLengthMax,
      maxEntrySize: Math.floor(sharedLengthMax / ENTRY_PART),
      sizeCalculation: (records) =>
        records.reduce(
          (sum, { json, key }) => sum + json.length + (key?.length ?? 0) + RECORD_OVERHEAD,
          1,
        ),
    });
  }

  /**
   * The batch's records, in order; a promise where they are many. Throws log_damaged, and message_too_large past the
   * bound.
   */
  records(
    place: BatchPlace,
    batch: StoredBatch,
    form: RecordForm,
    share: boolean,
  ): readonly EncodedRecord[] | Promise<readonly EncodedRecord[]> {
    if (!share) return this.#encode(place, batch, form);
    const { header } = batch;
    const name = `${place.topicId}/${place.partition}/${header.baseOffset}/${header.leaderEpoch}/${form}`;
    const known = this.#kept.get(name) ?? this.#making.get(name);
    if (known) return known;
    const records = this.#encode(place, batch, form);
    if (!(records instanceof Promise)) {
      this.#kept.set(name, records);
      return records;
    }
    const made = records.then((all) => {
      this.#kept.set(name, all);
      return all;
    });
    this.#making.set(name, made);
    return made.finally(() => this.#making.delete(name));
  }

  #encode(
    { topic, partition }: BatchPlace,
    batch: StoredBatch,
    form: RecordForm,
  ): EncodedRecord[] | Promise<EncodedRecord[]> {
    const place = placeText(topic, partition);
    const records: EncodedRecord[] = [];
    const take = (record: LogRecord): number => {
      const json = recordText(place, record, batch.header.timestampType, form);
      // The key is a view on the batch, which storage may take back: a filter needs it later.
      records.push({ offset: record.offset, key: record.key?.slice() ?? null, json });
      return textCost(json);
    };
    const placed = { topic, partition, ...batch };
    const plain = this.#opener.now(placed);
    if (!plain) return this.#opener.each(placed, take, this.#opener.pause()).then(() => records);
    for (const record of recordsIn(plain, batch.header)) take(record);
    return records;
  }
}
