/**
 * A page of `log.db` that SQLite finds malformed, of the table of rows or of its index: whoever reads there is told the place and
 * where to go on, by both doors, and everything else serves.
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { cp, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Gap, Kedge } from "../../src/client/client.ts";
import type { Node } from "../../src/node.ts";
import { LOG_PAGE_BYTES } from "../../src/storage/files/open.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { connectKafka } from "./kafka-connection.ts";
import { fetchPart, valuesOf } from "./kafka-records.ts";
import { withSql } from "./libsql-folder.ts";
import { jsonLines, runCli } from "./run-cli.ts";

// Files are synced, which takes its time on a busy disk.
setDefaultTimeout(60_000);

const CORRUPT_MESSAGE = 2;
const RECORDS = 60;
/** About 3 KB that do not compress: few rows lie on one page. */
const bodyOf = (at: number) =>
  [...Array(50)].map((_, part) => Bun.SHA256.hash(`${at} ${part}`, "hex")).join("");

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface World {
  readonly directory: string;
  readonly node: Node;
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
}

const json = { "content-type": "application/json" };

async function append(node: Node, topic: string, values: readonly string[]): Promise<Response> {
  const body = JSON.stringify({ records: values.map((value) => ({ value })) });
  const url = `${node.url}/v1/topics/${topic}/partitions/0/records`;
  return fetch(url, { method: "POST", body, headers: json });
}

/** Which page of a table or an index holds a row: the one whose bytes have `mark`. */
function pagesOf(directory: string, name: string): number[] {
  return withSql(directory, (database) =>
    database
      .prepare("select pageno from dbstat where name = ? and pagetype = 'leaf' order by pageno")
      .raw()
      .all([name])
      .map((row) => Number((row as number[])[0])),
  );
}

async function damage(directory: string, page: number): Promise<void> {
  const file = await open(join(directory, "log.db"), "r+");
  await file.write(Buffer.alloc(64, 0xee), 0, 64, (page - 1) * LOG_PAGE_BYTES);
  await file.close();
}

/** A node whose log of sixty rows has a damaged page of the table in its midst; the offsets that were on it. */
async function damagedNode(): Promise<World & { from: number; next: number }> {
  const folder = await mkdtemp(join(tmpdir(), "kedge-page-"));
  closers.push(() => rm(folder, { recursive: true }));
  const directory = join(folder, "data");
  const before = await startInProcess(["--data", directory, ...anyPorts]);
  const kedge = new Kedge({ url: before.url });
  await kedge.createTopic({ name: "teas" });
  await kedge.createTopic({ name: "milk" });
  for (let at = 0; at < RECORDS; at += 1) {
    expect((await append(before, "teas", [bodyOf(at)])).status).toBe(200);
    if (at % 20 === 0) expect((await append(before, "milk", [bodyOf(at)])).status).toBe(200);
  }
  await before.stop();
  const leaves = pagesOf(directory, "rows");
  const page = leaves[leaves.length >> 1] ?? 0;
  await damage(directory, page);
  const node = await startInProcess(["--data", directory, ...anyPorts]);
  closers.push(() => node.stop());
  const ask = (path: string, init: RequestInit = {}) => fetch(`${node.url}/v1${path}`, init);
  const { from, next } = await damagedSpan(ask);
  return { directory, node, ask, from, next };
}

async function damagedSpan(ask: World["ask"]): Promise<{ from: number; next: number }> {
  for (let from = 0; from < RECORDS;) {
    const answer = await ask(`/topics/teas/partitions/0/records?from=${from}`);
    const page = (await answer.json()) as { next: number };
    if (answer.status !== 200) return { from, next: page.next };
    from = page.next;
  }
  throw new Error("nothing is damaged");
}

test("its reader is told the place and where to go on, by HTTP, the client and Kafka's protocol", async () => {
  const { node, ask, from, next } = await damagedNode();
  expect(from).toBeGreaterThan(0);
  expect(next).toBeGreaterThan(from);
  expect(next - from).toBeLessThan(10);
  expect(next).toBeLessThan(RECORDS);
  for (const query of ["", "&isolation=read_committed", "&max_bytes=1"]) {
    const answer = await ask(`/topics/teas/partitions/0/records?from=${from}${query}`);
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({
      code: "log_damaged",
      retryable: false,
      topic: "teas",
      partition: 0,
      from,
      next,
    });
  }
  const behind = await ask(`/topics/teas/partitions/0/records?from=${next}`);
  expect(await behind.json()).toMatchObject({ next: RECORDS });

  const gaps: Gap[] = [];
  const values: unknown[] = [];
  const onGap = (gap: Gap) => gaps.push(gap);
  for await (const { value } of new Kedge({ url: node.url }).topic("teas").records({ onGap }))
    values.push(value);
  expect(gaps).toEqual([{ topic: "teas", partition: 0, from, to: next, reason: "damaged" }]);
  expect(values).toHaveLength(RECORDS - (next - from));

  const connection = await connectKafka(kafkaAddress(node));
  try {
    const topic = { name: "teas", id: zeroUuid };
    const part = await fetchPart(connection, topic, from);
    expect(part.errorCode).toBe(CORRUPT_MESSAGE);
    expect(valuesOf((await fetchPart(connection, topic, next)).records)[0]).toBe(bodyOf(next));
  } finally {
    connection.close();
  }
});

test("appends, tails, times, checks and the node itself go on beside it", async () => {
  const { node, ask, from, next } = await damagedNode();
  expect((await append(node, "teas", ["new"])).status).toBe(200);
  expect((await append(node, "milk", ["new"])).status).toBe(200);
  const tail = await (await ask(`/tail?topic=teas:0&from=${from}`)).text();
  expect(tail).toContain('"code":"log_damaged"');
  const timed = await ask(`/topics/teas/partitions/0/offsets?at=ts:0`);
  expect(timed.status).toBe(200);
  const check = await ask("/topics/teas/partitions/0/check");
  expect(await check.json()).toMatchObject({
    next: RECORDS + 1,
    damaged: [{ from, next, why: expect.stringContaining("log.db") }],
  });
  const { code, out } = await runCli(["--url", node.url, "doctor"]);
  expect(code).toBe(1);
  const finding = expect.objectContaining({ state: "wrong", what: "teas 0" });
  expect(jsonLines(out)).toEqual(expect.arrayContaining([finding]));
  // Deleting it cannot reach all of it; others are deleted all the same.
  for (const topic of ["teas", "milk"])
    expect((await ask(`/topics/${topic}`, { method: "DELETE" })).status).toBe(204);
  expect((await ask("/topics/tea/records?create=true", { method: "POST", body: "x" })).status).toBe(
    200,
  );
  expect((await fetch(`${node.url}/readyz`)).status).toBe(200);
});

test("rows that a page of the table does not lead to any more are told, and none is passed over", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kedge-cells-"));
  closers.push(() => rm(folder, { recursive: true }));
  const directory = join(folder, "data");
  const before = await startInProcess(["--data", directory, ...anyPorts]);
  const bodies = [...Array(RECORDS).keys()].map(bodyOf);
  await new Kedge({ url: before.url }).createTopic({ name: "teas" });
  for (const body of bodies) expect((await append(before, "teas", [body])).status).toBe(200);
  await before.stop();
  const leaves = pagesOf(directory, "rows");
  const page = leaves[leaves.length >> 1] ?? 0;
  for (const cell of [0, 1, 2]) {
    const damaged = join(folder, String(cell));
    await cp(directory, damaged, { recursive: true });
    await moveCell(damaged, page, cell);
    const node = await startInProcess(["--data", damaged, ...anyPorts]);
    closers.push(() => node.stop());
    const gaps: Gap[] = [];
    const onGap = (gap: Gap) => gaps.push(gap);
    const read = new Kedge({ url: node.url }).topic("teas").records({ onGap });
    const values = (await Array.fromAsync(read)).map(({ value }) => value);
    const isIn = (at: number) => gaps.some(({ from, to }) => at >= from && at < (to ?? Infinity));
    expect(gaps.length).toBeGreaterThan(0);
    expect(values).toEqual(bodies.filter((_, at) => !isIn(at)));
  }
});

test("what an index has lost is told as damage, by doctor too, which makes a folder that has it again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kedge-index-"));
  closers.push(() => rm(folder, { recursive: true }));
  const directory = join(folder, "data");
  const before = await startInProcess(["--data", directory, ...anyPorts]);
  await new Kedge({ url: before.url }).createTopic({ name: "teas" });
  const bodies = [...Array(RECORDS).keys()].map(String);
  for (const body of bodies) expect((await append(before, "teas", [body])).status).toBe(200);
  await before.stop();
  const [page = 0] = pagesOf(directory, "rows_last");
  await loseEntries(directory, page);
  const found = await runCli(["doctor", "--data", directory]);
  expect([found.code, found.out]).toEqual([1, expect.stringContaining("of indexes alone")]);
  const worse = join(folder, "worse");
  await cp(directory, worse, { recursive: true });
  await damage(worse, page);
  const zeros = await runCli(["doctor", "--data", worse]);
  expect([zeros.code, zeros.out]).toEqual([1, expect.stringContaining("of indexes alone")]);

  const node = await startInProcess(["--data", directory, ...anyPorts]);
  try {
    const gaps: Gap[] = [];
    const onGap = (gap: Gap) => gaps.push(gap);
    const read = new Kedge({ url: node.url }).topic("teas").records({ onGap });
    const values = (await Array.fromAsync(read)).map(({ value }) => value);
    const [gap] = gaps;
    expect(gap).toMatchObject({ topic: "teas", partition: 0, reason: "damaged" });
    expect(values).toEqual(bodies.filter((_, at) => at < (gap?.from ?? 0) || at >= (gap?.to ?? 0)));
    const asked = await runCli(["--url", node.url, "doctor"]);
    expect([asked.code, asked.out]).toEqual([1, expect.stringContaining("its index has lost")]);
  } finally {
    await node.stop();
  }
  for (const [from, to] of [
    [directory, join(folder, "1")],
    [worse, join(folder, "2")],
  ] as const) {
    expect((await runCli(["doctor", "--data", from, "--repair", to])).code).toBe(0);
    const whole = await runCli(["doctor", "--data", to]);
    expect([whole.code, whole.err]).toEqual([0, ""]);
    const again = await startInProcess(["--data", to, ...anyPorts]);
    closers.push(() => again.stop());
    const read = new Kedge({ url: again.url }).topic("teas").records();
    expect((await Array.fromAsync(read)).map(({ value }) => value)).toEqual(bodies);
  }
  await damage(worse, pagesOf(directory, "rows").at(-1) ?? 0);
  const lost = await runCli(["doctor", "--data", worse]);
  expect([lost.code, lost.out]).toEqual([1, expect.not.stringContaining("of indexes alone")]);
  const refused = await runCli(["doctor", "--data", worse, "--repair", join(folder, "3")]);
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("restore a backup")]);
  expect(existsSync(join(folder, "3"))).toBe(false);
});

test("an index of logs that lacks a deleted topic's: the node lives and starts again, and doctor tells", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kedge-topics-"));
  closers.push(() => rm(folder, { recursive: true }));
  const directory = join(folder, "data");
  const before = await startInProcess(["--data", directory, ...anyPorts]);
  for (const name of ["teas", "milk"]) {
    await new Kedge({ url: before.url }).createTopic({ name });
    expect((await append(before, name, ["one"])).status).toBe(200);
  }
  await before.stop();
  for (const page of pagesOf(directory, "partitions_topic")) await loseEntries(directory, page);
  const told = await runCli(["doctor", "--data", directory]);
  expect([told.code, told.out]).toEqual([1, expect.stringContaining("--repair")]);
  const within = await runCli(["doctor", "--data", directory, "--repair", join(directory, "sub")]);
  expect([within.code, within.err]).toEqual([1, expect.stringContaining("outside of it")]);
  expect(existsSync(join(directory, "sub"))).toBe(false);

  for (const name of ["teas", "milk"]) {
    const node = await startInProcess(["--data", directory, ...anyPorts]);
    try {
      expect((await append(node, name, ["two"])).status).toBe(200);
      const url = `${node.url}/v1/topics/${name}`;
      expect((await fetch(url, { method: "DELETE" })).ok).toBe(true);
      expect((await fetch(url)).status).toBe(404);
      expect((await fetch(`${node.url}/v1/topics`)).status).toBe(200);
    } finally {
      await node.stop();
    }
  }
});

test("a log that says it ends before its rows do is refused, after a clean stop too, and doctor tells", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kedge-ends-"));
  closers.push(() => rm(folder, { recursive: true }));
  const directory = join(folder, "data");
  const node = await startInProcess(["--data", directory, ...anyPorts]);
  await new Kedge({ url: node.url }).createTopic({ name: "teas" });
  for (const body of ["0", "1", "2"]) expect((await append(node, "teas", [body])).status).toBe(200);
  await node.stop();
  // As a flipped bit leaves it: the next record would have been given offset 2 again.
  withSql(directory, (database) => database.exec("update partitions set end = 2"));
  const told = await runCli(["doctor", "--data", directory]);
  expect([told.code, told.out]).toEqual([1, expect.stringContaining("past the end of its log")]);
  const start = startInProcess(["--data", directory, ...anyPorts]);
  expect(await start.catch(String)).toContain("ends at 2, its newest row at 3; restore a backup");
});

test("a start that meets a damaged page says what to do", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kedge-meta-"));
  closers.push(() => rm(folder, { recursive: true }));
  const directory = join(folder, "data");
  await (await startInProcess(["--data", directory, ...anyPorts])).stop();
  const [page = 0] = pagesOf(directory, "sqlite_autoindex_meta_1");
  const file = await open(join(directory, "log.db"), "r+");
  // Where the page's free space begins: as it is written to, SQLite finds it malformed.
  await file.write(Buffer.of(0x80), 0, 1, (page - 1) * LOG_PAGE_BYTES + 1);
  await file.close();
  const start = startInProcess(["--data", directory, ...anyPorts]);
  expect(await start.catch(String)).toContain("restore a backup");
});

/** A page that says it has fewer entries than were written to it. */
async function loseEntries(directory: string, page: number): Promise<void> {
  const file = await open(join(directory, "log.db"), "r+");
  const count = Buffer.alloc(2);
  const at = (page - 1) * LOG_PAGE_BYTES + 3;
  await file.read(count, 0, 2, at);
  count.writeUInt16BE(count.readUInt16BE() >> 1);
  await file.write(count, 0, 2, at);
  await file.close();
}

/** A page that leads to a place two bytes off where one of its rows begins. */
async function moveCell(directory: string, page: number, cell: number): Promise<void> {
  const file = await open(join(directory, "log.db"), "r+");
  const place = Buffer.alloc(2);
  const at = (page - 1) * LOG_PAGE_BYTES + 8 + 2 * cell;
  await file.read(place, 0, 2, at);
  place.writeUInt16BE(place.readUInt16BE() ^ 2);
  await file.write(place, 0, 2, at);
  await file.close();
}
