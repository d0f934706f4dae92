/**
 * The checksum of a metadata entry or snapshot: CRC-32C of its index and epoch, each as an int64, and of its text's UTF-8.
 */
import { crc32cByTables } from "../../records/crc32c.ts";

const head = new DataView(new ArrayBuffer(16));
const headBytes = new Uint8Array(head.buffer);

/** 0 to 2^32 - 1. */
export function metadataChecksum(index: number, epoch: number, text: Uint8Array): number {
  // The low half is taken modulo 2^32.
  head.setUint32(0, index / 2 ** 32);
  head.setUint32(4, index);
  head.setUint32(8, epoch / 2 ** 32);
  head.setUint32(12, epoch);
  // By tables however long it is: a start must not wait for the native module to be loaded.
  return crc32cByTables(text, crc32cByTables(headBytes, 0));
}
