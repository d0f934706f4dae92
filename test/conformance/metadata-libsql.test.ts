/**
 * The metadata contract on the libSQL file.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { openLibsqlMetadataStore } from "../../src/storage/libsql-metadata.ts";
import { openIn } from "./libsql-folder.ts";
import { metadataContract } from "./metadata-store.ts";

metadataContract("libsql", async () => {
  const directory = await mkdtemp(`${tmpdir()}/kedge-metadata-`);
  return {
    open: () => openLibsqlMetadataStore(directory),
    dispose: () => rm(directory, { recursive: true }),
  };
});

metadataContract("libsql, in the log writer's Worker", async () => {
  const directory = await mkdtemp(`${tmpdir()}/kedge-metadata-`);
  const beside = await openIn(directory);
  return {
    open: () => openLibsqlMetadataStore(directory, { beside }),
    async dispose() {
      await beside.close();
      await rm(directory, { recursive: true });
    },
  };
});
