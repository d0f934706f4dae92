/**
 * A folder whose metadata, or whose logs, have lost something: it is refused, told why, and none of its records is deleted.
 *
 * - The folder is that of a node that was killed: everything lies in the write-ahead logs still.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { cp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { $ } from "bun";
import Database from "libsql";
import type { Node } from "../../src/node.ts";
import { StartError } from "../../src/runtime/start-error.ts";
import { anyPorts, startInProcess } from "./in-process-node.ts";
import { nodeFolder } from "./node.ts";
import { runCli } from "./run-cli.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

const start = (data: string) => startInProcess(["--data", data, ...anyPorts]);

const produce = (node: Node, topic: string) =>
  fetch(`${node.url}/v1/topics/${topic}/records?create=true`, { method: "POST", body: topic });

async function topicsWithRecords(node: Node, topics: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const topic of topics) {
    const response = await fetch(`${node.url}/v1/topics/${topic}/partitions/0/records`);
    if (!response.ok) continue;
    const { records }: { records: { value: string }[] } = await response.json();
    found.push(...records.map(({ value }) => value));
  }
  return found;
}

async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(5_000) ^ 1, 5_000);
  await writeFile(path, bytes);
}

const topics = ["a", "b", "c"];

/** A copy, by another process, of a node's folder while it runs: what a kill would leave. */
async function killedFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const folder = await nodeFolder();
  const live = await nodeFolder();
  const node = await start(live.path);
  for (const topic of topics) await produce(node, topic);
  await $`cp -r ${live.path}/. ${folder.path}`;
  await node.stop();
  await live.remove();
  return folder;
}

const damages: readonly (readonly [string, (wal: string) => Promise<void>])[] = [
  ["has a flipped bit", flipBit],
  ["is empty", (wal) => truncate(wal)],
  ["is missing", (wal) => rm(wal)],
  ["is cut", async (wal) => truncate(wal, Math.floor((await readFile(wal)).length * 0.7))],
];

test.each(damages)("raft.db-wal %s: the start is refused, nothing lost", async (_, damage) => {
  const folder = await killedFolder();
  const damaged = await nodeFolder();
  await cp(folder.path, damaged.path, { recursive: true });
  await damage(`${damaged.path}/raft.db-wal`);
  for (const _attempt of [1, 2]) {
    const refused = await start(damaged.path).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StartError);
    expect(String(refused)).toContain("raft.db-wal, is damaged or older than log.db");
    expect(String(refused)).toContain("restore a backup");
  }
  const { code, out } = await runCli(["doctor", "--data", damaged.path]);
  expect([code, out]).toEqual([1, expect.stringContaining("restore a backup")]);
  // The logs that were refused, and metadata that is whole, in a folder that nobody has opened.
  const mended = await nodeFolder();
  for (const name of ["raft.db", "raft.db-wal"])
    await cp(`${folder.path}/${name}`, `${mended.path}/${name}`);
  await $`cp ${damaged.path}/log.db ${mended.path}`;
  await cp(`${damaged.path}/log.db-wal`, `${mended.path}/log.db-wal`).catch(() => {});
  const node = await start(mended.path);
  expect(await topicsWithRecords(node, topics)).toEqual(topics);
  await node.stop();
  await mended.remove();
  await damaged.remove();
  await folder.remove();
});

test.each(damages.slice(0, 3))("log.db-wal %s: no offset is given again", async (_, damage) => {
  const folder = await killedFolder();
  await damage(`${folder.path}/log.db-wal`);
  const before = await readFile(`${folder.path}/raft.db-wal`);
  for (const _attempt of [1, 2]) {
    const refused = await start(folder.path).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StartError);
    expect(String(refused)).toContain("log.db-wal, is damaged");
    expect(String(refused)).toContain("restore a backup");
  }
  expect(await readFile(`${folder.path}/raft.db-wal`)).toEqual(before);
  await folder.remove();
});

test.each(["raft.db", "log.db"])("a %s that is no database is told as such", async (name) => {
  const folder = await killedFolder();
  await writeFile(`${folder.path}/${name}`, "A".repeat(4096));
  const refused = await start(folder.path).catch((error: unknown) => error);
  expect(String(refused)).toContain(`${name} is no database of kedge's`);
  await folder.remove();
});

test("a topic deleted just before a kill is no loss: the start lets its logs go", async () => {
  const folder = await nodeFolder();
  const live = await nodeFolder();
  const node = await start(live.path);
  for (const topic of topics) await produce(node, topic);
  // The logs as they were, the metadata as it is once the topic is gone.
  await $`cp -r ${live.path}/. ${folder.path}`;
  await fetch(`${node.url}/v1/topics/b`, { method: "DELETE" });
  await $`cp ${live.path}/raft.db ${live.path}/raft.db-wal ${folder.path}`;
  await node.stop();
  const again = await start(folder.path);
  expect(await topicsWithRecords(again, topics)).toEqual(["a", "c"]);
  await again.stop();
  await live.remove();
  await folder.remove();
});

const badText: readonly (readonly [string, string, RegExp])[] = [
  ["raft.db", "update entries set command = cast(x'c328' as text) where \"index\" = 2", /no text/],
  [
    "raft.db",
    'update entries set command = \'{"type\' where "index" = 2',
    /command 2 .* its checksum differs/,
  ],
  ["raft.db", "update identity set cluster_id = cast(x'ff' as text)", /no text/],
  ["log.db", "update partitions set topic_id = cast(x'ff' as text) where id = 1", /log 1 is of/],
  ["log.db", "update partitions set topic_id = x'00' where id = 1", /log 1 is of/],
  ["log.db", "update partitions set epoch = 'one' where id = 1", /its table of partitions/],
];

test.each(badText)(
  "%s after %s: the start is refused, and what to do is told",
  async (name, sql, why) => {
    const folder = await killedFolder();
    change(`${folder.path}/${name}`, sql);
    const refused = await start(folder.path).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StartError);
    expect(String(refused)).toMatch(why);
    expect(String(refused)).toContain("restore a backup");
    expect(String(refused)).not.toContain("    at ");
    const { code, out } = await runCli(["doctor", "--data", folder.path]);
    expect([code, out]).toEqual([1, expect.stringContaining("restore a backup")]);
    await folder.remove();
  },
);

test("a mark in log.db that cannot be read counts as a power cut, and all topics are there", async () => {
  const folder = await killedFolder();
  change(`${folder.path}/log.db`, "update meta set value = cast(x'c328' as text)");
  const node = await start(folder.path);
  expect(await topicsWithRecords(node, topics)).toEqual(topics);
  const answer = await produce(node, "a");
  expect(await answer.json()).toMatchObject({ results: [{ offset: 10_001 }] });
  await node.stop();
  await folder.remove();
});

function change(path: string, sql: string): void {
  const database = new Database(path, { timeout: 1_000 });
  database.exec(sql);
  database.close();
}

test("doctor names the logs that no topic claims", async () => {
  const folder = await killedFolder();
  const since = `(select min("index") from entries where command like '%"name":"b"%')`;
  change(`${folder.path}/raft.db`, `delete from entries where "index" >= ${since}`);
  const { code, out } = await runCli(["doctor", "--data", folder.path]);
  expect([code, out]).toEqual([
    1,
    expect.stringMatching(
      /"logs","detail":"2 logs with records.*log 2 \(partition 0 of topic id \S+, offsets 0 to 0\)/,
    ),
  ]);
  await folder.remove();
});
