/**
 * A byte that the disk gives back otherwise than it was written: no door shows it as a record, the answer says where it is,
 * and all else can be read.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Gap, Kedge } from "../../src/client/client.ts";
import type { Node } from "../../src/node.ts";
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { withSql } from "./libsql-folder.ts";
import { jsonLines, runCli } from "./run-cli.ts";

// Files are synced, which takes its time on a busy disk.
setDefaultTimeout(30_000);

/** Three batches in partition 0, of which the second will be damaged; one in partition 1. */
const batches = [
  ["tea-0", "tea-1"],
  ["tea-2", "tea-3"],
  ["tea-4", "tea-5"],
];
const damage = { partition: 0, from: 2, next: 4 };
const whole = ["tea-0", "tea-1", "tea-4", "tea-5", "milk"];

let folder: string;
let node: Node;

const ask = (path: string, init: RequestInit = {}) => fetch(`${node.url}/v1${path}`, init);

async function append(partition: number, values: readonly string[]): Promise<void> {
  const body = JSON.stringify({ records: values.map((value) => ({ value })) });
  const path = `/topics/teas/partitions/${partition}/records`;
  const headers = { "content-type": "application/json" };
  expect((await ask(path, { method: "POST", body, headers })).status).toBe(200);
}

/** Changes one letter of a value that lies in the file. */
function flip(directory: string, value: string): void {
  withSql(directory, (database) => {
    const find = database.prepare("select rowid as id, data from rows where instr(data, ?) > 0");
    const found = find.get([Buffer.from(value)]) as { id: number; data: Buffer };
    const data = Buffer.from(found.data);
    const at = data.indexOf(value);
    data.writeUInt8(data.readUInt8(at) ^ 1, at);
    database.prepare("update rows set data = ? where rowid = ?").run([data, found.id]);
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kedge-damage-"));
  const directory = join(folder, "data");
  node = await startInProcess(["--data", directory, ...anyPorts]);
  await new Kedge({ url: node.url }).createTopic({ name: "teas", partitions: 2 });
  for (const values of batches) await append(0, values);
  await append(1, ["milk"]);
  await node.stop();
  flip(directory, "tea-2");
  // The newest rows are looked at when a log is opened: these lie behind them.
  node = await startInProcess(["--data", directory, ...anyPorts]);
});

afterAll(async () => {
  await node.stop();
  await rm(folder, { recursive: true });
});

test("a page ends before the damage; who goes on there is told the place and where to read on", async () => {
  const first = await ask("/topics/teas/partitions/0/records?from=0");
  expect(first.status).toBe(200);
  expect(await first.json()).toMatchObject({
    records: [{ value: "tea-0" }, { value: "tea-1" }],
    next: 2,
  });
  const second = await ask("/topics/teas/partitions/0/records?from=2");
  expect(second.status).toBe(500);
  expect(await second.json()).toMatchObject({ code: "log_damaged", topic: "teas", ...damage });
  const third = await ask("/topics/teas/partitions/0/records?from=4");
  expect(await third.json()).toMatchObject({ records: [{ value: "tea-4" }, { value: "tea-5" }] });
});

test("a live stream ends with it", async () => {
  const text = await (await ask("/tail?topic=teas:0&from=2")).text();
  expect(text).toContain("event: end");
  expect(text).toContain('"code":"log_damaged"');
  expect(text).not.toContain("event: record");
});

test("the client throws it, or tells of a gap and goes on", async () => {
  const topic = new Kedge({ url: node.url }).topic("teas");
  const read = async (onGap?: (gap: Gap) => void) => {
    const values: unknown[] = [];
    for await (const { value } of topic.records({ onGap })) values.push(value);
    return values;
  };
  const thrown = await read().catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: "log_damaged", retryable: false });
  const gaps: Gap[] = [];
  const values = await read((gap) => gaps.push(gap));
  expect(new Set(values)).toEqual(new Set(whole));
  expect(values).toHaveLength(whole.length);
  expect(gaps).toEqual([{ topic: "teas", partition: 0, from: 2, to: 4, reason: "damaged" }]);
});

test("export writes all else, names what is left out, and exits with 6", async () => {
  const file = join(folder, "teas.jsonl");
  const { code, err } = await runCli(["--url", node.url, "export", "teas", "-f", file]);
  expect(code).toBe(6);
  expect(err).toContain("offsets 2 to 3 of partition 0 are damaged");
  const [, ...records] = jsonLines(await readFile(file, "utf8"));
  const values = records.map((record) => (record as { value: unknown }).value);
  expect(new Set(values)).toEqual(new Set(whole));
  expect(values).toHaveLength(whole.length);
});

test("consume does so too", async () => {
  const { code, out, err } = await runCli(["--url", node.url, "consume", "teas", "-o", "raw"]);
  expect([code, out.split("\n").length - 1]).toEqual([6, whole.length]);
  expect(err).toContain("records 2 to 3 of partition 0 are damaged");
});

test("the node looks for it while it serves, a part at a time", async () => {
  const at = (partition: number, query = "") =>
    ask(`/topics/teas/partitions/${partition}/check${query}`).then((answer) => answer.json());
  const why = "a batch's checksum is wrong";
  expect(await at(0)).toEqual({
    topic: "teas",
    partition: 0,
    from: 0,
    next: 6,
    end: 6,
    batches: 3,
    bytes: expect.any(Number),
    damaged: [{ from: damage.from, next: damage.next, why }],
  });
  expect(await at(0, "?from=4")).toMatchObject({ from: 4, next: 6, damaged: [] });
  expect(await at(1)).toMatchObject({ next: 1, damaged: [] });
  expect((await ask("/topics/teas/partitions/0/check?from=7")).status).toBe(416);
  expect((await ask("/topics/teas/partitions/9/check")).status).toBe(404);
  expect((await ask("/topics/teas/partitions/0/check?max_bytes=0")).status).toBe(400);
});

test("doctor asks it to, and names the place; --quick does not", async () => {
  const { code, out } = await runCli(["--url", node.url, "doctor"]);
  expect(code).toBe(1);
  expect(jsonLines(out)).toEqual(
    expect.arrayContaining([
      {
        state: "wrong",
        what: "teas 0",
        detail: "offsets 2 to 3 are damaged: a batch's checksum is wrong",
      },
      expect.objectContaining({
        state: "wrong",
        what: "records",
        detail: expect.stringContaining("restore a backup"),
      }),
    ]),
  );
  expect((await runCli(["--url", node.url, "doctor", "--quick"])).code).toBe(0);
});

test("the console consumer over Kafka's protocol stops at it", async () => {
  const { code, err } = await runCli([
    "kafka-console-consumer",
    `--bootstrap-server=${kafkaAddress(node)}`,
    "--topic=teas",
    "--partition=0",
    "--offset=0",
    "--timeout-ms=5000",
  ]);
  expect(code).toBe(1);
  expect(err).toMatch(/CRC/);
});
