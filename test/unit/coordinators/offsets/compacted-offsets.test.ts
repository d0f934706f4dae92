/**
 * Compaction bounds what a coordinator reads at a load, and takes nothing that it needs.
 */
import { expect, test } from "bun:test";
import { Cleaner } from "../../../../src/log/compaction/cleaner.ts";
import { readRecords } from "../../../../src/records/batch-read.ts";
import { walkBatches } from "../../../../src/records/batch.ts";
import { openTestNode, somebody, type TestNode } from "../../../simulation/test-node.ts";

const metadata = "x".repeat(4000);

async function settled<T>(node: TestNode, work: Promise<T>): Promise<T> {
  work.catch(() => {});
  await node.clock.settle();
  return work;
}

async function commit(node: TestNode, group: string, offset: number): Promise<void> {
  const request = {
    group,
    member: { memberId: "", generation: -1, instanceId: null },
    offsets: [{ topic: "t", topicId: null, partition: 0, offset, leaderEpoch: -1, metadata }],
    knowsMemberEpochs: true,
    retentionMs: null,
  };
  const outcomes = await settled(node, node.broker.groups.commitOffsets(somebody, request));
  expect(outcomes).toEqual([null]);
}

async function recordsOf(node: TestNode): Promise<number> {
  let count = 0;
  for (const log of node.logs.all()) {
    const { rows } = await settled(node, node.storage.read(log.id, 0, Infinity));
    for (const { data } of rows)
      for (const { at } of walkBatches(data))
        count += [...readRecords(data, at, { decompressedBytesMax: 1e9 })].length;
  }
  return count;
}

test("a load after many commits reads the newest of each, and the group goes on", async () => {
  let node = await openTestNode({ groups: { offsetsPartitions: 1 } });
  node.groups.start();
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs: {} };
  await settled(node, node.broker.createTopic(somebody, topic));
  await commit(node, "other", 7);
  for (let offset = 0; offset < 2500; offset += 1) await commit(node, "busy", offset);
  const before = await recordsOf(node);
  await settled(node, new Cleaner(node.node, () => node.logs.all()).run());
  const after = await recordsOf(node);
  expect(before).toBeGreaterThan(2500);
  // The newest 4 MiB are left alone.
  expect(after).toBeLessThan(1200);
  const { disk, metadata: meta, clock } = node;
  node.groups.close();
  disk.crash();
  node = await openTestNode({ disk, metadata: meta, clock, groups: { offsetsPartitions: 1 } });
  node.groups.start();
  await node.clock.advance(1000);
  const wanted = {
    topics: [{ topic: "t", topicId: null, partitions: [0] }],
    requireStable: true,
    memberId: null,
    memberEpoch: -1,
  };
  const read = (group: string) =>
    node.broker.groups.fetchOffsets(somebody, group, wanted).topics[0]?.partitions[0]?.offset;
  expect(read("other")).toBe(7);
  expect(read("busy")).toBe(2499);
  node.groups.close();
});
