/**
 * Compaction of one log: which record of a key stays, for how long a tombstone does, what counts as being appended to, and
 * that a log reads alike before, after, and when a pass is cut off anywhere.
 */
import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../../src/lib/random.ts";
import { Cleaner } from "../../../../src/log/compaction/cleaner.ts";
import type { LogLimits } from "../../../../src/log/limits.ts";
import type { Partition } from "../../../../src/log/partition.ts";
import { encodeBatch } from "../../../../src/records/batch-encode.ts";
import { readRecords } from "../../../../src/records/batch-read.ts";
import { walkBatches } from "../../../../src/records/batch.ts";
import { codecNames } from "../../../../src/records/compression.ts";
import type { LogRecord } from "../../../../src/records/record.ts";
import { type Storage, StorageFault } from "../../../../src/storage/storage.ts";
import { openTestNode, somebody, type TestNode } from "../../../simulation/test-node.ts";

const HOUR_MS = 3_600_000;
const limits = { decompressedBytesMax: 1 << 24 };
const compacted = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0" };
/** Everything but the newest row may be compacted once a millisecond has passed. */
const eager = { ...compacted, "segment.ms": "1" };

interface Sent {
  readonly key: string | null;
  /** Null is a tombstone. */
  readonly value: string | null;
}

async function settled<T>(node: TestNode, work: Promise<T>): Promise<T> {
  work.catch(() => {});
  await node.clock.settle();
  return work;
}

async function openTopic(
  configs: Record<string, string>,
  given: { limits?: Partial<LogLimits>; wrap?: (storage: Storage) => Storage } = {},
): Promise<TestNode> {
  const node = await openTestNode(given);
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs };
  await settled(node, node.broker.createTopic(somebody, topic));
  return node;
}

/** One batch, one row. */
async function send(
  node: TestNode,
  sent: readonly Sent[],
  options: Parameters<typeof encodeBatch>[1] = {},
): Promise<void> {
  const bytes = encodeBatch(
    sent.map(({ key, value }) => ({
      key: key === null ? null : new TextEncoder().encode(key),
      value: value === null ? null : new TextEncoder().encode(value),
      headers: [],
      timestampMs: node.clock.nowMs(),
    })),
    options,
  );
  const payload = { type: "batch" as const, bytes };
  const append = node.broker.append(somebody, { topic: "t", partition: 0, acks: -1, payload });
  await settled(node, append);
  await node.clock.advance(10);
}

const records = (...texts: readonly string[]): Sent[] =>
  texts.map((text) => {
    const [key = "", value] = text.split("=");
    return { key, value: value ?? null };
  });

function logOf(node: TestNode): Partition {
  const [log] = node.logs.all();
  if (!log) throw new Error("there is one log");
  return log;
}

async function clean(node: TestNode): Promise<void> {
  await settled(node, new Cleaner(node.node, () => node.logs.all()).run());
}

/** What a reader from the beginning gets, through the broker. */
async function readAll(node: TestNode): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  const options = { bytesMin: 0, bytesMax: 300, waitMs: 0, isolation: "read_committed" as const };
  let from = logOf(node).logStart;
  for (;;) {
    const ask = { topic: "t", partition: 0, from, bytesMax: 300 };
    const [answer] = await settled(node, node.broker.read(somebody, [ask], options));
    if (!answer || answer.refusal) throw answer?.refusal ?? new Error("no answer");
    for (const run of answer.batches)
      for (const { at, header } of walkBatches(run)) {
        found.push(...readRecords(run, at, limits));
        from = header.baseOffset + header.lastOffsetDelta + 1;
      }
    if (answer.batches.length === 0) {
      if (answer.from <= from) return found;
      from = answer.from;
    }
  }
}

const shown = (all: readonly LogRecord[]) =>
  all.map(({ offset, key, value }) => {
    const text = (bytes: Uint8Array | null) => (bytes ? new TextDecoder().decode(bytes) : "");
    return `${offset} ${text(key)}${value ? `=${text(value)}` : ""}`;
  });

/** Every row's bytes by the log's own account, and as they are. */
async function checkSizes(node: TestNode): Promise<void> {
  const log = logOf(node);
  const { rows } = await settled(node, node.storage.read(log.id, log.logStart, Infinity));
  let end = log.endPosition;
  for (const { position, data } of rows.toReversed()) {
    expect(position).toBe(end - data.byteLength);
    end = position;
  }
  expect(log.bytes()).toBe(rows.reduce((sum, { data }) => sum + data.byteLength, 0));
}

test("of each key the newest record stays, at its offset; the newest row is left alone", async () => {
  const node = await openTopic(eager);
  await send(node, records("a=1", "b=1", "c=1", "a=2"));
  await send(node, records("b=2", "d=1"));
  await send(node, records("a=3"));
  await send(node, records("d=2"));
  await clean(node);
  expect(shown(await readAll(node))).toEqual(["2 c=1", "4 b=2", "5 d=1", "6 a=3", "7 d=2"]);
  expect(logOf(node).ends()).toMatchObject({ logStart: 0, highWatermark: 8 });
  expect(logOf(node).cleanedTo).toBe(7);
  await checkSizes(node);
  await send(node, records("e=1"));
  await clean(node);
  expect(shown(await readAll(node))).toEqual(["2 c=1", "4 b=2", "6 a=3", "7 d=2", "8 e=1"]);
  await checkSizes(node);
});

test("rows that lose nothing and small rows come together", async () => {
  const node = await openTopic(eager);
  for (let at = 0; at < 20; at += 1) await send(node, records(`k${at}=v`));
  await clean(node);
  const { rows } = await settled(node, node.storage.read(logOf(node).id, 0, Infinity));
  expect(rows.map(({ base, last }) => [base, last])).toEqual([
    [0, 18],
    [19, 19],
  ]);
  expect((await readAll(node)).length).toBe(20);
  await checkSizes(node);
});

test("a tombstone stays until its horizon, and its key's older records go at once", async () => {
  const node = await openTopic({ ...eager, "delete.retention.ms": `${HOUR_MS}` });
  await send(node, records("a=1", "b=1"));
  await send(node, records("a"));
  await send(node, records("x=1"));
  await clean(node);
  expect(shown(await readAll(node))).toEqual(["1 b=1", "2 a", "3 x=1"]);
  await node.clock.advance(HOUR_MS - 100);
  await send(node, records("x=2"));
  await clean(node);
  expect(shown(await readAll(node))).toEqual(["1 b=1", "2 a", "3 x=1", "4 x=2"]);
  await node.clock.advance(200);
  await send(node, records("x=3"));
  await clean(node);
  expect(shown(await readAll(node))).toEqual(["1 b=1", "4 x=2", "5 x=3"]);
  // A log whose first records are gone still begins where it did, as Kafka's does.
  expect(logOf(node).logStart).toBe(0);
});

describe("what may be compacted", () => {
  const cases: readonly [string, Record<string, string>, number][] = [
    ["nothing of a topic that deletes", { "segment.ms": "1" }, 4],
    ["nothing younger than segment.ms", compacted, 4],
    ["what is older", { ...compacted, "segment.ms": "15" }, 2],
    ["what max.compaction.lag.ms asks for", { ...compacted, "max.compaction.lag.ms": "15" }, 2],
    ["nothing below min.compaction.lag.ms", { ...eager, "min.compaction.lag.ms": "1000" }, 4],
    ["what is past it", { ...eager, "min.compaction.lag.ms": "25" }, 3],
    ["nothing that is not dirty enough", { ...eager, "min.cleanable.dirty.ratio": "1" }, 4],
    [
      "what is too old, dirty enough or not",
      { ...eager, "min.cleanable.dirty.ratio": "1", "max.compaction.lag.ms": "20" },
      2,
    ],
  ];
  test.each(cases)("%s", async (_what, configs, left) => {
    const node = await openTopic(configs);
    for (let at = 0; at < 4; at += 1) await send(node, records(`a=${at}`));
    await clean(node);
    expect((await readAll(node)).length).toBe(left);
  });

  test("what lies before the newest segment.bytes", async () => {
    const node = await openTopic({ ...compacted, "segment.bytes": "1048576" });
    for (let at = 0; at < 6; at += 1) await send(node, records(`a=${"x".repeat(300_000)}`));
    await clean(node);
    expect((await readAll(node)).map(({ offset }) => offset)).toEqual([2, 3, 4, 5]);
  });
});

test("compact,delete trims as well, and a pass goes on behind a log start that moves", async () => {
  const node = await openTopic({ ...eager, "cleanup.policy": "compact,delete" });
  for (let at = 0; at < 30; at += 1) await send(node, records(`a${at % 3}=${at}`, `b${at}=1`));
  await settled(node, logOf(node).trim(21));
  await clean(node);
  const left = await readAll(node);
  expect(left[0]?.offset).toBe(21);
  expect(left.length).toBe(20 + 2 + 1 + 1);
  await checkSizes(node);
});

test("a map that is too small takes several passes", async () => {
  const node = await openTopic(eager, { limits: { cleanerBufferBytes: 24 * 64 } });
  for (let at = 0; at < 40; at += 1)
    await send(
      node,
      records(...Array.from({ length: 10 }, (_, each) => `k${(at * 7 + each * 13) % 200}=${at}`)),
    );
  await send(node, records("end=1"));
  const before = await mapOf(node);
  await clean(node);
  expect(await mapOf(node)).toEqual(before);
  expect((await readAll(node)).length).toBe(before.size);
  await checkSizes(node);
});

test("records without a key go when a topic begins to be compacted", async () => {
  const node = await openTopic({ "segment.ms": "1" });
  await send(node, [{ key: null, value: "1" }, ...records("a=1")]);
  await send(node, records("a=2"));
  await send(node, records("a=3"));
  const change = { configs: compacted };
  await settled(node, node.broker.alterTopic(somebody, "t", change));
  await clean(node);
  expect(shown(await readAll(node))).toEqual(["2 a=2", "3 a=3"]);
});

/** What a reader from the beginning knows at the end. */
async function mapOf(node: TestNode): Promise<Map<string, string>> {
  const map = new Map<string, string>();
  for (const { key, value } of await readAll(node)) {
    const name = new TextDecoder().decode(key ?? undefined);
    if (value === null) map.delete(name);
    else map.set(name, new TextDecoder().decode(value));
  }
  return map;
}

/** Ends the process, in the storage's eyes, once so many of compaction's commits have been made. */
class CutOff {
  left = Infinity;

  wrap = (storage: Storage): Storage =>
    new Proxy(storage, {
      get: (target, name) => {
        if (name !== "commit") {
          const value: unknown = Reflect.get(target, name);
          return typeof value === "function" ? value.bind(target) : value;
        }
        return async (change: Parameters<Storage["commit"]>[0]) => {
          if (change.entries.some(({ type }) => ["rewrite", "pack", "cleaned"].includes(type))) {
            if (this.left <= 0) throw new StorageFault("io", "cut off", { outcome: "unknown" });
            this.left -= 1;
          }
          await target.commit(change);
        };
      },
    });
}

test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
  "a log reads alike however often a pass is cut off (seed %i)",
  async (seed) => {
    const random = seededRandom(seed);
    const pick = (count: number) => Math.floor(random.next() * count);
    const cut = new CutOff();
    let node = await openTopic(
      { ...eager, "delete.retention.ms": "300" },
      { wrap: cut.wrap, limits: { cleanerBufferBytes: 24 * 100 } },
    );
    const model = new Map<string, string>();
    const sent = new Map<number, string>();
    let end = 0;
    for (let round = 0; round < 25; round += 1) {
      for (let batches = pick(8); batches >= 0; batches -= 1) {
        const batch = Array.from({ length: 1 + pick(12) }, () => ({
          key: `k${pick(60)}`,
          value: random.next() < 0.2 ? null : `v${pick(1e6)}${"x".repeat(pick(40))}`,
        }));
        await send(node, batch, { codec: codecNames[pick(5)] ?? "none" });
        for (const { key, value } of batch) {
          if (value === null) model.delete(key);
          else model.set(key, value);
          sent.set(end, `${key}${value === null ? "" : `=${value}`}`);
          end += 1;
        }
      }
      if (random.next() < 0.1) await node.clock.advance(400);
      cut.left = random.next() < 0.5 ? pick(6) : Infinity;
      await clean(node);
      if (cut.left <= 0) {
        cut.left = Infinity;
        const { disk, metadata, clock } = node;
        disk.crash({ loseUnsynced: random.next() < 0.5, keepUnsynced: pick(3) });
        node = await openTestNode({
          disk,
          metadata,
          clock,
          wrap: cut.wrap,
          limits: { cleanerBufferBytes: 24 * 100 },
        });
        await settled(node, node.resumed);
        end = logOf(node).writtenEnd;
      }
      expect(await mapOf(node)).toEqual(model);
      for (const line of shown(await readAll(node))) {
        const [offset = "", text = ""] = line.split(" ");
        expect(text).toBe(sent.get(Number(offset)) ?? "");
      }
    }
    cut.left = Infinity;
    await node.clock.advance(400);
    for (let passes = 0; passes < 3; passes += 1) {
      await send(node, records("last=1"));
      await clean(node);
      await node.clock.advance(400);
    }
    model.set("last", "1");
    expect(await mapOf(node)).toEqual(model);
    await checkSizes(node);
    // Nothing is left but one record a key, and of the key that was written last the newest row too.
    expect((await readAll(node)).length).toBeLessThanOrEqual(model.size + 1);
  },
);

test("the cleaner runs by the clock until it is stopped", async () => {
  const node = await openTopic(eager);
  const cleaner = new Cleaner(node.node, () => node.logs.all());
  cleaner.start();
  for (let at = 0; at < 4; at += 1) await send(node, records(`a=${at}`));
  await node.clock.advance(node.node.limits.cleanerBackoffMs);
  expect((await readAll(node)).length).toBe(2);
  await settled(node, cleaner.stop());
  for (let at = 0; at < 4; at += 1) await send(node, records(`a=${at}`));
  await node.clock.advance(HOUR_MS);
  expect((await readAll(node)).length).toBe(6);
});

/** A disk that gives back what it keeps of row `base` with one bit of a byte changed. */
const damaging =
  (base: number, byte: string) =>
  (storage: Storage): Storage =>
    new Proxy(storage, {
      get(target, name) {
        if (name !== "read") {
          const value: unknown = Reflect.get(target, name);
          return typeof value === "function" ? value.bind(target) : value;
        }
        const read: Storage["read"] = async (...asked) => {
          const found = await target.read(...asked);
          const rows = found.rows.map((row) => {
            if (row.base !== base) return row;
            const data = Buffer.from(row.data);
            const at = data.lastIndexOf(byte);
            data.writeUInt8(data.readUInt8(at) ^ 1, at);
            return { ...row, data: new Uint8Array(data) };
          });
          return { ...found, rows };
        };
        return read;
      },
    });

test.each([
  ["key", "p"],
  ["value", "2"],
])(
  "a log with a damaged %s is left as it is: damage is given no CRC that holds",
  async (_, byte) => {
    const node = await openTopic(eager, { wrap: damaging(2, byte) });
    await send(node, records("price=1", "other=1"));
    await send(node, records("price=2", "other=2"));
    await send(node, records("price=3", "other=3"));
    await send(node, records("last=1"));
    const before = logOf(node).bytes();
    await clean(node);
    expect(logOf(node).cleanedTo).toBe(0);
    expect(logOf(node).bytes()).toBe(before);
  },
);
