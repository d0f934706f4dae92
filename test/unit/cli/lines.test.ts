/**
 * Input cut into lines: wherever its pieces end, and however long a line is.
 */
import { expect, test } from "bun:test";
import { byteLines } from "../../../src/cli/lines.ts";
import { Failure } from "../../../src/cli/exit.ts";

const { signal } = new AbortController();

function streamOf(pieces: Iterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.iterator]();
  return new ReadableStream({
    pull(controller) {
      const next = iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
  });
}

function* pieces(count: number, bytes: number): Generator<Uint8Array> {
  for (let made = 0; made < count; made += 1) yield new Uint8Array(bytes).fill(0x78);
}

test.each([1, 2, 3, 7, 100])("lines are the same in pieces of %d bytes", async (size) => {
  const text = "\none\n\n three \r\nfour: é\nlast";
  const bytes = new TextEncoder().encode(text);
  const cut = function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  };
  const lines = await Array.fromAsync(byteLines(streamOf(cut()), signal));
  expect(lines.map((line) => new TextDecoder().decode(line))).toEqual(text.split("\n"));
});

test("a line of many pieces is put together once", async () => {
  const [line, ...others] = await Array.fromAsync(
    byteLines(streamOf(pieces(8_000, 4_096)), signal),
  );
  expect([line?.length, others.length]).toEqual([8_000 * 4_096, 0]);
});

test("a line longer than any record may be is told", async () => {
  const lines = Array.fromAsync(byteLines(streamOf(pieces(65, 1 << 20)), signal));
  expect(await lines.catch((error: unknown) => error)).toBeInstanceOf(Failure);
});
