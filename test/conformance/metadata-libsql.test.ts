/**
 * The metadata contract on the libSQL file.
 */
import { expect, test } from "bun:test";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { writerOf } from "../../src/storage/libsql/libsql.ts";
import { openLibsqlMetadataStore } from "../../src/storage/libsql/metadata.ts";
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
    open: () => openLibsqlMetadataStore(directory, { beside: writerOf(beside) }),
    async dispose() {
      await beside.close();
      await rm(directory, { recursive: true });
    },
  };
});

test("the metadata's write-ahead log is bounded by its size, however large the entries", async () => {
  const directory = await mkdtemp(`${tmpdir()}/kedge-metadata-`);
  const store = await openLibsqlMetadataStore(directory);
  const command = JSON.stringify("x".repeat(500_000));
  for (let index = 1; index <= 60; index += 1) await store.append([{ index, epoch: 0, command }]);
  expect((await stat(`${directory}/raft.db-wal`)).size).toBeLessThan(8e6);
  await store.close();
  await rm(directory, { recursive: true });
});
