/**
 * Compaction of a log with producers and transactions: what was aborted goes, markers stay while they are needed, sequences
 * go on after everything of a producer was compacted, and readers of committed data end with the same map.
 */
import { expect, test } from "bun:test";
import { hiddenBy } from "../../../../src/broker/visibility.ts";
import { seededRandom } from "../../../../src/lib/random.ts";
import { Cleaner } from "../../../../src/log/compaction/cleaner.ts";
import { encodeBatch } from "../../../../src/records/batch-encode.ts";
import { deleteHorizonOf } from "../../../../src/records/batch-filter.ts";
import { readRecords } from "../../../../src/records/batch-read.ts";
import { type BatchHeader, walkBatches } from "../../../../src/records/batch.ts";
import { codecNames } from "../../../../src/records/compression.ts";
import { somebody, type TestNode } from "../../../simulation/test-node.ts";
import { end, logOf, restarted, send, settled, withTopic } from "../transaction-world.ts";

const RETENTION_MS = 1000;
const configs = {
  "cleanup.policy": "compact",
  "min.cleanable.dirty.ratio": "0",
  "segment.ms": "1",
  "delete.retention.ms": String(RETENTION_MS),
};
const utf8 = new TextEncoder();

interface Transaction {
  committed: boolean;
}

interface Produced {
  readonly id?: bigint;
  readonly epoch?: number;
  readonly sequence?: number;
  readonly transactional?: boolean;
  readonly codec?: (typeof codecNames)[number];
}

/** Sends `key=value` and `key` (a tombstone) as one batch, and lets time pass. */
async function put(
  node: TestNode,
  texts: readonly string[],
  { id = -1n, epoch = 0, sequence = 0, transactional = false, codec = "none" }: Produced = {},
): Promise<string> {
  const records = texts.map((text) => {
    const [key = "", value] = text.split("=");
    const bytes = value === undefined ? null : utf8.encode(value);
    return { key: utf8.encode(key), value: bytes, headers: [], timestampMs: node.clock.nowMs() };
  });
  const own = id < 0n ? {} : { producerId: id, producerEpoch: epoch, baseSequence: sequence };
  const bytes = encodeBatch(records, { ...own, transactional, codec });
  const [result = ""] = await send(node, {
    topic: "t",
    partition: 0,
    acks: -1,
    payload: { type: "batch", bytes },
    ...(transactional ? { transactional: { transactionalId: `x${id}`, support: "joins" } } : {}),
  });
  await node.clock.advance(5);
  return result;
}

async function clean(node: TestNode): Promise<void> {
  await settled(node, new Cleaner(node.node, () => node.logs.all()).run());
}

/** Every batch that is left, as `offset` with a letter of its kind: data, empty, commit or abort marker. */
async function batches(node: TestNode): Promise<{ kinds: string[]; headers: BatchHeader[] }> {
  const { rows } = await settled(node, node.storage.read(logOf(node).id, 0, Infinity));
  const kinds: string[] = [];
  const headers: BatchHeader[] = [];
  for (const { data } of rows)
    for (const { header } of walkBatches(data)) {
      headers.push(header);
      const kind = header.control ? "marker" : header.count === 0 ? "empty" : "data";
      kinds.push(`${header.baseOffset} ${kind}`);
    }
  return { kinds, headers };
}

async function committedMap(node: TestNode): Promise<Map<string, string>> {
  const map = new Map<string, string>();
  const options = { bytesMin: 0, bytesMax: 500, waitMs: 0, isolation: "read_committed" as const };
  for (let from = 0; ;) {
    const ask = { topic: "t", partition: 0, from, bytesMax: 500 };
    const [answer] = await settled(node, node.broker.read(somebody, [ask], options));
    if (!answer || answer.refusal) throw answer?.refusal ?? new Error("no answer");
    const isHidden = hiddenBy(answer.aborted);
    const before = from;
    from = Math.max(from, answer.from);
    for (const run of answer.batches)
      for (const { at, header } of walkBatches(run)) {
        from = header.baseOffset + header.lastOffsetDelta + 1;
        if (isHidden(header)) continue;
        for (const { key, value } of readRecords(run, at, { decompressedBytesMax: 1e6 })) {
          const name = new TextDecoder().decode(key ?? undefined);
          if (value === null) map.delete(name);
          else map.set(name, new TextDecoder().decode(value));
        }
      }
    if (from === before) return map;
  }
}

test("what was aborted goes and hides nothing; markers stay until their horizon", async () => {
  const node = await withTopic({ configs });
  await put(node, ["a=1", "b=1"]);
  await put(node, ["a=2", "c=1"], { id: 7n, sequence: 0, transactional: true });
  await end(node, { id: 7n, epoch: 0, commit: false, version: 1 });
  await put(node, ["b=2"], { id: 8n, sequence: 0, transactional: true });
  await end(node, { id: 8n, epoch: 0, version: 1 });
  await put(node, ["d=1"], { id: 7n, sequence: 2, transactional: true });
  await end(node, { id: 7n, epoch: 0, version: 1 });
  await put(node, ["z=1"]);
  await node.clock.advance(5);
  const map = new Map(Object.entries({ a: "1", b: "2", d: "1", z: "1" }));
  expect(await committedMap(node)).toEqual(map);
  await clean(node);
  expect(await committedMap(node)).toEqual(map);
  const first = await batches(node);
  expect(first.kinds).toEqual([
    "0 data",
    "4 marker",
    "5 data",
    "6 marker",
    "7 data",
    "8 marker",
    "9 data",
  ]);
  const aborted = () => settled(node, node.storage.aborted(logOf(node).id, 0));
  expect((await aborted()).length).toBe(1);
  await put(node, ["z=2"]);
  await clean(node);
  const second = await batches(node);
  // The abort's records are gone: its marker has a horizon now. The others' records are still there.
  expect(
    second.headers.filter((each) => deleteHorizonOf(each) !== null).map((each) => each.baseOffset),
  ).toEqual([4]);
  await node.clock.advance(RETENTION_MS + 10);
  await put(node, ["z=3"]);
  await clean(node);
  expect((await batches(node)).kinds).not.toContain("4 marker");
  expect(await aborted()).toEqual([]);
  expect(await committedMap(node)).toEqual(map.set("z", "3"));
});

test("nothing is compacted from the first open transaction on", async () => {
  const node = await withTopic({ configs });
  await put(node, ["a=1"]);
  await put(node, ["a=2"]);
  await put(node, ["a=3"], { id: 7n, transactional: true });
  await put(node, ["a=4"]);
  await put(node, ["a=5"]);
  await clean(node);
  expect((await batches(node)).kinds).toEqual(["1 data", "2 data", "3 data", "4 data"]);
  await end(node, { id: 7n, epoch: 0, commit: false, version: 1 });
  await put(node, ["z=1"]);
  await clean(node);
  // The aborted batch stays as a header: it has the last sequence of a producer that is known.
  expect((await batches(node)).kinds).toEqual(["2 empty", "4 data", "5 marker", "6 data"]);
});

test("a producer goes on after all it wrote was compacted, through a restart", async () => {
  let node = await withTopic({ configs });
  expect(await put(node, ["a=1", "a=2"], { id: 7n, sequence: 0 })).toBe("0");
  await put(node, ["a=3"]);
  await put(node, ["z=1"]);
  await clean(node);
  expect((await batches(node)).kinds).toEqual(["0 empty", "2 data", "3 data"]);
  node = await restarted(node);
  await settled(node, node.resumed);
  expect(await put(node, ["a=1", "a=2"], { id: 7n, sequence: 0 })).toBe("0+");
  expect(await put(node, ["a=9"], { id: 7n, sequence: 5 })).toBe("out_of_order_sequence_number");
  expect(await put(node, ["a=4"], { id: 7n, sequence: 2 })).toBe("4");
  await put(node, ["z=2"]);
  await clean(node);
  expect((await batches(node)).kinds).toEqual(["3 data", "4 data", "5 data"]);
});

test.each(Array.from({ length: 10 }, (_, seed) => seed + 1))(
  "readers of committed data end with the same map (seed %i)",
  async (seed) => {
    const random = seededRandom(seed);
    const pick = (count: number) => Math.floor(random.next() * count);
    let node = await withTopic({ configs });
    const log: { offset: number; text: string; transaction: Transaction }[] = [];
    const open = new Map<bigint, Transaction>();
    const sequences = new Map<bigint, number>();
    const wrote = (base: string, texts: readonly string[], transaction: Transaction) => {
      expect(base).toMatch(/^\d+$/);
      for (const [at, text] of texts.entries())
        log.push({ offset: Number(base) + at, text, transaction });
    };
    /** By offset, whenever each was committed. */
    const model = () => {
      const map = new Map<string, string>();
      for (const { text, transaction } of log) {
        if (!transaction.committed) continue;
        const [key = "", value] = text.split("=");
        if (value === undefined) map.delete(key);
        else map.set(key, value);
      }
      return map;
    };
    for (let step = 0; step < 150; step += 1) {
      const dice = random.next();
      const texts = Array.from({ length: 1 + pick(4) }, () => {
        const key = `k${pick(25)}`;
        return random.next() < 0.2 ? key : `${key}=${pick(1e6)}`;
      });
      const id = BigInt(1 + pick(3));
      const sequence = sequences.get(id) ?? 0;
      const codec = codecNames[pick(5)] ?? "none";
      if (dice < 0.2) {
        wrote(await put(node, texts, { codec }), texts, { committed: true });
      } else if (dice < 0.6) {
        const transaction = open.get(id) ?? { committed: false };
        const sent = await put(node, texts, { id, sequence, transactional: true, codec });
        wrote(sent, texts, transaction);
        sequences.set(id, sequence + texts.length);
        open.set(id, transaction);
      } else if (dice < 0.85) {
        const transaction = open.get(id);
        if (!transaction) continue;
        transaction.committed = random.next() < 0.5;
        await end(node, { id, epoch: 0, commit: transaction.committed, version: 1 });
        open.delete(id);
        await node.clock.advance(5);
      } else if (dice < 0.97) {
        if (random.next() < 0.3) await node.clock.advance(RETENTION_MS);
        await clean(node);
      } else {
        const atMs = node.clock.nowMs();
        node = await restarted(node);
        await settled(node, node.resumed);
        await node.clock.advance(atMs - node.clock.nowMs());
      }
      if (step % 10 === 0 && open.size === 0) expect(await committedMap(node)).toEqual(model());
    }
    for (const [id, transaction] of open) {
      await end(node, { id, epoch: 0, version: 1 });
      transaction.committed = true;
    }
    for (let passes = 0; passes < 4; passes += 1) {
      await node.clock.advance(RETENTION_MS + 10);
      wrote(await put(node, ["z=1"]), ["z=1"], { committed: true });
      await clean(node);
    }
    expect(await committedMap(node)).toEqual(model());
    // Of what was aborted only that is remembered whose marker is there: the producer's last batch stands before it.
    const left = await settled(node, node.storage.aborted(logOf(node).id, 0));
    const { kinds } = await batches(node);
    for (const { last } of left) expect(kinds).toContain(`${last} marker`);
    expect(left.length).toBeLessThanOrEqual(sequences.size);
  },
);
