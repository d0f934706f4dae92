/**
 * `log.db` beside its writer: reads, checkpoints and backups, each kind in a Worker of its own.
 */
import { existsSync } from "node:fs";
import Database from "libsql";
import { present } from "../../lib/assert.ts";
import { failureOf } from "../messages/failure.ts";
import type {
  Answer,
  Answers,
  OpenReader,
  Page,
  PageBuffer,
  ReadAnswer,
  ReaderRequest,
  StoredRow,
} from "../messages/messages.ts";
import { checkpoint } from "../files/checkpoint.ts";
import { LOG_PAGE_BYTES, openBeside } from "../files/open.ts";
import { asPartialFault, isDamage } from "../files/sqlite-error.ts";
import { pageBytesOf } from "../reading/page-buffers.ts";
import { Reader } from "./reader.ts";
import { openRowFile } from "./row-file.ts";
import { prepareLog } from "./row-writer.ts";
import { StorageFault } from "../storage.ts";

/** No boot's id. */
const COPIED_BOOT = "copied";
const CACHE_BYTES = 4 * 1024 * 1024;
const BUSY_MS = 5_000;
/** What threads keep of their heaps is twice this. */
const HEAP_BLOCK_BYTES = 2 * 1024 * 1024;

export class SideFile {
  readonly #database: Database.Database;
  readonly #reader: Reader;
  /** Pages that the other thread has, too, by their number. */
  readonly #shared = new Map<number, SharedArrayBuffer>();

  constructor({ directory, files, indexInMemory }: OpenReader) {
    const path = `${directory}/log.db`;
    const options = {
      path,
      kind: "log",
      pageBytes: LOG_PAGE_BYTES,
      cacheBytes: CACHE_BYTES,
      busyMs: BUSY_MS,
    } as const;
    this.#database = openBeside(options, indexInMemory);
    keepHeap(this.#database);
    const file = files && openRowFile(this.#database, path, LOG_PAGE_BYTES, files);
    this.#reader = new Reader(this.#database, file);
  }

  answer(request: ReaderRequest): Answer<Answers[ReaderRequest["type"]]> {
    switch (request.type) {
      case "reads": {
        let next = 0;
        const value = request.reads.map((read) => {
          const page = pageBytesOf(read) === null ? undefined : request.pages[next++];
          try {
            return this.#reader.answer(read, page ? this.#bufferOf(page) : null);
          } catch (error) {
            return { failure: failureOf(isDamage(error) ? asPartialFault(error) : error) };
          }
        });
        return {
          value,
          transfer: value.flatMap((each) => ("failure" in each ? [] : buffersOf(each))),
        };
      }
      case "forget-pages":
        this.#shared.clear();
        return { value: null };
      case "checkpoint":
        return { value: checkpoint(this.#database).pages * LOG_PAGE_BYTES };
      case "backup":
        if (existsSync(request.path))
          throw new StorageFault("io", `${request.path} exists: a backup never overwrites`);
        this.#database.prepare("vacuum into ?").run([request.path]);
        markCopied(request.path);
        return { value: null };
      case "close":
        this.#database.close();
        return { value: null };
      default:
        return request satisfies never;
    }
  }

  #bufferOf(page: Page): PageBuffer {
    if (page instanceof ArrayBuffer) return page;
    if (page.buffer) this.#shared.set(page.number, page.buffer);
    return present(this.#shared.get(page.number), "a shared page comes along when it is new");
  }
}

/**
 * glibc gives the end of a thread's heap back to the kernel once it is 128 KiB free, as it is after most rows: each time
 * costs a system call and an interruption of the other cores. When a block is freed that was too large for its heap, glibc
 * raises both bounds, for the whole process. Where there is no glibc this does nothing.
 */
function keepHeap(database: Database.Database): void {
  database.prepare("select length(cast(zeroblob(?) as text))").raw().get([HEAP_BLOCK_BYTES]);
}

/**
 * Offsets past the copy's ends have been handed out by the original: whoever opens the copy begins past what is reserved,
 * as after a power cut.
 */
function markCopied(path: string): void {
  const copy = new Database(path);
  try {
    prepareLog(copy).setMeta.run({ key: "running", value: COPIED_BOOT });
  } finally {
    copy.close();
  }
}

function buffersOf(answer: ReadAnswer): ArrayBuffer[] {
  const page =
    answer.type === "read" && answer.buffer instanceof ArrayBuffer ? [answer.buffer] : [];
  const rows: readonly (StoredRow | null)[] =
    answer.type === "read" ? answer.rows : answer.type === "seek" ? [answer.row] : [];
  return rows
    .flatMap((row) => (row?.data.buffer instanceof ArrayBuffer ? [row.data.buffer] : []))
    .concat(page);
}
