/** A log of which a page is damaged: it is not compacted, and not read again and again. */
import { expect, test } from "bun:test";
import { Cleaner } from "../../../../src/log/compaction/cleaner.ts";
import { StorageFault } from "../../../../src/storage/storage.ts";
import { openTestNode, somebody } from "../../../simulation/test-node.ts";
import { settled } from "../transaction-world.ts";
import { configs, put } from "./compaction-world.ts";

test.each([
  ["damaged", 1],
  ["io", 3],
] as const)("of a disk that is %s three passes read %p times", async (kind, expected) => {
  let reads = 0;
  const node = await openTestNode({
    wrap: (storage) => {
      storage.read = () => {
        reads += 1;
        return Promise.reject(new StorageFault(kind, "a page"));
      };
      return storage;
    },
  });
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs };
  await settled(node, node.broker.createTopic(somebody, topic));
  for (let at = 0; at < 4; at += 1) await put(node, [`a=${at}`]);
  const cleaner = new Cleaner(node.node, () => node.logs.all());
  for (let passes = 0; passes < 3; passes += 1) await settled(node, cleaner.run());
  expect(reads).toBe(expected);
});
