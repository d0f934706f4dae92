/**
 * Kills with -9 while a compacted topic is written and compacted without a pause: every key that was acknowledged has its
 * newest value afterwards, at an offset that it was given, and the folder is sound.
 */
import { expect, test } from "bun:test";
import { runCli } from "../conformance/run-cli.ts";
import { type NodeProcess, nodeFolder, startNodeProcess } from "../conformance/node.ts";

const KILLS = 20;
const KEYS = 300;
const configs = {
  "cleanup.policy": "compact",
  "segment.ms": "1",
  "min.cleanable.dirty.ratio": "0",
  "delete.retention.ms": "200",
};
const args = ["--log-cleaner-backoff-ms", "5", "--log-cleaner-dedupe-buffer-size", "65536"];

/** What may be read of a key: what was acknowledged last, or anything sent after it. Null: no record, or a tombstone. */
class Model {
  readonly #allowed = new Map<string, (string | null)[]>();

  sent(key: string, value: string | null): void {
    this.#allowed.set(key, [...this.of(key), value]);
  }

  acknowledged(key: string, value: string | null): void {
    const allowed = this.of(key);
    this.#allowed.set(key, allowed.slice(allowed.lastIndexOf(value)));
  }

  of(key: string): readonly (string | null)[] {
    return this.#allowed.get(key) ?? [null];
  }
}

async function write(node: NodeProcess, model: Model, untilMs: number): Promise<void> {
  for (let round = 0; performance.now() < untilMs; round += 1) {
    const records = Array.from({ length: 50 }, () => {
      const key = `k${Math.floor(Math.random() * KEYS)}`;
      const value = Math.random() < 0.2 ? null : `${round}-${Math.random()}-${"x".repeat(200)}`;
      return { key, value };
    });
    for (const { key, value } of records) model.sent(key, value);
    const answer = await node.fetch("/v1/topics/t/partitions/0/records", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ records }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    for (const { key, value } of records) model.acknowledged(key, value);
  }
}

async function readMap(node: NodeProcess): Promise<{ map: Map<string, string>; records: number }> {
  const map = new Map<string, string>();
  let records = 0;
  for (let from = 0; ;) {
    const answer = await node.fetch(`/v1/topics/t/partitions/0/records?from=${from}`);
    const page = (await answer.json()) as {
      records: { key: string; value: string | null }[];
      next: number;
    };
    for (const { key, value } of page.records) {
      records += 1;
      if (value === null) map.delete(key);
      else map.set(key, value);
    }
    if (page.next === from) return { map, records };
    from = page.next;
  }
}

test("a kill at any moment of compaction loses nothing and brings nothing back", async () => {
  const folder = await nodeFolder();
  const model = new Model();
  try {
    let node = await startNodeProcess({ data: folder.path, args });
    const body = JSON.stringify({ name: "t", partitions: 1, configs });
    const headers = { "content-type": "application/json" };
    await node.fetch("/v1/topics", { method: "POST", headers, body });
    let compacted = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const writing = write(node, model, performance.now() + 10_000).catch(() => {});
      await Bun.sleep(100 + Math.random() * 500);
      await node.end("SIGKILL");
      compacted += node.errors().split("a log was compacted").length - 1;
      await writing;
      node = await startNodeProcess({ data: folder.path, args });
      const { map } = await readMap(node);
      for (let number = 0; number < KEYS; number += 1) {
        const key = `k${number}`;
        const found = map.get(key) ?? null;
        expect([key, model.of(key).includes(found)]).toEqual([key, true]);
        // From here on that is what it is.
        model.sent(key, found);
        model.acknowledged(key, found);
      }
    }
    const { records } = await readMap(node);
    console.log(`${compacted} compactions over ${KILLS} kills, ${records} records at the end`);
    expect(compacted).toBeGreaterThan(KILLS);
    expect(records).toBeLessThan(20_000);
    expect(await node.end("SIGTERM")).toBe(0);
    const doctor = await runCli(["doctor", "--data", folder.path]);
    expect([doctor.code, doctor.err]).toEqual([0, expect.any(String)]);
  } finally {
    await folder.remove();
  }
});
