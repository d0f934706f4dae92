/**
 * Another ceiling: libSQL alone. Inserts rows of a given size into a table like the log's, a synced commit each, for a
 * given time, and prints the figures as JSON. `bun insert.ts DIRECTORY ROW_BYTES MILLISECONDS full|normal`.
 */
import { join } from "node:path";
import Database from "libsql";

const [directory = ".", rowBytes, milliseconds, synchronous = "full"] = process.argv.slice(2);

const database = new Database(join(directory, "insert.db"));
database.exec("pragma page_size = 16384");
database.exec("pragma journal_mode = wal");
database.exec(`pragma synchronous = ${synchronous}`);
database.exec("create table log (part integer, base integer, last integer, data blob)");
database.exec("create unique index log_last on log (part, last)");
const insert = database.prepare("insert into log values (?, ?, ?, ?)");
const row = Buffer.alloc(Number(rowBytes), "x");

function insertFor(durationMs: number, from: number): { commits: number; seconds: number } {
  const started = performance.now();
  let commits = 0;
  while (performance.now() - started < durationMs) {
    const offset = BigInt(from + commits);
    insert.run([1n, offset, offset, row]);
    commits += 1;
  }
  return { commits, seconds: (performance.now() - started) / 1000 };
}

const warm = insertFor(Number(milliseconds) / 4, 0);
const before = process.cpuUsage();
const timed = insertFor(Number(milliseconds), warm.commits);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ ...timed, cpuSeconds: (user + system) / 1e6 }));
