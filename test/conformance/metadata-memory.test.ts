/**
 * The metadata contract on the reference in memory.
 */
import { MemoryMetadataDisk, memoryMetadataStore } from "../../src/storage/memory/metadata.ts";
import { metadataContract } from "./metadata-store.ts";

metadataContract("memory", async () => {
  const disk = new MemoryMetadataDisk();
  return { open: async () => memoryMetadataStore(disk), dispose: async () => {} };
});
