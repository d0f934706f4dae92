/**
 * What every MetadataStore must do, as cases over an interface; run by a thin test file for each implementation.
 */
import { describe, expect, test } from "bun:test";
import type { MetadataEntry, MetadataStore } from "../../src/storage/metadata-store.ts";
import { caught } from "./storage-world.ts";

/** One folder or disk on which a store can be opened again and again. */
export interface MetadataHarness {
  open(): Promise<MetadataStore>;
  dispose(): Promise<void>;
}

function entry(index: number, epoch = 1): MetadataEntry {
  return { index, epoch, command: JSON.stringify({ type: "topic", name: `é-${index}` }) };
}

export function metadataContract(name: string, make: () => Promise<MetadataHarness>): void {
  describe(`metadata contract: ${name}`, () => {
    test("a new store is empty", async () => {
      const harness = await make();
      const store = await harness.open();
      expect(await store.identity()).toBeNull();
      expect(await store.load()).toEqual({ snapshot: null, entries: [], uncheckedTo: 0 });
      await store.close();
      await harness.dispose();
    });

    test("identity, entries and snapshot outlive the store", async () => {
      const harness = await make();
      const identity = { clusterId: "c", nodeId: 2_147_483_647, directoryId: "d" };
      const first = await harness.open();
      await first.saveIdentity(identity);
      await first.append([entry(1), entry(2), entry(3)]);
      await first.append([entry(4, 2)]);
      await first.close();

      const second = await harness.open();
      expect(await second.identity()).toEqual(identity);
      expect((await second.load()).entries).toEqual([entry(1), entry(2), entry(3), entry(4, 2)]);
      const snapshot = { index: 3, epoch: 1, image: `{"topics":[]}` };
      await second.saveSnapshot(snapshot);
      await second.append([entry(5, 2)]);
      await second.saveSnapshot({ ...snapshot, index: 4, epoch: 2 });
      await second.close();

      const third = await harness.open();
      expect(await third.load()).toEqual({
        snapshot: { ...snapshot, index: 4, epoch: 2 },
        entries: [entry(5, 2)],
        uncheckedTo: 0,
      });
      await third.saveSnapshot({ ...snapshot, index: 5, epoch: 2 });
      await third.append([entry(6, 2)]);
      expect((await third.load()).entries).toEqual([entry(6, 2)]);
      await third.close();
      await harness.dispose();
    });

    test("entries that do not follow the last one are a bug", async () => {
      const harness = await make();
      const store = await harness.open();
      await store.append([entry(1)]);
      expect(await caught(store.append([entry(3)]))).toMatchObject({ name: "Bug" });
      expect(await caught(store.append([entry(1)]))).toMatchObject({ name: "Bug" });
      expect((await store.load()).entries).toEqual([entry(1)]);
      await store.close();
      await harness.dispose();
    });
  });
}
