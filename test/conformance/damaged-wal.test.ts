/**
 * A write-ahead log that is damaged in its midst, met after a kill: what was committed behind is lost, and told; no offset is
 * given again, of no log; what lay before is there. Metadata is refused instead.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cp, readFile, writeFile } from "node:fs/promises";
import { $ } from "bun";
import Database from "libsql";
import type { Logger } from "../../src/lib/logger.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import type { Node } from "../../src/node.ts";
import { StartError } from "../../src/runtime/start-error.ts";
import { anyPorts, startInProcess } from "./in-process-node.ts";
import { nodeFolder } from "./node.ts";
import { jsonLines, runCli } from "./run-cli.ts";

// Files are synced, which takes its time on a busy disk.
setDefaultTimeout(30_000);

const RECORDS = 40;
const start = (data: string, logger: Logger = silentLogger) =>
  startInProcess(["--data", data, ...anyPorts], { logger });

let killed: Awaited<ReturnType<typeof nodeFolder>>;
/** By topic, the offset after the last that was given. */
const ends = new Map<string, number>();

async function append(node: Node, topic: string, value: string): Promise<number> {
  const url = `${node.url}/v1/topics/${topic}/records?create=true`;
  const response = await fetch(url, { method: "POST", body: value });
  expect(response.status).toBe(200);
  const { results }: { results: [{ offset: number }] } = await response.json();
  return results[0].offset;
}

async function read(node: Node, topic: string): Promise<{ offset: number; value: string }[]> {
  const response = await fetch(`${node.url}/v1/topics/${topic}/partitions/0/records`);
  const { records }: { records: { offset: number; value: string }[] } = await response.json();
  return records;
}

/** Old records are in the file; newer ones, and a newer topic, in the write-ahead logs of a copy made while the node runs. */
beforeAll(async () => {
  killed = await nodeFolder();
  const live = await nodeFolder();
  let node = await start(live.path);
  for (let at = 0; at < RECORDS; at += 1) await append(node, "early", `old ${at}`);
  await node.stop();
  node = await start(live.path);
  for (let at = 0; at < RECORDS; at += 1)
    ends.set("early", 1 + (await append(node, "early", `new ${at}`)));
  for (let at = 0; at < RECORDS; at += 1)
    ends.set("late", 1 + (await append(node, "late", `late ${at}`)));
  await $`cp -r ${live.path}/. ${killed.path}`;
  await node.stop();
  await live.remove();
});

afterAll(() => killed.remove());

/** Of the folder, with a bit flipped at this share of the file. */
async function damagedCopy(name: string, share: number, from = killed.path) {
  const folder = await nodeFolder();
  await cp(from, folder.path, { recursive: true });
  const bytes = await readFile(`${folder.path}/${name}`);
  const at = Math.floor(bytes.length * share);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(`${folder.path}/${name}`, bytes);
  return folder;
}

/** Keeps what is logged as an error. */
function errorLog(): { readonly logger: Logger; readonly errors: string[] } {
  const errors: string[] = [];
  const keep = (message: string, facts: unknown) =>
    errors.push(`${message} ${JSON.stringify(facts)}`);
  return { logger: { ...silentLogger, error: keep }, errors };
}

test.each([0, 0.02, 0.3, 0.5, 0.8])(
  "damage at %p of log.db-wal: told, and no offset is given again",
  async (share) => {
    const folder = await damagedCopy("log.db-wal", share);
    const doctor = await runCli(["doctor", "--data", folder.path]);
    expect(doctor.code).toBe(1);
    const found = { state: "wrong", what: "log.db-wal" };
    expect(jsonLines(doctor.out)).toContainEqual(expect.objectContaining(found));
    const { logger, errors } = errorLog();
    let node = await start(folder.path, logger);
    expect(errors).toEqual([expect.stringContaining("log.db-wal is damaged")]);
    const kept = await read(node, "early");
    expect(kept.length).toBeGreaterThanOrEqual(RECORDS);
    expect(kept.length).toBeLessThanOrEqual(2 * RECORDS);
    for (const [at, { offset, value }] of kept.entries()) {
      expect(offset).toBe(at);
      expect(value).toBe(at < RECORDS ? `old ${at}` : `new ${at - RECORDS}`);
    }
    for (const topic of ["early", "late"]) {
      const before = ends.get(topic) ?? 0;
      const offset = await append(node, topic, "after");
      expect(offset).toBeGreaterThanOrEqual(before);
      // Whoever had read everything steps over what is lost.
      const next = await fetch(
        `${node.url}/v1/topics/${topic}/partitions/0/records?from=${before}`,
      );
      const { records }: { records: unknown[] } = await next.json();
      expect(records).toEqual([expect.objectContaining({ offset, value: "after" })]);
    }
    await node.stop();
    node = await start(folder.path);
    expect((await read(node, "early")).length).toBe(kept.length + 1);
    await node.stop();
    await folder.remove();
  },
);

test("damage that was told once is not told again, and nothing more is skipped", async () => {
  const folder = await damagedCopy("log.db-wal", 0.3);
  const node = await start(folder.path);
  const offset = await append(node, "early", "after");
  const later = await nodeFolder();
  await cp(folder.path, later.path, { recursive: true });
  await node.stop();
  const { logger, errors } = errorLog();
  const next = await start(later.path, logger);
  expect(errors).toEqual([]);
  expect(await append(next, "early", "once more")).toBe(offset + 1);
  await next.stop();
  await folder.remove();
  await later.remove();
});

test("a file into which newer pages were copied before the damage is refused, untouched, or whole", async () => {
  const copied = await nodeFolder();
  await cp(killed.path, copied.path, { recursive: true });
  const database = new Database(`${copied.path}/log.db`);
  database.exec("pragma wal_checkpoint(passive)");
  let refusals = 0;
  for (const share of [0.02, 0.04, 0.06, 0.5]) {
    const folder = await damagedCopy("log.db-wal", share, copied.path);
    const files = () =>
      Promise.all(["log.db", "log.db-wal"].map((name) => readFile(`${folder.path}/${name}`)));
    const before = await files();
    let node: Node | null = null;
    try {
      node = await start(folder.path);
    } catch (error) {
      refusals += 1;
      expect(String(error)).toContain("restore a backup");
      expect(await files()).toEqual(before);
    }
    if (node) {
      expect((await read(node, "early")).length).toBeGreaterThanOrEqual(RECORDS);
      await node.stop();
      const doctor = await runCli(["doctor", "--data", folder.path]);
      expect(doctor.code).toBe(0);
    }
    await folder.remove();
  }
  expect(refusals).toBeGreaterThan(0);
  database.close();
  await copied.remove();
});

test.each([0.3, 0.6, 0.9])("damage at %p of raft.db-wal: the start is refused", async (share) => {
  const folder = await damagedCopy("raft.db-wal", share);
  const refused = await start(folder.path).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(StartError);
  expect(String(refused)).toContain("restore a backup");
  await folder.remove();
});
