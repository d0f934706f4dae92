/**
 * A storage Worker: opens what its first message says (the writer's file, or one beside it) and answers each request in
 * turn. After `close` it waits for the next to be opened: Workers are started once and never ended.
 *
 * - Bun lets a Worker of a small heap collect garbage after every few MB of pages that pass through it, each time with helper
 *   threads; how much may pass goes by what lives in the heap. `heapRoom` lives there: it is counted, but takes no memory, since
 *   nobody ever touches it.
 */
import { failureOf } from "../messages/failure.ts";
import { checkMetadataIsThere } from "../files/whole-folder.ts";
import { LogFile } from "./log-file.ts";
import type { Answer, Answers, MetadataRequest, Request } from "../messages/messages.ts";
import { MetadataFile } from "./metadata-file.ts";
import { lengthened, numberOf } from "../messages/short.ts";
import { SideFile } from "./side-file.ts";
import { StorageFault } from "../storage.ts";

/** A fifth of the collections under catch-up, half of them under Produce; more of it gains little. */
const HEAP_ROOM_BYTES = 32 * 1024 * 1024;

Object.assign(self, { heapRoom: new ArrayBuffer(HEAP_ROOM_BYTES) });

let writer: LogFile | null = null;
let side: SideFile | null = null;
/** Beside the logs' writer, whose Worker it shares: what one syncs the other would wait for anyway. */
let metadata: MetadataFile | null = null;

self.addEventListener("message", ({ data }: MessageEvent<Request | ArrayBuffer>) => {
  try {
    const { value, transfer = [] } = answer(lengthened(data));
    const number = numberOf(value);
    if (number !== null) self.postMessage(number);
    else self.postMessage({ value }, [...new Set(transfer)]);
  } catch (error) {
    self.postMessage({ failure: failureOf(error) });
  }
});

function answer(request: Request): Answer<Answers[Request["type"]]> {
  if (isMetadata(request)) return { value: answerMetadata(request) };
  if (request.type === "open-writer") {
    writer = new LogFile(request);
    return { value: writer.opened };
  }
  if (request.type === "open-reader") {
    side = new SideFile(request);
    return { value: null };
  }
  if (request.type === "open-metadata") {
    const hasLogs = request.besideLogs && opened(writer).hasLogs;
    checkMetadataIsThere(request.directory, hasLogs);
    metadata = new MetadataFile(request.directory, hasLogs);
    return { value: null };
  }
  if (request.type === "close") return close();
  // Each Worker is asked only what its file answers.
  return opened(writer ?? side).answer(request as never);
}

function isMetadata(request: Request): request is MetadataRequest {
  return request.type.startsWith("metadata-");
}

function answerMetadata(request: MetadataRequest): Answers[MetadataRequest["type"]] {
  const file = opened(metadata);
  if (request.type === "metadata-close") metadata = null;
  return file.answer(request);
}

function close(): Answer<null> {
  const files = [writer, side];
  const left = metadata;
  writer = side = metadata = null;
  left?.close();
  for (const file of files) file?.answer({ type: "close" });
  return { value: null };
}

function opened<T>(file: T | null): T {
  if (!file) throw new StorageFault("io", "the file is not open");
  return file;
}
