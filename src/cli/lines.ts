/**
 * Input cut into lines, as bytes: a value need not be UTF-8.
 */
import { joined } from "../lib/bytes.ts";
import { Failure } from "./exit.ts";

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
  // Of a line whose end has not come; put together once, however many there are.
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  const whole = (last: Uint8Array): Uint8Array => {
    const line = pieces.length === 0 ? last : joined([...pieces, last]);
    pieces = [];
    bytes = 0;
    return line;
  };
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      signal.throwIfAborted();
      const { value } = read;
      let from = 0;
      for (let end = value.indexOf(LF); end !== -1; end = value.indexOf(LF, from)) {
        yield whole(value.subarray(from, end));
        from = end + 1;
      }
      if (from < value.length) pieces.push(value.subarray(from));
      bytes += value.length - from;
      if (bytes > LINE_BYTES_MAX)
        throw new Failure(
          "A line is longer than 64 MiB, and no record may be: are these lines of text?",
        );
    }
    signal.throwIfAborted();
    if (bytes > 0) yield whole(new Uint8Array(0));
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
