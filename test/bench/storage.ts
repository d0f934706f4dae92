/**
 * What the log file costs: changes and bytes a second at 1, 16 and 128 KiB a change, synced and written, beside plain
 * libSQL inserts in the same run; bytes written to disk a byte of log; start by number of partitions.
 *
 * `bun test/bench/storage.ts [seconds]` (1 a line by default). Linux tells bytes written; elsewhere they read NaN.
 */
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import Database from "libsql";
import { silentLogger } from "../../src/lib/logger.ts";
import { systemPlatform } from "../../src/runtime/system.ts";
import { openLibsqlMetadataStore } from "../../src/storage/libsql/metadata.ts";
import { openLibsqlStorage, writerOf } from "../../src/storage/libsql/libsql.ts";
import type { Durability, Storage } from "../../src/storage/storage.ts";
import { append } from "../conformance/batches.ts";

const seconds = Number(process.argv[2] ?? 1);
const topicId = "AAAAAAAAAAAAAAAAAAAAbQ";
const { clock, pid, hostname, bootId } = systemPlatform();

interface Line {
  readonly what: string;
  readonly changesPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly diskBytesPerByte: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

function open(directory: string): Promise<Storage> {
  return openLibsqlStorage({
    directory,
    clock,
    process: { pid, hostname, bootId },
    logger: silentLogger,
  });
}

async function inFolder<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(`${tmpdir()}/kedge-bench-`);
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function bytesWritten(): number {
  if (!existsSync("/proc/self/io")) return Number.NaN;
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}

/** Runs `each` in so many loops at once for the time given. */
async function measure(
  what: string,
  bytes: number,
  loops: number,
  each: (loop: number) => void | Promise<void>,
): Promise<Line> {
  const times: number[] = [];
  const writtenBefore = bytesWritten();
  const started = performance.now();
  const end = started + seconds * 1000;
  await Promise.all(
    Array.from({ length: loops }, async (_, loop) => {
      while (performance.now() < end) {
        const before = performance.now();
        await each(loop);
        times.push(performance.now() - before);
      }
    }),
  );
  const took = (performance.now() - started) / 1000;
  times.sort((a, b) => a - b);
  return {
    what,
    changesPerSecond: times.length / took,
    megabytesPerSecond: (times.length * bytes) / took / 1e6,
    diskBytesPerByte: (bytesWritten() - writtenBefore) / (times.length * bytes),
    p50Ms: times[Math.floor(times.length / 2)] ?? 0,
    p99Ms: times[Math.floor(times.length * 0.99)] ?? 0,
  };
}

/** Each loop appends to its own partition, one change after another. */
function storageLine(loops: number, bytes: number, durability: Durability): Promise<Line> {
  return inFolder(async (directory) => {
    const storage = await open(directory);
    const keys = Array.from({ length: loops }, (_, index) => ({ topicId, index }));
    const ids = (await storage.create(keys)).map(({ id }) => id);
    const ends = ids.map(() => 0);
    const line = await measure(`storage, ${loops} at once`, bytes, loops, async (loop) => {
      const end = ends[loop] ?? 0;
      ends[loop] = end + 1;
      await storage.commit({
        partition: ids[loop] ?? 0,
        guard: { epoch: 0, end },
        entries: [append({ base: end, bytes })],
        durability,
      });
    });
    await storage.close();
    return line;
  });
}

/** One plain table, `rows` inserts a transaction, in this thread. */
function plainLine(rows: number, bytes: number, durability: Durability): Promise<Line> {
  return inFolder(async (directory) => {
    const database = new Database(`${directory}/plain.db`);
    const synchronous = durability === "synced" ? "full" : "normal";
    for (const pragma of ["page_size=16384", "journal_mode=wal", `synchronous=${synchronous}`])
      database.exec(`pragma ${pragma}`);
    database.exec("create table rows (id integer primary key, data blob)");
    const insert = database.prepare("insert into rows (data) values (?)");
    const data = new Uint8Array(bytes);
    const line = await measure(`plain libSQL, ${rows} rows a commit`, bytes * rows, 1, () => {
      database.exec("begin immediate");
      for (let row = 0; row < rows; row += 1) insert.run([data]);
      database.exec("commit");
    });
    database.close();
    return { ...line, changesPerSecond: line.changesPerSecond * rows };
  });
}

function show({ what, ...line }: Line): string {
  const cells = [
    line.changesPerSecond.toFixed(0),
    line.megabytesPerSecond.toFixed(1),
    line.diskBytesPerByte.toFixed(2),
    line.p50Ms.toFixed(2),
    line.p99Ms.toFixed(2),
  ];
  return `${what.padEnd(32)}${cells.map((cell) => cell.padStart(11)).join("")}`;
}

for (const durability of ["synced", "written"] as const) {
  for (const kibibytes of [1, 16, 128]) {
    const bytes = kibibytes * 1024;
    const titles = ["changes/s", "MB/s", "disk/log", "p50 ms", "p99 ms"];
    console.log(
      `\n${`${durability}, ${kibibytes} KiB`.padEnd(32)}${titles.map((title) => title.padStart(11)).join("")}`,
    );
    for (const loops of [1, 16, 64]) console.log(show(await storageLine(loops, bytes, durability)));
    for (const rows of [1, 16, 64]) console.log(show(await plainLine(rows, bytes, durability)));
  }
}

console.log("\nstart, ms");
for (const partitions of [0, 1_000, 10_000]) {
  await inFolder(async (directory) => {
    const first = await open(directory);
    const keys = Array.from({ length: partitions }, (_, index) => ({ topicId, index }));
    const states = await first.create(keys);
    for (const { id } of states)
      void first.commit({
        partition: id,
        guard: { epoch: 0, end: 0 },
        entries: [append({ base: 0 })],
        durability: "written",
      });
    await first.close();
    const before = performance.now();
    const again = await open(directory);
    const opened = performance.now();
    const listed = (await again.partitions()).length;
    const done = performance.now();
    await again.close();
    console.log(
      `${listed} partitions: open ${(opened - before).toFixed(1)}, list ${(done - opened).toFixed(1)}`,
    );
  });
}

await inFolder(async (directory) => {
  const beside = await open(directory);
  const store = await openLibsqlMetadataStore(directory, { beside: writerOf(beside) });
  let index = 0;
  const line = await measure("metadata command", 100, 1, async () => {
    index += 1;
    await store.append([{ index, epoch: 1, command: "x".repeat(100) }]);
  });
  console.log(`\n${show(line)}`);
  await store.close();
  await beside.close();
});
process.exit(0);
