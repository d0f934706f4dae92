/**
 * How large the head of a request may be on Bun. Its own limit (16 KiB, at times twice that) answers a bare 431, so it is raised far
 * above ours, whose answer says what to do.
 *
 * - The limit is the process's own, and can be set from inside by `node:http` alone, whose loading takes 10 ms. So it is raised a
 *   moment after the first start serves; `bun --max-http-header-size=N` has it from the first connection on.
 * - Left out, since Bun shows no way: more than 198 header lines, which Bun answers with its bare 431 whatever their size.
 */
import { estimateShallowMemoryUsageOf } from "bun:jsc";
import process from "node:process";
import { nodeHttp } from "../lib/builtins.ts";

/** What Bun reads of a head; past it the answer is its own. */
const HEAD_READ_BYTES_MAX = 256 * 1024;
const FLAG = "--max-http-header-size";
/** Past the first requests of a start. */
const RAISE_AFTER_MS = 300;

let isRaised = process.execArgv.some((arg) => arg.startsWith(FLAG));

/** Lets Bun read large heads, on connections that open from then on; what a flag says stands. */
export function raiseHeadLimit(): void {
  if (isRaised) return;
  isRaised = true;
  const raise = (): void => {
    // A setter of Bun's, which node's types do not know.
    Object.assign(nodeHttp(), { maxHeaderSize: HEAD_READ_BYTES_MAX });
  };
  setTimeout(raise, RAISE_AFTER_MS).unref();
}

/** Bytes of the headers' names and values, and some 16 for each; going through them would take 10 times as long. */
export function headersBytes(headers: Headers): number {
  return estimateShallowMemoryUsageOf(headers);
}
