/**
 * The same batch under another codec: the records' bytes and all of the header but its size, codec and CRC stay.
 */
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_FROM,
  type BatchHeader,
  attribute,
  field,
  stampCrc,
  writeInt,
  writeShort,
} from "./batch.ts";
import { openRecords, type VisitOptions } from "./batch-visit.ts";
import { type Codec, codecNames, compressBeside } from "./compression.ts";

/** `bytes` are one batch, which stays as it is. Throws as `openRecords`. */
export async function recode(
  bytes: Uint8Array,
  header: BatchHeader,
  codec: Codec,
  options: VisitOptions,
): Promise<Uint8Array> {
  const plain = await openRecords(bytes, 0, header, options);
  const packed = await compressBeside(codec, plain, options.pause);
  const batch = new Uint8Array(BATCH_HEADER_BYTES + packed.length);
  batch.set(bytes.subarray(0, BATCH_HEADER_BYTES));
  batch.set(packed, BATCH_HEADER_BYTES);
  const attributes =
    (header.attributes & ~(attribute.codecMask | attribute.deleteHorizon)) |
    codecNames.indexOf(codec);
  writeShort(batch, field.attributes, attributes);
  writeInt(batch, field.batchLength, batch.length - BATCH_LENGTH_FROM);
  stampCrc(batch, 0, batch.length);
  return batch;
}
