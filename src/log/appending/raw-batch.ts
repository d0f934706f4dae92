/**
 * A batch as a client sent it, on its way into the log: checked, opened where that is needed, put under the topic's codec.
 *
 * - Its base offset must be 0, as Kafka asks of its producers: where it comes to lie is the broker's to say.
 * - All but the records is checked when it arrives, and most batches' records as well. Those that hold too much for that are
 *   opened when their turn comes (`prepare`), beside the event loop.
 */
import { assert } from "../../lib/assert.ts";
import { Refusal } from "../../lib/refusal.ts";
import { type BatchContents, checkEnvelope, corrected } from "../../records/batch-check.ts";
import { recode } from "../../records/batch-recode.ts";
import { type BatchHeader, field, readBatchHeader } from "../../records/batch.ts";
import { DECOMPRESSED_BYTES_MAX, type Opening } from "../opening.ts";
import type { TopicConfig } from "../configs/topic-config.ts";

export class RawBatch {
  readonly #opening: Opening;
  #bytes: Uint8Array;
  #header: BatchHeader;
  #contents: BatchContents | null;

  /** @throws Refusal when the batch is wrong by itself, as far as that can be told at once. */
  constructor(
    bytes: Uint8Array,
    { messageBytesMax, timestampType }: TopicConfig,
    opening: Opening,
  ) {
    this.#opening = opening;
    this.#bytes = bytes;
    checkBaseOffset(bytes);
    const header = checkEnvelope(bytes, messageBytesMax, timestampType);
    this.#contents = opening.now(bytes, header);
    this.#header = this.#contents ? corrected(bytes, header, this.#contents) : header;
  }

  /** What goes into the log. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get header(): BatchHeader {
    return this.#header;
  }

  get contents(): BatchContents {
    assert(this.#contents, "a batch is prepared before it is looked into");
    return this.#contents;
  }

  isPrepared({ compressionType }: TopicConfig): boolean {
    const packed = compressionType === "producer" || compressionType === this.#header.codec;
    return packed && this.#contents !== null;
  }

  /** Opens it, and puts it under the codec that the topic asks for. @throws Refusal when its records are wrong. */
  async prepare({ compressionType }: TopicConfig): Promise<void> {
    const opening = this.#opening;
    if (!this.#contents) {
      this.#contents = await opening.later(this.#bytes, this.#header);
      this.#header = corrected(this.#bytes, this.#header, this.#contents);
    }
    const { codec } = this.#header;
    if (compressionType === "producer" || compressionType === codec) return;
    this.#bytes = await opening.beside((pause) =>
      recode(this.#bytes, this.#header, compressionType, {
        decompressedBytesMax: DECOMPRESSED_BYTES_MAX,
        pause,
      }),
    );
    // Who looks into it again, to name the records that are refused or on a second try, must read it as it is now.
    this.#header = readBatchHeader(this.#bytes);
  }
}

function checkBaseOffset(bytes: Uint8Array): void {
  for (let at = field.baseOffset; at < field.batchLength; at++)
    if (bytes[at]) throw new Refusal("invalid_record", "The base offset of a new batch must be 0.");
}
