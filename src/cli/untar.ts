/**
 * Reads the tar archive of a backup into a folder, with the checksum of each file.
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "./exit.ts";

const BLOCK = 512;

export interface ExtractedFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Files as written. Throws Failure for an archive that was cut off or is none. */
export async function untar(
  archive: ReadableStream<Uint8Array>,
  folder: string,
  onBytes: (count: number) => void,
): Promise<ExtractedFile[]> {
  const source = new BlockSource(archive);
  const files: ExtractedFile[] = [];
  try {
    for (;;) {
      const header = await source.take(BLOCK);
      if (header.every((byte) => byte === 0)) return files;
      files.push(await extract(header, source, folder, onBytes));
    }
  } finally {
    await source.cancel();
  }
}

async function extract(
  header: Uint8Array,
  source: BlockSource,
  folder: string,
  onBytes: (count: number) => void,
): Promise<ExtractedFile> {
  const text = (at: number, length: number) =>
    new TextDecoder().decode(header.subarray(at, at + length)).replace(/\0.*$/, "");
  const name = text(0, 100);
  // A name is a plain one: an archive from somewhere must not write elsewhere.
  if (text(257, 5) !== "ustar" || !/^[a-z][a-z.-]*$/.test(name))
    throw new Failure("This is not the archive of a kedge backup.");
  const view = new DataView(header.buffer, header.byteOffset, BLOCK);
  const bytes =
    header[124] === 0x80 ? Number(view.getBigUint64(128)) : Number.parseInt(text(124, 12), 8);
  const hash = createHash("sha256");
  const file = await open(join(folder, name), "wx", 0o600);
  try {
    for (let left = bytes; left > 0;) {
      const piece = await source.some(left);
      hash.update(piece);
      await file.writeFile(piece);
      left -= piece.length;
      onBytes(piece.length);
    }
  } finally {
    await file.close();
  }
  if (bytes % BLOCK > 0) await source.take(BLOCK - (bytes % BLOCK));
  return { name, bytes, sha256: hash.digest("hex") };
}

/** A stream read by exact or by available amounts. */
class BlockSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** At least one byte, at most so many. */
  async some(bytesMax: number): Promise<Uint8Array> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Failure("The archive was cut off: the backup is not whole.");
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, bytesMax);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  async take(bytes: number): Promise<Uint8Array> {
    const taken = new Uint8Array(bytes);
    for (let at = 0; at < bytes;) {
      const piece = await this.some(bytes - at);
      taken.set(piece, at);
      at += piece.length;
    }
    return taken;
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}
