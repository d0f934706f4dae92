/**
 * Formats of `raft.db`: metadata that an older kedge left, without checksums, is taken where it is whole; damage of it, and of what
 * has checksums, is refused and told.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cp, readFile, writeFile } from "node:fs/promises";
import Database from "libsql";
import { RAFT_PAGE_BYTES, readMigrations } from "../../src/storage/files/open.ts";
import { openLibsqlMetadataStore } from "../../src/storage/libsql/metadata.ts";
import { StartError } from "../../src/runtime/start-error.ts";
import { anyPorts, startInProcess } from "./in-process-node.ts";
import { copyFolder, inFolder } from "./libsql-folder.ts";
import { nodeFolder } from "./node.ts";
import { runCli } from "./run-cli.ts";
import { caught } from "./storage-world.ts";

// Files are synced, which takes its time on a busy disk.
setDefaultTimeout(30_000);

const known = readMigrations("raft").length;
const start = (data: string) => startInProcess(["--data", data, ...anyPorts]);

function withRaft<T>(directory: string, work: (database: Database.Database) => T): T {
  const database = new Database(`${directory}/raft.db`, { timeout: 1_000 });
  try {
    return work(database);
  } finally {
    database.close();
  }
}

const change = (directory: string, sql: string) =>
  withRaft(directory, (database) => database.exec(sql));

const formatOf = (directory: string) =>
  withRaft(directory, (database) => database.pragma("user_version", { simple: false }));

/** Takes back what format 2 added. */
const TO_FORMAT_1 =
  "alter table entries drop column checksum; alter table snapshots drop column checksum; pragma user_version = 1";

const entry = (index: number) => ({ index, epoch: 1, command: `{"é":${index}}` });
const snapshot = { index: 2, epoch: 1, image: '{"version":1}' };

/** As the kedge of format 1 left it, made by its own migration. */
function makeOfFormat1(directory: string): void {
  withRaft(directory, (database) => {
    for (const pragma of ["page_size = 4096", "auto_vacuum = 2", "journal_mode = wal"])
      database.exec(`pragma ${pragma}`);
    database.exec(`begin; ${readMigrations("raft")[0]}; pragma user_version = 1; commit`);
    database.exec("insert into identity values ('d', 'c', 1)");
    database.exec(`insert into snapshots values (2, 1, '${snapshot.image}')`);
    for (const { index, epoch, command } of [entry(3), entry(4)])
      database.exec(`insert into entries values (${index}, ${epoch}, '${command}')`);
  });
}

test("metadata of format 1 is upgraded; what it had is told as unchecked until a snapshot", () =>
  inFolder(async (directory) => {
    makeOfFormat1(directory);
    const old = { snapshot, entries: [entry(3), entry(4)], uncheckedTo: 4 };
    // A kill right after the upgrade leaves this.
    for (const _start of [1, 2]) {
      const store = await openLibsqlMetadataStore(directory);
      expect(await store.load()).toEqual(old);
      expect(await store.identity()).toEqual({ clusterId: "c", nodeId: 1, directoryId: "d" });
      await store.close();
      expect(formatOf(directory)).toEqual([{ user_version: known }]);
    }
    const store = await openLibsqlMetadataStore(directory);
    await store.append([entry(5)]);
    expect(await store.load()).toEqual({ ...old, entries: [...old.entries, entry(5)] });
    await store.saveSnapshot({ ...snapshot, index: 4 });
    const checked = { snapshot: { ...snapshot, index: 4 }, entries: [entry(5)], uncheckedTo: 0 };
    expect(await store.load()).toEqual(checked);
    await store.close();
  }));

test("a kill within the upgrade leaves format 1", () =>
  inFolder(async (directory) => {
    makeOfFormat1(directory);
    await inFolder(async (killed) => {
      const database = new Database(`${directory}/raft.db`);
      database.exec(`begin immediate; ${readMigrations("raft")[1]}`);
      await copyFolder(directory, killed);
      database.exec("rollback");
      database.close();
      const store = await openLibsqlMetadataStore(killed);
      expect(await store.load()).toMatchObject({ entries: [entry(3), entry(4)], uncheckedTo: 4 });
      await store.close();
    });
  }));

test("metadata of a newer format is refused and not touched", () =>
  inFolder(async (directory) => {
    await (await openLibsqlMetadataStore(directory)).close();
    change(directory, "pragma user_version = 99");
    const before = await readFile(`${directory}/raft.db`);
    const error = await caught(openLibsqlMetadataStore(directory));
    expect(String(error)).toContain(`has format 99; this kedge knows formats up to ${known}`);
    expect(await readFile(`${directory}/raft.db`)).toEqual(before);
  }));

let used: Awaited<ReturnType<typeof nodeFolder>>;

/** A node's folder after a clean stop, and what a backup of it has. */
beforeAll(async () => {
  used = await nodeFolder();
  const node = await start(`${used.path}/data`);
  await fetch(`${node.url}/v1/topics`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "kept", configs: { "cleanup.policy": "compact" } }),
  });
  await runCli(["backup", `${used.path}/backup`, "--url", node.url]);
  await node.stop();
});

afterAll(() => used.remove());

/** The policy of a topic that was made to be compacted, as a node tells it that starts on the folder. */
async function policyIn(data: string): Promise<unknown> {
  const node = await start(data);
  const answer = await fetch(`${node.url}/v1/topics/kept`);
  const topic: unknown = await answer.json();
  await node.stop();
  return topic;
}

const compacted = { configs: { "cleanup.policy": { value: "compact" } } };

test("a node's folder of format 1 goes on, soon with checksums; doctor has nothing against it", async () => {
  const folder = await nodeFolder();
  await cp(`${used.path}/data`, folder.path, { recursive: true });
  change(folder.path, TO_FORMAT_1);
  const { code, out } = await runCli(["doctor", "--data", folder.path]);
  expect([code, out]).toEqual([0, expect.stringContaining(`the next start brings it to ${known}`)]);
  expect(formatOf(folder.path)).toEqual([{ user_version: 1 }]);
  expect(await policyIn(folder.path)).toMatchObject(compacted);
  const node = await start(folder.path);
  await fetch(`${node.url}/v1/topics/new/records?create=true`, { method: "POST", body: "x" });
  await node.stop();
  const unchecked =
    "select count(*) from (select checksum from entries union all select checksum from snapshots) where checksum < 0";
  expect(withRaft(folder.path, (database) => database.prepare(unchecked).raw().all([]))).toEqual([
    [0],
  ]);
  expect(await policyIn(folder.path)).toMatchObject(compacted);
  await folder.remove();
});

const RESOURCE = `update entries set command = replace(command, '"resource"', '"resourcd"') where command like '%cleanup.policy%'`;
const REPLICAS = `update entries set command = replace(command, '"replicas"', '"replicar"')`;
const VALUE = `update entries set command = replace(command, '"compact"', '"compacu"')`;

test.each([
  ["format 1", "resource", `${TO_FORMAT_1}; ${RESOURCE}`],
  ["format 1", "replicas", `${TO_FORMAT_1}; ${REPLICAS}`],
  ["this format", "resource", RESOURCE],
  ["this format", "replicas", REPLICAS],
  ["this format", "value", VALUE],
])("in metadata of %s a flipped bit of %s refuses the start", async (_format, _key, sql) => {
  const folder = await nodeFolder();
  await cp(`${used.path}/data`, folder.path, { recursive: true });
  change(folder.path, sql);
  const contents = () =>
    withRaft(folder.path, (database) => database.prepare("select * from entries").raw().all([]));
  const told = await runCli(["doctor", "--data", folder.path]);
  expect([told.code, told.out]).toEqual([1, expect.stringContaining("restore a backup")]);
  const before = contents();
  for (const _attempt of [1, 2]) {
    const refused = await start(folder.path).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StartError);
    expect(String(refused)).toContain("restore a backup");
  }
  expect(contents()).toHaveLength(before.length);
  const again = await runCli(["doctor", "--data", folder.path]);
  expect([again.code, again.out]).toEqual([1, expect.stringContaining("restore a backup")]);
  await folder.remove();
});

test.each([
  ["of format 1", TO_FORMAT_1, true],
  ["of this format", "select 1", true],
  ["that is damaged", VALUE, false],
])("a restored backup %s is taken for what it is", async (_what, sql, isWhole) => {
  const folder = await nodeFolder();
  for (const name of ["log.db", "raft.db"])
    await cp(`${used.path}/backup/${name}`, `${folder.path}/${name}`);
  change(folder.path, sql);
  const { code } = await runCli(["doctor", "--data", folder.path]);
  expect(code).toBe(isWhole ? 0 : 1);
  const answer = await policyIn(folder.path).catch((error: unknown) => error);
  if (isWhole) expect(answer).toMatchObject(compacted);
  else expect(String(answer)).toContain("its checksum differs");
  await folder.remove();
});

/** Where a page says how many entries it has. */
const CELLS_AT = 3;

test("newest entries that their page does not count any more refuse the start", async () => {
  const folder = await nodeFolder();
  await cp(`${used.path}/data`, folder.path, { recursive: true });
  const raft = await readFile(`${folder.path}/raft.db`);
  const leaves = withRaft(folder.path, (database) =>
    database
      .prepare("select pageno from dbstat where name = 'entries' and pagetype = 'leaf'")
      .raw()
      .all([]),
  );
  const cellsAt = (Number(leaves.flat().at(-1)) - 1) * RAFT_PAGE_BYTES + CELLS_AT;
  raft.writeUInt16BE(raft.readUInt16BE(cellsAt) - 1, cellsAt);
  await writeFile(`${folder.path}/raft.db`, raft);
  const refused = await start(folder.path).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(StartError);
  expect(String(refused)).toContain("restore a backup");
  await folder.remove();
});

test.each([
  [
    "a column",
    "pragma writable_schema = on; update sqlite_schema set sql = replace(sql, 'checksum', 'checktum')",
  ],
  ["a format", "pragma user_version = 1"],
  [
    "a word",
    "pragma writable_schema = on; update sqlite_schema set sql = replace(sql, 'CREATE', 'CREETE')",
  ],
])("%s that damage changed refuses the start, and says what to do", async (_what, sql) => {
  const folder = await nodeFolder();
  await cp(`${used.path}/data`, folder.path, { recursive: true });
  change(folder.path, sql);
  const refused = await start(folder.path).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(StartError);
  expect(String(refused)).toMatch(/restore a backup|restored from a backup/);
  await folder.remove();
});
