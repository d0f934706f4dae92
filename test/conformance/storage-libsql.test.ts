/**
 * The storage contract on the libSQL file; `storage-file.test.ts` has what only a file can do.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { openIn } from "./libsql-folder.ts";
import { storageLogContract } from "./storage-log.ts";
import { storageRewriteContract } from "./storage-rewrite.ts";
import { storageContract } from "./storage.ts";

const make = async () => {
  const directory = await mkdtemp(`${tmpdir()}/kedge-storage-`);
  return {
    open: () => openIn(directory),
    dispose: () => rm(directory, { recursive: true }),
  };
};
storageContract("libsql", make);
storageLogContract("libsql", make);
storageRewriteContract("libsql", make);
