/**
 * A compressed upload, decoded as it comes: node:zlib's streams, which both runtimes have for gzip and zstd alike.
 */
import { nodeStream, nodeZlib } from "../../lib/builtins.ts";

/** The decoded bytes; errors of the source and of the decoder surface in the reader. */
export function decodedStream(
  source: ReadableStream<Uint8Array>,
  encoding: "gzip" | "zstd",
): ReadableStream<Uint8Array> {
  const [zlib, { pipeline, Readable }] = [nodeZlib(), nodeStream()];
  const decoder = encoding === "gzip" ? zlib.createGunzip() : zlib.createZstdDecompress();
  const input = Readable.from(chunks(source));
  pipeline(input, decoder, () => {}); // Its errors destroy the decoder, whose reader is told.
  const output = decoder[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const part: IteratorResult<Uint8Array> = await output.next();
      if (part.done) controller.close();
      else controller.enqueue(part.value);
    },
    async cancel() {
      input.destroy();
      decoder.destroy();
      await source.cancel().catch(() => {});
    },
  });
}

async function* chunks(source: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  const reader = source.getReader();
  for (;;) {
    const part = await reader.read();
    if (part.done) return;
    yield part.value;
  }
}
