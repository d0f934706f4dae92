/**
 * Runs of log as the body of an answer.
 */
import { assert } from "../../lib/assert.ts";
import type { Runs } from "../answers/reply.ts";

/** The runs as one body, without a copy: a view where they lie side by side, else one after the other. */
export function joined(runs: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> | Runs {
  const own: Uint8Array<ArrayBuffer>[] = runs.filter(ownsBuffer);
  assert(own.length === runs.length, "no thread shares what is read");
  const [first] = own;
  return first && sideBySide(own)
    ? new Uint8Array(first.buffer, first.byteOffset, size)
    : { runs: own, length: size };
}

function ownsBuffer(run: Uint8Array): run is Uint8Array<ArrayBuffer> {
  return run.buffer instanceof ArrayBuffer;
}

function sideBySide(runs: readonly Uint8Array[]): boolean {
  return runs.every((run, at) => {
    const before = runs[at - 1];
    if (!before) return true;
    return run.buffer === before.buffer && run.byteOffset === before.byteOffset + before.length;
  });
}
