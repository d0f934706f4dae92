/**
 * Backup, restore and doctor against a whole node on disk: what was acknowledged before a backup is in it; what is damaged
 * is found and refused.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import {
  copyFile,
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Kedge } from "../../src/client/client.ts";
import type { Node } from "../../src/node.ts";
import { startInProcess } from "./in-process-node.ts";
import { jsonLines, type Ran, runCli } from "./run-cli.ts";

// Files are synced, which takes its time on a busy disk.
setDefaultTimeout(30_000);

let folder: string;
let node: Node;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kedge-backup-"));
  node = await start("data");
  const kedge = new Kedge({ url: node.url });
  await kedge.createTopic({ name: "kept", partitions: 3, configs: { "retention.ms": "-1" } });
  const records = Array.from({ length: 500 }, (_, n) => ({ key: `k${n}`, value: `v${n}` }));
  await kedge.topic("kept").produce(records);
});

afterAll(async () => {
  await node.stop();
  await rm(folder, { recursive: true });
});

function start(name: string): Promise<Node> {
  const doors = ["--http", "127.0.0.1:0", "--kafka", "none"];
  return startInProcess(["--data", join(folder, name), ...doors]);
}

const kedge = (...args: string[]) => runCli([...args, "--url", node.url]);

/** Files and folders that are synced while a command runs, in order, by what they are called at its end. */
async function syncedWhile(command: () => Promise<Ran>): Promise<string[]> {
  const probe = await open(folder, "r");
  const handles = Object.getPrototypeOf(probe) as { sync: (this: FileHandle) => Promise<void> };
  const synced: number[] = [];
  const spy = spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
    synced.push((await this.stat()).ino);
  });
  try {
    expect((await command()).err).not.toContain("kedge:");
  } finally {
    spy.mockRestore();
    await probe.close();
  }
  const paths = [folder, ...(await readdir(folder, { recursive: true }))];
  const named = await Promise.all(
    paths.map(async (path) => {
      const whole = resolve(folder, path);
      return [(await stat(whole)).ino, whole] as const;
    }),
  );
  return synced.map((ino) => new Map(named).get(ino) ?? "gone");
}

async function recordsOf(url: string): Promise<string[]> {
  const records = await Array.fromAsync(new Kedge({ url }).topic("kept").records());
  return records
    .map(
      ({ partition, offset, key, value }) =>
        `${partition} ${offset} ${String(key)} ${String(value)}`,
    )
    .toSorted((a, b) => a.localeCompare(b));
}

test("a live backup restores to what was acknowledged, and no offset is given twice", async () => {
  const [backup, restored] = [join(folder, "b1"), join(folder, "r1")];
  const before = await recordsOf(node.url);
  expect((await kedge("backup", backup)).code).toBe(0);
  expect((await readdir(join(folder, "data"))).filter((name) => name.startsWith("backup"))).toEqual(
    [],
  );
  // Acknowledged after the backup: its offset must not come again in the restored log.
  const late = await new Kedge({ url: node.url })
    .topic("kept")
    .produce({ value: "late", partition: 0 });
  expect((await kedge("backup", backup)).code).toBe(1);
  expect((await kedge("restore", backup, "--data", restored)).code).toBe(0);
  expect((await kedge("restore", backup, "--data", restored)).code).toBe(1);
  const other = await start("r1");
  try {
    expect(await recordsOf(other.url)).toEqual(before);
    const again = new Kedge({ url: other.url });
    const next = await again.topic("kept").produce({ value: "next", partition: 0 });
    expect(next.offset).toBeGreaterThan(late.offset);
    expect((await again.describeTopic("kept")).configs["retention.ms"]?.value).toBe("-1");
  } finally {
    await other.stop();
  }
  const healthy = await runCli(["doctor", "--data", restored]);
  expect([healthy.code, healthy.out]).toEqual([
    0,
    expect.stringContaining("every checksum is right"),
  ]);
});

test("a restored node gives no offset again in an empty or later partition, and no producer id", async () => {
  const [backup, restored] = [join(folder, "b6"), join(folder, "r6")];
  const original = await start("o6");
  const source = new Kedge({ url: original.url });
  let ids = 0;
  const producerIn = async (url: string): Promise<number> => {
    const body = JSON.stringify({ transactional_id: `t${ids++}` });
    const headers = { "content-type": "application/json" };
    for (;;) {
      const answer = await fetch(`${url}/v1/txns`, { method: "POST", body, headers });
      const { producer_id: id } = (await answer.json()) as { producer_id?: number };
      if (id !== undefined) return id;
      await Bun.sleep(50);
    }
  };
  await source.createTopic({ name: "hollow", partitions: 2 });
  await producerIn(original.url);
  expect((await runCli(["backup", backup, "--url", original.url])).code).toBe(0);
  const giveIn = async (client: Kedge): Promise<number[]> => {
    const offsets: number[] = [];
    for (const partition of [0, 1, 2])
      offsets.push((await client.topic("hollow").produce({ value: "v", partition })).offset);
    return offsets;
  };
  const grow = (url: string) => runCli(["topic", "alter", "hollow", "-p", "3", "--url", url]);
  expect((await grow(original.url)).code).toBe(0);
  for (let block = 0; block < 2; block++)
    expect(await giveIn(source)).toEqual([block, block, block]);
  const given = await producerIn(original.url);
  await original.stop();
  expect((await runCli(["restore", backup, "--data", restored])).code).toBe(0);
  for (const far of [1e11, 1e11 + 1]) {
    const other = await start("r6");
    try {
      await grow(other.url);
      expect(await giveIn(new Kedge({ url: other.url }))).toEqual([far, far, far]);
      expect(await producerIn(other.url)).toBeGreaterThan(given + 1e8);
      // Who read the original to its end goes on with the first record that is here.
      const [first] = await Array.fromAsync(
        new Kedge({ url: other.url }).topic("hollow").records({ partition: 0, from: 2 }),
      );
      expect(first?.offset).toBe(1e11);
    } finally {
      await other.stop();
    }
  }
});

test("a power cut takes no restored, saved or exported data back", async () => {
  const [backup, restored] = [join(folder, "b5"), join(folder, "new", "r5", "/")];
  const file = join(folder, "kept.jsonl");
  const made = await syncedWhile(() => kedge("backup", backup));
  expect(made).toEqual(expect.arrayContaining([join(backup, "log.db"), backup]));
  expect(made.at(-1)).toBe(folder);
  const again = await syncedWhile(() => kedge("restore", backup, "--data", restored));
  const names = (await readdir(restored)).map((name) => join(restored, name));
  expect(again).toEqual(expect.arrayContaining([...names, join(folder, "new", "r5")]));
  expect(again.slice(-2)).toEqual([join(folder, "new"), folder]);
  expect(await syncedWhile(() => kedge("export", "kept", "-f", file))).toEqual([file, folder]);
});

test("after a clean stop log.db and raft.db are all there is to copy", async () => {
  const [whole, copied] = [join(folder, "c1"), join(folder, "c2")];
  const before = await start("c1");
  const made = new Kedge({ url: before.url });
  await made.createTopic({ name: "kept" });
  const last = await made.topic("kept").produce({ key: "k", value: "v" });
  await before.stop();
  await mkdir(copied);
  for (const name of ["log.db", "raft.db"]) await copyFile(join(whole, name), join(copied, name));
  const after = await start("c2");
  try {
    expect(await recordsOf(after.url)).toEqual([`0 ${last.offset} k v`]);
    const next = await new Kedge({ url: after.url }).topic("kept").produce({ value: "next" });
    expect(next.offset).toBe(last.offset + 1);
  } finally {
    await after.stop();
  }
});

test("a damaged or cut backup is refused", async () => {
  const backup = join(folder, "b2");
  await kedge("backup", backup);
  const log = join(backup, "log.db");
  const bytes = await readFile(log);
  bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
  await writeFile(log, bytes);
  const damaged = await kedge("restore", backup, "--data", join(folder, "r2"));
  expect([damaged.code, damaged.err]).toEqual([1, expect.stringContaining("damaged")]);
  await rm(join(backup, "raft.db"));
  const parted = await kedge("restore", backup, "--data", join(folder, "r2"));
  expect([parted.code, parted.err]).toEqual([3, expect.stringContaining("raft.db is missing")]);
  await rm(join(backup, "manifest.json"));
  expect((await kedge("restore", backup, "--data", join(folder, "r2"))).code).toBe(3);
  expect((await readdir(folder)).filter((name) => /r2|partial/.test(name))).toEqual([]);
  const cut = await runCli(["backup", join(folder, "b3"), "--url", node.url], {
    fetch: async (url, init) => {
      const answer = await fetch(url, init);
      const whole = await answer.bytes();
      return new Response(whole.subarray(0, whole.length - 2_000));
    },
  });
  expect([cut.code, cut.err]).toEqual([1, expect.stringContaining("cut off")]);
});

test("doctor finds a flipped bit in a record, a cut file, a newer format and a node at work", async () => {
  const inUse = await runCli(["doctor", "--data", join(folder, "data")]);
  expect([inUse.code, inUse.err]).toEqual([1, expect.stringContaining("stop it first")]);
  expect((await kedge("doctor")).code).toBe(0);
  expect((await runCli(["doctor", "--data", join(folder, "nowhere")])).code).toBe(3);
  const sick = join(folder, "r3");
  await kedge("backup", join(folder, "b4"));
  await kedge("restore", join(folder, "b4"), "--data", sick);
  const log = join(sick, "log.db");
  const whole = await readFile(log);
  const flipped = new Uint8Array(whole);
  const at = whole.lastIndexOf("v499");
  expect(at).toBeGreaterThan(0);
  flipped[at] = 0;
  await writeFile(log, flipped);
  const found = await runCli(["doctor", "--data", sick]);
  expect([found.code, jsonLines(found.out)]).toEqual([
    1,
    expect.arrayContaining([
      expect.objectContaining({
        state: "wrong",
        what: "records",
        detail: expect.stringContaining("checksum"),
      }),
    ]),
  ]);
  expect((await runCli(["doctor", "--data", sick, "--quick"])).code).toBe(0);
  const newer = new Uint8Array(whole);
  newer[63] = 99;
  await writeFile(log, newer);
  const format = await runCli(["doctor", "--data", sick]);
  expect([format.code, format.out]).toEqual([1, expect.stringContaining("run the newer kedge")]);
  await writeFile(log, whole);
  await truncate(log, whole.length - 16_384);
  const cut = await runCli(["doctor", "--data", sick]);
  expect(cut.code).toBe(1);
});
