/**
 * Control records that end transactions (Kafka's EndTransactionMarker): a batch of one, which takes an offset.
 *
 * ```
 * key    version i16 = 0 | type i16: 0 abort, 1 commit
 * value  version i16 = 0 | coordinatorEpoch i32
 * ```
 *
 * - Keys and values of later versions may be longer; what follows is passed over.
 * - Left out: the control records of Raft, which are no part of a partition's log here.
 */
import { encodeBatch } from "./batch-encode.ts";
import { readRecords } from "./batch-read.ts";
import { viewOf } from "./batch.ts";

export interface EndMarker {
  readonly commit: boolean;
  readonly coordinatorEpoch: number;
}

interface MarkerBatch extends EndMarker {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly timestampMs: number;
}

const KEY_BYTES = 4;
const VALUE_BYTES = 6;
const COMMIT = 1;
/** A control batch is not compressed and tiny. */
const BYTES_MAX = 1024;

/** A batch of one control record, at offset 0. */
export function encodeMarker(marker: MarkerBatch): Uint8Array {
  const { producerId, producerEpoch, coordinatorEpoch, commit, timestampMs } = marker;
  const key = new Uint8Array(KEY_BYTES);
  if (commit) key[3] = COMMIT;
  const value = new Uint8Array(VALUE_BYTES);
  viewOf(value).setInt32(2, coordinatorEpoch);
  return encodeBatch([{ key, value, headers: [], timestampMs }], {
    producerId,
    producerEpoch,
    transactional: true,
    control: true,
  });
}

/** What the control batch at `at` says; null when it is empty (compacted) or of another type. */
export function readMarker(bytes: Uint8Array, at: number): EndMarker | null {
  const [record] = readRecords(bytes, at, { decompressedBytesMax: BYTES_MAX });
  const { key, value } = record ?? {};
  if (!key || !value || key.length < KEY_BYTES || value.length < VALUE_BYTES) return null;
  const type = viewOf(key).getInt16(2);
  if (type !== 0 && type !== COMMIT) return null;
  return { commit: type === COMMIT, coordinatorEpoch: viewOf(value).getInt32(2) };
}
