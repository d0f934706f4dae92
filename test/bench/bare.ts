/**
 * A ceiling: what kedge is made of and nothing of kedge. Hono on Bun hands bodies to a Worker, which inserts all that waits
 * as one row into a table like the log's, synced; then whoever reads at the end gets them, and all are answered.
 * `bun bare.ts PORT DIRECTORY`; the Worker is this file again.
 *
 * - There is one log, whatever it is called. A long poll is answered with the newest body as it came, a tail with each as an
 *   event.
 */
import { join } from "node:path";
import { Hono } from "hono";
import Database from "libsql";

const [port, directory = "."] = process.argv.slice(2);

if (Bun.isMainThread) serve(Number(port));
else write(directory);

interface Append {
  readonly body: ArrayBuffer;
  readonly done: () => void;
}

function serve(port: number): void {
  const worker = new Worker(import.meta.url, { argv: [String(port), directory] });
  const readers = new Readers();
  let waiting: Append[] = [];
  let committing: Append[] = [];
  const commit = () => {
    if (committing.length > 0 || waiting.length === 0) return;
    committing = waiting;
    waiting = [];
    worker.postMessage(committing.map(({ body }) => body));
  };
  worker.addEventListener("message", () => {
    const committed = committing.splice(0);
    for (const { body } of committed) readers.give(body);
    for (const { done } of committed) done();
    commit();
  });
  const app = new Hono();
  const records = "/v1/topics/:topic/partitions/:partition/records";
  app.post(records, async (context) => {
    const body = await context.req.arrayBuffer();
    await new Promise<void>((done) => {
      waiting.push({ body, done });
      // What comes in the same turn goes together.
      if (waiting.length === 1) setImmediate(commit);
    });
    return context.body("{}");
  });
  app.get(records, async (context) => {
    const body = await readers.from(Number(context.req.query("from")));
    return context.body(body, 200, {
      "kafka-next": String(readers.next),
      "kafka-up-to-date": "true",
    });
  });
  app.get("/v1/tail", (context) =>
    context.body(readers.tail(), 200, { "content-type": "text/event-stream" }),
  );
  Bun.serve({ hostname: "127.0.0.1", port, fetch: app.fetch, idleTimeout: 0 });
}

/** Who reads at the end of the log. */
class Readers {
  next = 0;
  #newest = new ArrayBuffer(0);
  #parked: ((body: ArrayBuffer) => void)[] = [];
  readonly #tails = new Set<ReadableStreamDefaultController<Uint8Array>>();
  readonly #begin = Buffer.from("data: ");
  readonly #end = Buffer.from("\n\n");

  give(body: ArrayBuffer): void {
    this.next += 1;
    this.#newest = body;
    for (const parked of this.#parked.splice(0)) parked(body);
    if (this.#tails.size === 0) return;
    const event = Buffer.concat([this.#begin, new Uint8Array(body), this.#end]);
    for (const tail of this.#tails) tail.enqueue(event);
  }

  from(offset: number): Promise<ArrayBuffer> {
    if (offset < this.next) return Promise.resolve(this.#newest);
    return new Promise((resolve) => {
      this.#parked.push(resolve);
    });
  }

  tail(): ReadableStream<Uint8Array> {
    let end = () => {};
    return new ReadableStream({
      start: (controller) => {
        this.#tails.add(controller);
        end = () => void this.#tails.delete(controller);
      },
      cancel: () => end(),
    });
  }
}

function write(directory: string): void {
  const database = new Database(join(directory, "bare.db"));
  database.exec("pragma page_size = 16384");
  database.exec("pragma journal_mode = wal");
  database.exec("pragma synchronous = full");
  database.exec("create table log (part integer, base integer, last integer, data blob)");
  database.exec("create unique index log_last on log (part, last)");
  const insert = database.prepare("insert into log values (?, ?, ?, ?)");
  let next = 0;
  self.addEventListener("message", ({ data: bodies }: MessageEvent<ArrayBuffer[]>) => {
    const row = Buffer.concat(bodies.map((body) => new Uint8Array(body)));
    insert.run([1n, BigInt(next), BigInt(next + bodies.length - 1), row]);
    next += bodies.length;
    self.postMessage(bodies.length);
  });
}
