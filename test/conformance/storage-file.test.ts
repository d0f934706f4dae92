/**
 * What only a storage in a file can do, or suffer: other processes, damage, growth.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import Database from "libsql";
import { seededRandom } from "../../src/lib/random.ts";
import { append } from "./batches.ts";
import {
  bootId,
  clock,
  copyFolder,
  hostname,
  inFolder,
  openIn,
  pid,
  withSql,
} from "./libsql-folder.ts";
import { fill, intactEnd } from "./storage-fill.ts";
import { caught, topicId } from "./storage-world.ts";

/** For a busy machine: alone, the longest takes half a second. */
setDefaultTimeout(30_000);

test("a second start is refused and told who was first", () =>
  inFolder(async (directory) => {
    const first = await openIn(directory);
    const error = await caught(openIn(directory));
    expect(error).toMatchObject({ name: "FolderInUse", holder: { pid, host: hostname } });
    expect(String(error)).toContain(`process ${pid} on ${hostname}, started `);
    await fill(first, 0, 1);
    await first.close();
    await (await openIn(directory)).close();
  }));

test("another process is refused too", () =>
  inFolder(async (directory) => {
    const first = await openIn(directory);
    const script = fileURLToPath(new URL("storage-load.ts", import.meta.url));
    const child = Bun.spawn(["bun", script, directory], { stdout: "ignore", stderr: "pipe" });
    expect(await new Response(child.stderr).text()).toContain(`in use by process ${pid}`);
    expect(await child.exited).toBe(1);
    await first.close();
  }));

test("only a restart of the machine without a clean end counts as a power cut, until every log has begun anew", () =>
  inFolder(async (directory) => {
    const mark = (boot: string) =>
      withSql(directory, (database) =>
        database.prepare("insert or replace into meta values ('running', ?)").run([boot]),
      );
    const lost = async (resume = false) => {
      const storage = await openIn(directory, { bootId: "now" });
      const { powerLost } = storage;
      if (resume) await storage.resumed();
      await storage.close();
      return powerLost;
    };
    expect(await lost()).toBe(false);
    mark("now");
    expect(await lost()).toBe(false);
    mark("before");
    expect(await lost()).toBe(true);
    expect(await lost(true)).toBe(true);
    expect(await lost()).toBe(false);
  }));

test("a writer that finds its partition moved by someone else is fenced, its neighbour is not", () =>
  inFolder(async (directory) => {
    const storage = await openIn(directory);
    await storage.create([0, 1].map((index) => ({ topicId, index })));
    withSql(directory, (database) =>
      database.exec('update partitions set "end" = 7, epoch = 3 where id = 1'),
    );
    const commit = (partition: number) =>
      storage.commit({
        partition,
        guard: { epoch: 0, end: 0 },
        entries: [append({ base: 0 })],
        durability: "synced",
      });
    const [moved, neighbour] = await Promise.allSettled([commit(1), commit(2)]);
    expect(moved).toMatchObject({
      status: "rejected",
      reason: { name: "Fenced", actual: { epoch: 3, end: 7 } },
    });
    expect(neighbour.status).toBe("fulfilled");
    expect(await storage.bounds(1)).toMatchObject({ epoch: 3, end: 7 });
    expect((await storage.read(1, 0, 1)).rows).toEqual([]);
    await storage.close();
  }));

test("bit flips in the write-ahead log leave an exact prefix of the commits", () =>
  inFolder(async (directory) => {
    const storage = await openIn(directory);
    await fill(storage, 0, 40);
    const random = seededRandom(7);
    const ends = new Set<number>();
    for (let flip = 0; flip < 12; flip += 1)
      await inFolder(async (copy) => {
        await copyFolder(directory, copy);
        const wal = await readFile(`${copy}/log.db-wal`);
        const at = Math.floor(random.next() * wal.length);
        wal[at] = (wal[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
        if (flip % 3 === 0) await writeFile(`${copy}/log.db-wal`, wal.subarray(0, at));
        else await writeFile(`${copy}/log.db-wal`, wal);
        const damaged = await openIn(copy);
        ends.add(await intactEnd(damaged));
        await damaged.close();
      });
    expect(Math.max(...ends)).toBeLessThanOrEqual(40);
    expect(ends.size).toBeGreaterThan(3);
    expect(await intactEnd(storage)).toBe(40);
    await storage.close();
  }));

test("a damaged newest row is cut off at its first bad batch, and offsets are not reused", () =>
  inFolder(async (directory) => {
    const storage = await openIn(directory);
    await fill(storage, 0, 5);
    await storage.commit({
      partition: 1,
      guard: { epoch: 0, end: 5 },
      entries: [
        append({ base: 5, bytes: 1000 }, { base: 6, bytes: 1000 }, { base: 7, bytes: 1000 }),
      ],
      durability: "synced",
    });
    await storage.close();
    withSql(directory, (database) => {
      const row: unknown = database.prepare("select data from rows where base = 5").raw().get([]);
      const data = Buffer.from((row as [Uint8Array])[0]);
      data[1500] = (data[1500] ?? 0) ^ 1;
      database.prepare("update rows set data = ? where base = 5").run([data]);
      database.prepare("insert into meta values ('running', ?)").run([bootId]);
    });
    const again = await openIn(directory);
    expect(again.powerLost).toBe(true);
    expect(await intactEnd(again)).toBe(6);
    expect((await again.bounds(1))?.reservedEnd).toBe(10_001);
    await again.close();
    const later = await openIn(directory);
    expect(later.powerLost).toBe(true);
    await later.close();
  }));

test("rows are proved as far back as the run before may have lost them: further after a power cut", () =>
  inFolder(async (directory) => {
    const storage = await openIn(directory);
    await fill(storage, 0, 5);
    for (let end = 5; end < 12; end++)
      await storage.commit({
        partition: 1,
        guard: { epoch: 0, end },
        entries: [append({ base: end, bytes: end === 5 ? 1000 : 1_000_000 })],
        durability: "synced",
      });
    await storage.close();
    withSql(directory, (database) => {
      const row: unknown = database.prepare("select data from rows where base = 5").raw().get([]);
      const data = Buffer.from((row as [Uint8Array])[0]);
      data[500] = (data[500] ?? 0) ^ 1;
      database.prepare("update rows set data = ? where base = 5").run([data]);
    });
    for (const [boot, end] of [
      [bootId, 12],
      ["another", 5],
    ] as const) {
      withSql(directory, (database) => {
        database.prepare("insert into meta values ('running', ?)").run([boot]);
      });
      const again = await openIn(directory);
      expect((await again.bounds(1))?.end).toBe(end);
      await again.close();
    }
  }));

test("any SQLite tool reads the file while it is written", () =>
  inFolder(async (directory) => {
    const storage = await openIn(directory);
    await fill(storage, 0, 50);
    const script = `
      import { Database } from "bun:sqlite";
      const database = new Database(process.argv[1], { readonly: true });
      const [row] = database.query("select count(*) as n, max(last) as last from rows").all();
      const [check] = database.query("pragma integrity_check").all();
      console.log(JSON.stringify([row, check]));`;
    const child = Bun.spawn(["bun", "-e", script, `${directory}/log.db`], { stdout: "pipe" });
    await fill(storage, 50, 60);
    const [row, check] = JSON.parse(await new Response(child.stdout).text()) as [
      { n: number; last: number },
      object,
    ];
    expect(row.n).toBeGreaterThanOrEqual(50);
    expect(row.last).toBe(row.n - 1);
    expect(check).toEqual({ integrity_check: "ok" });
    await storage.close();
  }));

test("a backup taken while writing opens as a log of its own", () =>
  inFolder(async (directory) => {
    const storage = await openIn(directory);
    await fill(storage, 0, 100);
    await mkdir(`${directory}/copy`);
    const backup = storage.backup(`${directory}/copy/log.db`);
    await fill(storage, 100, 150);
    await backup;
    expect(await caught(storage.backup(`${directory}/copy/log.db`))).toMatchObject({
      name: "StorageFault",
    });
    await storage.close();
    const copy = await openIn(`${directory}/copy`);
    // The original went on: its later offsets must not be given again.
    expect(copy.powerLost).toBe(true);
    const end = await intactEnd(copy);
    expect(end).toBeGreaterThanOrEqual(100);
    await fill(copy, end, end + 5);
    await copy.close();
  }));

test("logs of a copy go on far past what the original can have given, empty and later ones too", () =>
  inFolder(async (directory) => {
    const far = 1e11;
    const storage = await openIn(directory);
    await storage.create([0, 1].map((index) => ({ topicId, index })));
    await fill(storage, 0, 3);
    await mkdir(`${directory}/copy`);
    await storage.backup(`${directory}/copy/log.db`);
    await storage.close();
    let madeTopics = 0;
    /** Where each log of the topic goes on, and where one of a topic that the copy did not have begins. */
    const reserved = async (folder: string, indexes: number[], resume: boolean) => {
      const copy = await openIn(folder);
      const other = topicId.replace(/^./, String(madeTopics++));
      const keys = indexes.map((index) => ({ topicId, index }));
      if (resume) await copy.resumed();
      const states = await copy.create([...keys, { topicId: other, index: indexes.length }]);
      await copy.close();
      return states.map(({ reservedEnd }) => reservedEnd);
    };
    expect(await reserved(`${directory}/copy`, [0, 1], false)).toEqual([far + 10_001, far, far]);
    // A kill before every log has begun anew makes them skip nothing twice.
    expect(await reserved(`${directory}/copy`, [0, 1], true)).toEqual([far + 10_001, far, 0]);
    // Added to the original as well, after the copy was made.
    expect(await reserved(`${directory}/copy`, [2], true)).toEqual([far, 0]);
    const again = await openIn(`${directory}/copy`);
    await mkdir(`${directory}/second`);
    await again.backup(`${directory}/second/log.db`);
    await again.close();
    // The first copy may have given the same again.
    expect(await reserved(`${directory}/second`, [1, 2, 3], true)).toEqual([
      2 * far,
      2 * far,
      2 * far,
      0,
    ]);
  }));

test(
  "the write-ahead log stays bounded under a writer that never idles, beside a reader",
  () =>
    inFolder(async (directory) => {
      const storage = await openIn(directory);
      await storage.create([0, 1].map((index) => ({ topicId, index })));
      const bytes = 256 * 1024;
      const writing = new Set([1, 2]);
      let walBytes = 0;
      const write = async (partition: number) => {
        for (let base = 0; base < 500; base += 1) {
          await storage.commit({
            partition,
            guard: { epoch: 0, end: base },
            entries: [append({ base, bytes })],
            durability: "written",
          });
          if (base % 10 === 0) walBytes = Math.max(walBytes, (await storage.stats()).walBytes);
        }
        writing.delete(partition);
      };
      const read = async (from: number) => {
        while (writing.size > 0) await storage.read(1, from, bytes - 1);
      };
      // More than there are reader Workers: one of them is always at work. Too small to be read ahead, or past its end.
      await Promise.all([write(1), write(2), ...[0, 1, 2, 500].map(read)]);
      expect(walBytes).toBeGreaterThan(8e6);
      // Commits wait for a checkpoint that is overdue at 24 MiB, and it for the reads under way. 262 MB were written.
      expect(walBytes).toBeLessThan(30e6);
      await storage.close();
    }),
  20_000,
);

test("of small commits the write-ahead log holds as many as of large ones before it is copied back", () =>
  inFolder(async (directory) => {
    const storage = await openIn(directory);
    // Less than twice what a checkpoint is asked for at: the first teaches how much such commits come to.
    await fill(storage, 0, 600);
    expect((await storage.stats()).walBytes).toBeGreaterThan(13e6);
    expect((await storage.stats()).walBytes).toBeLessThan(30e6);
    await storage.close();
  }));

test("a commit that is alone waits for no turn of the event loop; others do, and go together", () =>
  inFolder(async (directory) => {
    let turns = 0;
    const turning = { ...clock, turn: () => ((turns += 1), clock.turn()) };
    const storage = await openIn(directory, { clock: turning });
    await storage.create([0, 1].map((index) => ({ topicId, index })));
    const commit = (partition: number, base: number, alone: boolean) =>
      storage.commit({
        partition,
        guard: { epoch: 0, end: base },
        entries: [append({ base })],
        durability: "synced",
        alone,
      });
    turns = 0;
    await commit(1, 0, true);
    expect(turns).toBe(0);
    const { commits } = await storage.stats();
    await Promise.all([commit(1, 1, false), commit(2, 0, false)]);
    expect(turns).toBe(1);
    expect((await storage.stats()).commits).toBe(commits + 1);
    await storage.close();
  }));

test("trimmed and dropped rows are deleted at leisure and their space goes back", () =>
  inFolder(async (directory) => {
    const storage = await openIn(directory);
    const [kept, dropped] = await storage.create([0, 1].map((index) => ({ topicId, index })));
    const ids = [kept?.id ?? 0, dropped?.id ?? 0];
    for (let base = 0; base < 120; base += 1)
      await Promise.all(
        ids.map((partition) =>
          storage.commit({
            partition,
            guard: { epoch: 0, end: base },
            entries: [append({ base, bytes: 250_000 })],
            durability: "written",
          }),
        ),
      );
    const { databaseBytes } = await storage.stats();
    const entries = [{ type: "trim", logStart: 119 }] as const;
    await storage.commit({
      partition: ids[0] ?? 0,
      guard: { epoch: 0, end: 120 },
      entries,
      durability: "written",
    });
    await storage.drop(ids.slice(1));
    const deadline = performance.now() + 10_000;
    while ((await storage.stats()).databaseBytes > 20e6 && performance.now() < deadline)
      await Bun.sleep(5);
    expect((await storage.stats()).databaseBytes).toBeLessThan(databaseBytes / 2);
    await storage.close();
    withSql(directory, (database: Database.Database) => {
      const count = (table: string): unknown =>
        database.prepare(`select count(*) from ${table}`).raw().get([]);
      expect([count("rows"), count("partitions"), count("epochs")]).toEqual([[1], [1], [1]]);
    });
  }));

test("many large reads leave turns for others between them", () =>
  inFolder(async (directory) => {
    const storage = await openIn(directory);
    await storage.create([{ topicId, index: 0 }]);
    for (let end = 0; end < 20; end += 1) {
      const entries = [append({ base: end, bytes: 200_000 })];
      const guard = { epoch: 0, end };
      await storage.commit({ partition: 1, guard, entries, durability: "synced" });
    }
    let turns = 0;
    const answeredAt: number[] = [];
    const reading = Promise.all(
      Array.from({ length: 24 }, async (_, at) => {
        // Each of another size, so that they do not share one read.
        const { rows } = await storage.read(1, 0, 4 * 1024 * 1024 + at);
        expect(rows).toHaveLength(20);
        answeredAt.push(turns);
      }),
    );
    // An append waits for a receipt: it does not queue behind readers that catch up.
    await storage.receipt(1, new Uint8Array(4));
    expect(answeredAt.length).toBeLessThan(24);
    while (answeredAt.length < 24) {
      await clock.turn();
      turns += 1;
    }
    await reading;
    expect(new Set(answeredAt).size).toBeGreaterThan(8);
    await storage.close();
  }));
