/**
 * `kedge backup DIR`: a node's data copied while it serves, over HTTP, into a new folder: `log.db`, `raft.db` and a
 * manifest with their checksums. The folder appears under its name once it is whole.
 */
import type { Command } from "commander";
import { readManifest, sameFiles } from "./backup-manifest.ts";
import { Progress } from "./progress.ts";
import type { Session } from "./session.ts";
import { untar } from "./untar.ts";
import { makeWholeFolder, refuseUsed } from "./whole.ts";
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
  const progress = new Progress(io.stderr, "bytes");
  try {
    await makeWholeFolder(folder, async (partial) => {
      const files = await untar(archive, partial, (count) => progress.add(count));
      sameFiles(await readManifest(partial), files);
    });
  } finally {
    await progress.end();
  }
  await session.note(
    `${progress.text()} to ${folder}. "${KEDGE} restore ${folder}" makes a data folder of it.`,
  );
}
