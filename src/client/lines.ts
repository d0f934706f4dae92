/**
 * NDJSON: one JSON value a line, read from a `fetch` body as it comes.
 */

import { badAnswer } from "./errors.ts";

/** Characters of one line; a node that sends more is not kedge. */
const LINE_CHARS_MAX = 64 * 1024 * 1024;

/** The lines of a body that are not blank, each without its end; the last may lack one. */
export async function* readLines(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<string, void, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      // What waits for its end is not looked through again.
      const [more = "", ...others] = decoder.decode(read.value, { stream: true }).split("\n");
      const lines = [rest + more, ...others];
      rest = lines.pop() ?? "";
      if (rest.length > LINE_CHARS_MAX)
        throw badAnswer("A line is larger than this client takes.", 200);
      for (const line of lines) if (line.trim() !== "") yield line;
    }
    rest += decoder.decode();
    if (rest.trim() !== "") yield rest;
  } finally {
    await reader.cancel().catch(() => {});
  }
}
