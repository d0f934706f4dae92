/** Doctor of a folder that SQLite cannot read: a finding for each file, never a stack trace; a damaged lock is named. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { $ } from "bun";
import { StartError } from "../../src/runtime/start-error.ts";
import { anyPorts, startInProcess } from "./in-process-node.ts";
import { nodeFolder } from "./node.ts";
import { jsonLines, runCli } from "./run-cli.ts";

// Files are synced, which takes its time on a busy disk.
setDefaultTimeout(30_000);

let killed: Awaited<ReturnType<typeof nodeFolder>>;

/** What a kill leaves of a young node: everything is in the write-ahead logs. */
beforeAll(async () => {
  killed = await nodeFolder();
  const live = await nodeFolder();
  const node = await startInProcess(["--data", live.path, ...anyPorts]);
  await fetch(`${node.url}/v1/topics/t/records?create=true`, { method: "POST", body: "x" });
  await $`cp -r ${live.path}/. ${killed.path}`;
  await node.stop();
  await live.remove();
});

afterAll(() => killed.remove());

async function damagedCopy(name: string, damage: (bytes: Buffer) => void) {
  const folder = await nodeFolder();
  await $`cp -r ${killed.path}/. ${folder.path}`;
  const bytes = await readFile(`${folder.path}/${name}`);
  damage(bytes);
  await writeFile(`${folder.path}/${name}`, bytes);
  return folder;
}

const flipBit = (bytes: Buffer) => bytes.writeUInt8(bytes.readUInt8(5_000) ^ 1, 5_000);

test.each([
  ["raft.db-wal", "raft.db-wal"],
  ["log.db-wal", "log.db-wal"],
])("one flipped bit in %s is a finding", async (name, what) => {
  const folder = await damagedCopy(name, flipBit);
  const { code, out, err } = await runCli(["doctor", "--data", folder.path]);
  expect([code, err]).toEqual([1, ""]);
  const restore = expect.stringContaining("restore a backup");
  const wrong = expect.objectContaining({ state: "wrong", what, detail: restore });
  expect(jsonLines(out)).toEqual(expect.arrayContaining([wrong]));
  await folder.remove();
});

test("a damaged lock.db is named, by a start and by doctor, with what to do", async () => {
  const folder = await damagedCopy("lock.db", (bytes) => bytes.fill(0x41, 100, 4_000));
  const refused = await startInProcess(["--data", folder.path, ...anyPorts]).catch(
    (error: unknown) => error,
  );
  expect(refused).toBeInstanceOf(StartError);
  expect(String(refused)).toContain("lock.db is damaged: delete that file");
  const { code, out } = await runCli(["doctor", "--data", folder.path]);
  expect(code).toBe(1);
  const wrong = expect.objectContaining({ state: "wrong", what: "lock.db" });
  expect(jsonLines(out)).toEqual(expect.arrayContaining([wrong]));
  await $`rm ${folder.path}/lock.db`;
  const node = await startInProcess(["--data", folder.path, ...anyPorts]);
  await node.stop();
  await folder.remove();
});
