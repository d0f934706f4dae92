/**
 * A ceiling: what kedge is made of and nothing of kedge. Hono on Bun hands bodies to a Worker, which inserts all that waits
 * as one row into a table like the log's, synced, and then all are answered. `bun bare.ts PORT DIRECTORY`; the Worker is
 * this file again.
 */
import { join } from "node:path";
import { Hono } from "hono";
import Database from "libsql";

const [port, directory = "."] = process.argv.slice(2);

if (Bun.isMainThread) serve(Number(port));
else write(directory);

function serve(port: number): void {
  const worker = new Worker(import.meta.url, { argv: [String(port), directory] });
  let waiting: { readonly body: ArrayBuffer; readonly done: () => void }[] = [];
  let committing: typeof waiting = [];
  const commit = () => {
    if (committing.length > 0 || waiting.length === 0) return;
    committing = waiting;
    waiting = [];
    worker.postMessage(committing.map(({ body }) => body));
  };
  worker.addEventListener("message", () => {
    for (const { done } of committing.splice(0)) done();
    commit();
  });
  const app = new Hono();
  app.post("/v1/topics/:topic/partitions/:partition/records", async (context) => {
    const body = await context.req.arrayBuffer();
    await new Promise<void>((done) => {
      waiting.push({ body, done });
      // What comes in the same turn goes together.
      if (waiting.length === 1) setImmediate(commit);
    });
    return context.body("{}");
  });
  Bun.serve({ hostname: "127.0.0.1", port, fetch: app.fetch });
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
