/**
 * Runs of log as the body of an answer.
 */
import { assert } from "../../lib/assert.ts";
import type { Runs } from "../answers/reply.ts";

/** The runs as one body, without a copy: a view where they lie side by side, else one after the other. */
export function joined(runs: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> | Runs {
  const sent: Uint8Array<ArrayBuffer>[] = runs.filter(isSent);
  assert(sent.length === runs.length, "what is read can be sent");
  const [first] = sent;
  return first && sideBySide(sent)
    ? new Uint8Array(first.buffer, first.byteOffset, size)
    : { runs: sent, length: size };
}

/** Threads share what is read only where the runtime sends it alike (`Platform.sendsShared`), though its types say no. */
function isSent(run: Uint8Array): run is Uint8Array<ArrayBuffer> {
  return run.buffer instanceof ArrayBuffer || run.buffer instanceof SharedArrayBuffer;
}

function sideBySide(runs: readonly Uint8Array[]): boolean {
  return runs.every((run, at) => {
    const before = runs[at - 1];
    if (!before) return true;
    return run.buffer === before.buffer && run.byteOffset === before.byteOffset + before.length;
  });
}
