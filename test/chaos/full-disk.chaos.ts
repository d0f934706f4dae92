/**
 * A node whose disk fills up: writes are refused with 507 storage_full and Retry-After, reads go on, the node lives; once
 * there is room again, whoever made it, writes come back without a restart.
 *
 * The disk is a small tmpfs, which takes Linux and root; elsewhere the suite says so and is left out.
 */
import { expect, test } from "bun:test";
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../bench/server.ts";
import { spawnNode } from "./node-process.ts";

const diskMb = 256;
/** What somebody else keeps on the disk; the node leaves 64 MiB free by itself. */
const ballastMb = 100;
const recordBytes = 16 * 1024;
/** 40 MB: a delete must free more than what it writes. */
const droppedRecords = 2500;
const recoveryTimeoutMs = 30_000;

function mount(...words: string[]): boolean {
  return Bun.which("mount") !== null && Bun.spawnSync(["mount", ...words]).success;
}

const probe = await mkdtemp(join(tmpdir(), "kedge-mount-"));
const canMount = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", probe);
if (canMount) Bun.spawnSync(["umount", probe]);
await rm(probe, { recursive: true });
if (!canMount) console.log("left out: a small disk takes mount and root");

interface Disk {
  readonly directory: string;
  readonly path: string;
}

async function withSmallDisk(run: (disk: Disk) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "kedge-full-"));
  const path = await mkdtemp(join(directory, "disk-"));
  if (!mount("-t", "tmpfs", "-o", `size=${diskMb}m`, "tmpfs", path)) throw new Error("no tmpfs");
  try {
    await run({ directory, path });
  } finally {
    Bun.spawnSync(["umount", "-l", path]);
    await rm(directory, { recursive: true, force: true });
  }
}

/** Writes until the disk has nothing left. */
function fillUp(path: string): string {
  const file = openSync(path, "w");
  const piece = Buffer.alloc(1 << 16, 1);
  try {
    for (;;) writeSync(file, piece);
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  } finally {
    closeSync(file);
  }
  return path;
}

/** A client that counts what was acknowledged. */
class Writer {
  readonly acked: string[] = [];
  readonly #origin: string;
  readonly #topic: string;
  #count = 0;

  constructor(origin: string, topic: string) {
    this.#origin = origin;
    this.#topic = topic;
  }

  get path(): string {
    return `${this.#origin}/v1/topics/${this.#topic}/partitions/0/records`;
  }

  async create(): Promise<void> {
    const answer = await fetch(`${this.#origin}/v1/topics`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: this.#topic, partitions: 1 }),
    });
    expect(answer.status, await answer.text()).toBe(201);
  }

  async write(): Promise<Response> {
    const value = `${this.#topic}-${this.#count++}:`.padEnd(recordBytes, "x");
    const headers = { "content-type": "text/plain" };
    const answer = await fetch(this.path, { method: "POST", headers, body: value });
    if (answer.status === 200) this.acked.push(value);
    return answer;
  }

  /** Writes until a write is refused, and gives the refusal. */
  async fill(): Promise<Response> {
    const writesMax = (diskMb * 1e6 * 2) / recordBytes;
    for (let count = 0; count < writesMax; count += 1) {
      const answer = await this.write();
      if (answer.status !== 200) return answer;
    }
    throw new Error("the disk never filled up");
  }

  /** Writes until a write is taken, and gives how long that took. */
  async recover(): Promise<number> {
    const started = performance.now();
    while (performance.now() - started < recoveryTimeoutMs) {
      const answer = await this.write();
      if (answer.status === 200) return performance.now() - started;
      expect(answer.status, await answer.text()).toBe(507);
      await Bun.sleep(50);
    }
    throw new Error("writes did not come back");
  }

  /** Reads everything back: exactly what was acknowledged, in order. */
  async check(): Promise<void> {
    const values: string[] = [];
    for (let from = 0; ;) {
      const answer = await fetch(`${this.path}?from=${from}&as=text&max_bytes=8388608`);
      expect(answer.status).toBe(200);
      // The fetch answer of the native API.
      const page = (await answer.json()) as { records: { value: string }[]; next: number };
      values.push(...page.records.map(({ value }) => value));
      if (page.records.length === 0) break;
      from = page.next;
    }
    expect(values.length).toBe(this.acked.length);
    expect(values.every((value, at) => value === this.acked[at])).toBe(true);
  }
}

async function expectRefusal(answer: Response): Promise<void> {
  const text = await answer.text();
  expect(answer.status, text).toBe(507);
  expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(answer.headers.get("content-type")).toStartWith("application/problem+json");
  expect(JSON.parse(text)).toMatchObject({ code: "storage_full", retryable: true });
}

test.if(canMount)(
  "a full disk refuses writes, serves reads, and takes writes again once there is room",
  () =>
    withSmallDisk(async ({ directory, path }) => {
      const ballast = join(path, "ballast");
      await writeFile(ballast, Buffer.alloc(ballastMb * 1e6, 1));
      const port = await freePort();
      const origin = `http://127.0.0.1:${port}`;
      const node = spawnNode(directory, port, { data: join(path, "data") });
      try {
        await node.ready();
        const kept = new Writer(origin, "kept");
        const dropped = new Writer(origin, "dropped");
        await kept.create();
        await dropped.create();
        for (let count = 0; count < droppedRecords; count += 1) await dropped.write();

        await expectRefusal(await kept.fill());
        expect((await fetch(`${origin}/livez`)).status).toBe(200);
        await kept.check();
        await dropped.check();

        // Somebody else takes the last byte.
        const greedy = fillUp(join(path, "greedy"));
        await expectRefusal(await dropped.write());
        await kept.check();
        await rm(greedy);

        await rm(ballast);
        console.log(
          `writes came back ${Math.round(await kept.recover())} ms after the ballast went`,
        );
        await kept.check();

        await expectRefusal(await kept.fill());
        const before = kept.acked.length;
        const deleted = await fetch(`${origin}/v1/topics/dropped`, { method: "DELETE" });
        expect(deleted.status, await deleted.text()).toBe(204);
        const tookMs = Math.round(await kept.recover());
        // The room comes in steps, and deleting itself takes some: at first a write may be refused once more.
        for (let count = 0; count < 20; count += 1) await kept.recover();
        console.log(`writes came back ${tookMs} ms after a topic was deleted`);
        expect(kept.acked.length).toBeGreaterThan(before + 20);
        await kept.check();

        const { bavail, bsize } = await statfs(path);
        console.log(`${kept.acked.length} records kept, ${bavail * bsize} bytes free`);
        expect(await node.end("SIGTERM")).toBe(0);
        const again = spawnNode(directory, port, { data: join(path, "data") });
        await again.ready();
        await kept.check();
        expect(await again.end("SIGTERM")).toBe(0);
      } finally {
        if (node.child.exitCode === null) await node.end("SIGKILL");
      }
    }),
  120_000,
);
