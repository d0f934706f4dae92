/**
 * A storage Worker: opens what its first message says (the writer's file, or one beside it) and answers each request in
 * turn. After `close` it waits for the next to be opened: Workers are started once and never ended.
 */
import { failureOf } from "./failure.ts";
import { LogFile } from "./log-file.ts";
import type { Answer, Answers, Request } from "./messages.ts";
import { SideFile } from "./side-file.ts";
import { StorageFault } from "./storage.ts";

let writer: LogFile | null = null;
let side: SideFile | null = null;

self.addEventListener("message", ({ data }: MessageEvent<Request>) => {
  try {
    const { value, transfer = [] } = answer(data);
    self.postMessage({ value }, [...new Set(transfer)]);
  } catch (error) {
    self.postMessage({ failure: failureOf(error) });
  }
});

function answer(request: Request): Answer<Answers[Request["type"]]> {
  if (request.type === "open-writer") {
    writer = new LogFile(request);
    return { value: writer.opened };
  }
  if (request.type === "open-reader") {
    side = new SideFile(request);
    return { value: null };
  }
  const file = writer ?? side;
  if (request.type === "close") writer = side = null;
  if (!file && request.type === "close") return { value: null };
  if (!file) throw new StorageFault("io", "the file is not open");
  // Each Worker is asked only what its file answers.
  return file.answer(request as never);
}
