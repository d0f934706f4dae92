/**
 * Puts the changes of one turn into one message for the writer.
 *
 * - Small appends are copied into one buffer, those of a partition side by side, so that the writer joins them into a row
 *   without another copy. Large ones that own their buffer are transferred and come back with the answer.
 */
import { type Append, type Change, type PartitionId, TRANSFER_BYTES_MIN } from "./storage.ts";

export interface Packed {
  readonly changes: readonly Change[];
  readonly transfer: readonly ArrayBuffer[];
  /** For each large append in order: the caller's own, whose buffer was taken; null where a copy went. */
  readonly lent: readonly (Append | null)[];
}

export function pack(changes: readonly Change[]): Packed {
  const small = new SmallBuffer(changes);
  const lent: (Append | null)[] = [];
  const transfer: ArrayBuffer[] = small.transfer;
  const packed = changes.map((change) => ({
    ...change,
    entries: change.entries.map((entry) => {
      if (entry.type !== "append") return entry;
      if (entry.data.byteLength < TRANSFER_BYTES_MIN)
        return { ...entry, data: small.put(change.partition, entry.data) };
      const owned = ownBuffer(entry.data);
      const data = owned ? entry.data : entry.data.slice();
      if (data.buffer instanceof ArrayBuffer) transfer.push(data.buffer);
      lent.push(owned ? entry : null);
      return { ...entry, data };
    }),
  }));
  return { changes: packed, transfer, lent };
}

/** Gives large buffers back to the appends that lent them. */
export function giveBack({ lent }: Packed, returned: readonly Uint8Array[]): void {
  for (const [at, data] of returned.entries()) {
    const append = lent[at];
    if (append) append.data = data;
  }
}

function ownBuffer({ buffer, byteLength }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
}

/** One buffer for all small appends of a turn, laid out by partition. */
class SmallBuffer {
  readonly transfer: ArrayBuffer[] = [];
  readonly #buffer: ArrayBuffer;
  readonly #next = new Map<PartitionId, number>();

  constructor(changes: readonly Change[]) {
    const sizes = new Map<PartitionId, number>();
    for (const { partition, entries } of changes)
      for (const entry of entries)
        if (entry.type === "append" && entry.data.byteLength < TRANSFER_BYTES_MIN)
          sizes.set(partition, (sizes.get(partition) ?? 0) + entry.data.byteLength);
    let at = 0;
    for (const [partition, size] of sizes) {
      this.#next.set(partition, at);
      at += size;
    }
    this.#buffer = new ArrayBuffer(at);
    if (at > 0) this.transfer.push(this.#buffer);
  }

  put(partition: PartitionId, data: Uint8Array): Uint8Array {
    const at = this.#next.get(partition) ?? 0;
    this.#next.set(partition, at + data.byteLength);
    const view = new Uint8Array(this.#buffer, at, data.byteLength);
    view.set(data);
    return view;
  }
}
