/**
 * Compaction of a log with producers and transactions: what was aborted goes, markers stay while they are needed, sequences
 * go on after everything of a producer was compacted, and readers of committed data end with the same map.
 */
import { expect, test } from "bun:test";
import { seededRandom } from "../../../../src/lib/random.ts";
import { deleteHorizonOf } from "../../../../src/records/batch-filter.ts";
import { codecNames } from "../../../../src/records/compression.ts";
import { end, logOf, restarted, settled, withTopic } from "../transaction-world.ts";
import { batches, clean, committedMap, configs, put, RETENTION_MS } from "./compaction-world.ts";

interface Transaction {
  committed: boolean;
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
