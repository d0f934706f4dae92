/**
 * A compressed upload, decoded as it comes: node:zlib's streams, which both runtimes have for gzip and zstd alike.
 *
 * Of zstd that was cut they give what is whole without an error: it is told once all of that was read.
 */
import { nodeStream, nodeZlib } from "../../lib/builtins.ts";
import { ZstdFrames } from "../../records/zstd-frames.ts";
import { zstdWindow } from "./body.ts";

/** The decoded bytes; errors of the source and of the decoder surface in the reader. */
export function decodedStream(
  source: ReadableStream<Uint8Array>,
  encoding: "gzip" | "zstd",
): ReadableStream<Uint8Array> {
  const [zlib, { pipeline, Readable }] = [nodeZlib(), nodeStream()];
  const frames = encoding === "zstd" ? new ZstdFrames({ takesSkippable: true }) : null;
  const decoder = frames ? zlib.createZstdDecompress(zstdWindow()) : zlib.createGunzip();
  const input = Readable.from(chunks(source, frames));
  pipeline(input, decoder, () => {}); // Its errors destroy the decoder, whose reader is told.
  const output = decoder[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const part: IteratorResult<Uint8Array> = await output.next();
      if (!part.done) {
        controller.enqueue(part.value);
        return;
      }
      frames?.end();
      controller.close();
    },
    async cancel() {
      input.destroy();
      decoder.destroy();
      await source.cancel().catch(() => {});
    },
  });
}

async function* chunks(
  source: ReadableStream<Uint8Array>,
  frames: ZstdFrames | null,
): AsyncIterable<Uint8Array> {
  const reader = source.getReader();
  for (;;) {
    const part = await reader.read();
    if (part.done) return;
    frames?.push(part.value);
    yield part.value;
  }
}
