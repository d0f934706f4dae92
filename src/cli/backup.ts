/**
 * `kedge backup DIR`: a node's data copied while it serves, over HTTP, into a new folder: `log.db`, `raft.db` and a
 * manifest with their checksums. The folder appears under its name once it is whole.
 */
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import type { Command } from "commander";
import { readManifest, sameFiles } from "./backup-manifest.ts";
import { exitCodes, Failure } from "./exit.ts";
import { Progress } from "./progress.ts";
import type { Session } from "./session.ts";
import { untar } from "./untar.ts";
import { KEDGE } from "./kedge-command.ts";

export function addBackup(program: Command, session: Session): void {
  program
    .command("backup")
    .description("copy a node's data, while it serves, into a new folder")
    .argument("<folder>", "must not be there, or be empty; - writes a tar archive to stdout")
    .action((folder: string) => backup(session, folder));
}

async function backup(session: Session, folder: string): Promise<void> {
  const { io } = session;
  if (folder !== "-") await refuseUsed(folder);
  const kedge = await session.connect();
  const archive = await kedge.backup({ signal: io.interrupted });
  if (folder === "-") {
    for await (const piece of archive) await io.stdout.write(piece);
    return;
  }
  const partial = `${folder}.partial`;
  const progress = new Progress(io.stderr, "bytes");
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    const files = await untar(archive, partial, (count) => progress.add(count));
    const manifest = await readManifest(partial);
    sameFiles(manifest, files);
    await rm(folder, { recursive: true, force: true }); // It is empty, or not there.
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  } finally {
    await progress.end();
  }
  await session.note(
    `${progress.text()} to ${folder}. "${KEDGE} restore ${folder}" makes a data folder of it.`,
  );
}

/** @throws Failure unless the folder is missing or empty. */
export async function refuseUsed(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  if (names.length === 0) return;
  throw new Failure(`${folder} is not empty: choose a new folder.`, exitCodes.failure);
}
