/**
 * A producer's state as storage keeps it. Its batches, big-endian, the oldest first: last sequence u32, count u32, base offset
 * and timestamp as doubles (exact to 2^53).
 */
import type { StoredProducer } from "../../storage/storage.ts";
import type { ProducerBatch, ProducerState } from "./producers.ts";

const BATCH_BYTES = 24;

export function storedProducer(id: bigint, state: ProducerState): StoredProducer {
  const { epoch, coordinatorEpoch, lastTimestamp, transactionStart } = state;
  const batches = new Uint8Array(state.batches.length * BATCH_BYTES);
  const view = new DataView(batches.buffer);
  let at = 0;
  for (const { lastSequence, count, baseOffset, timestampMs } of state.batches) {
    view.setUint32(at, lastSequence);
    view.setUint32(at + 4, count);
    view.setFloat64(at + 8, baseOffset);
    view.setFloat64(at + 16, timestampMs);
    at += BATCH_BYTES;
  }
  return { id, epoch, coordinatorEpoch, lastTimestamp, transactionStart, batches };
}

export function producerState(stored: StoredProducer): ProducerState {
  const { epoch, coordinatorEpoch, lastTimestamp, transactionStart, batches: bytes } = stored;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const batches: ProducerBatch[] = [];
  for (let at = 0; at < bytes.byteLength; at += BATCH_BYTES) {
    batches.push({
      lastSequence: view.getUint32(at),
      count: view.getUint32(at + 4),
      baseOffset: view.getFloat64(at + 8),
      timestampMs: view.getFloat64(at + 16),
    });
  }
  return { epoch, coordinatorEpoch, lastTimestamp, transactionStart, batches };
}
