/**
 * A tar archive (POSIX ustar) as a stream: enough for a few regular files of known size.
 */

const BLOCK = 512;
/** The largest size that eleven octal digits can say; past it the field is binary (GNU's base-256). */
const OCTAL_MAX = 8 ** 11 - 1;

export interface TarFile {
  readonly name: string;
  readonly bytes: number;
  read(): AsyncIterable<Uint8Array>;
}

/** The header and content of one file, padded to whole blocks. Throws when the file is not of the size it said. */
export async function* tarFile(file: TarFile, timeMs: number): AsyncGenerator<Uint8Array> {
  yield tarHeader(file.name, file.bytes, timeMs);
  let left = file.bytes;
  for await (const piece of file.read()) {
    left -= piece.length;
    yield piece;
  }
  if (left !== 0) throw new Error(`${file.name} is not of the size it was`);
  const rest = file.bytes % BLOCK;
  if (rest > 0) yield new Uint8Array(BLOCK - rest);
}

/** What ends an archive: two empty blocks. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * BLOCK);
}

function tarHeader(name: string, bytes: number, timeMs: number): Uint8Array {
  const header = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => header.set(new TextEncoder().encode(text), at);
  const octal = (at: number, digits: number, value: number) =>
    put(at, value.toString(8).padStart(digits, "0"));
  put(0, name);
  octal(100, 7, 0o600);
  octal(108, 7, 0);
  octal(116, 7, 0);
  if (bytes <= OCTAL_MAX) octal(124, 11, bytes);
  else {
    header[124] = 0x80;
    new DataView(header.buffer).setBigUint64(128, BigInt(bytes));
  }
  octal(136, 11, Math.floor(timeMs / 1_000));
  header[156] = "0".charCodeAt(0);
  put(257, "ustar");
  put(263, "00");
  // The checksum counts its own field as spaces.
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return header;
}
