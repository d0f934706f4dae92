/** Which logs without a topic a start may let go, and which it must not. */
import { expect, test } from "bun:test";
import { Image } from "../../../src/cluster/image.ts";
import { refuseUnclaimed } from "../../../src/log/unclaimed.ts";
import { memoryStorage } from "../../../src/storage/memory/memory.ts";
import { MetadataLost } from "../../../src/storage/files/folder-error.ts";

async function states(...logs: readonly (readonly [topicId: string, end: number])[]) {
  const storage = memoryStorage();
  const made = await storage.create(logs.map(([topicId]) => ({ topicId, index: 0 })));
  return made.map((state, at) => ({ ...state, end: logs[at]?.[1] ?? 0 }));
}

test("an empty log, and one whose topic was removed, may go", async () => {
  const logs = await states(["empty", 0], ["gone", 9]);
  expect(() => refuseUnclaimed(logs, new Image(), new Set(["gone"]))).not.toThrow();
});

test("a log with records that nobody removed may not; nor one past its topic's partitions", async () => {
  const image = new Image();
  image.apply(1, { type: "topic", version: 0, name: "narrow", id: "narrow" });
  for (const topicId of ["unknown", "narrow"]) {
    const logs = await states(["gone", 9], [topicId, 1]);
    expect(() => refuseUnclaimed(logs, image, new Set(["gone"]))).toThrow(MetadataLost);
  }
});
