/**
 * Input cut into lines, as bytes: a value need not be UTF-8.
 */
import { joined } from "../lib/bytes.ts";

/** One line may be this long. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;
const LF = 10;

/** Lines without their ends (LF); the last may lack one. */
export async function* byteLines(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = stream.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel, { once: true });
  let rest: Uint8Array = new Uint8Array(0);
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      signal.throwIfAborted();
      const bytes = rest.length === 0 ? read.value : joined([rest, read.value]);
      let from = 0;
      for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, from)) {
        yield bytes.subarray(from, end);
        from = end + 1;
      }
      rest = bytes.subarray(from);
      if (rest.length > LINE_BYTES_MAX) throw new RangeError("A line is longer than 64 MiB.");
    }
    signal.throwIfAborted();
    if (rest.length > 0) yield rest;
  } finally {
    signal.removeEventListener("abort", cancel);
    await reader.cancel().catch(() => {});
  }
}

export async function allBytes(
  stream: ReadableStream<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
