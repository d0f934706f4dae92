/**
 * `kedge restore BACKUP`: a new data folder from a backup, after its checksums and SQLite's own check.
 *
 * The node that starts on it goes on as after a power cut: past the offsets that may have been handed out since the
 * backup was made, in a new leader epoch. Records newer than the backup are gone.
 */
import { constants } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { hashFile, readManifest, sameFiles } from "./backup-manifest.ts";
import { Failure } from "./exit.ts";
import type { Session } from "./session.ts";
import { START_NODE } from "./kedge-command.ts";
import { makeWholeFolder, refuseUsed } from "./whole.ts";

interface Options {
  readonly data: string;
}

export function addRestore(program: Command, session: Session): void {
  program
    .command("restore")
    .description("make a data folder from a backup")
    .argument("<backup>", "a folder that kedge backup made")
    .option("--data <folder>", "the new data folder: must not be there, or be empty", "./data")
    .action((backup: string, options: Options) => restore(session, backup, options));
}

async function restore(session: Session, backup: string, { data }: Options): Promise<void> {
  await refuseUsed(data);
  const manifest = await readManifest(backup);
  const names = manifest.files.map(({ name }) => name);
  sameFiles(manifest, await Promise.all(names.map((name) => hashFile(backup, name))));
  const { checkStructure, inspectFormats, markRestored, NOT_OURS } =
    await import("../storage/files/inspect.ts");
  await makeWholeFolder(data, async (partial) => {
    for (const name of names)
      await copyFile(join(backup, name), join(partial, name), constants.COPYFILE_FICLONE);
    for (const { name, isOurs, format, known } of inspectFormats(partial)) {
      if (!isOurs) throw new Failure(`${name} ${NOT_OURS}`);
      if (format > known)
        throw new Failure(
          `${name} has format ${format}, this kedge knows up to ${known}: restore with the newer kedge that wrote it.`,
        );
      session.io.interrupted.throwIfAborted();
      const [damage] = session.io.blocking(() => checkStructure(partial, name));
      if (damage !== undefined) throw new Failure(`${name} is damaged: ${damage}`);
    }
    session.io.interrupted.throwIfAborted();
    markRestored(partial);
  });
  await session.note(
    `${data} is restored as of ${manifest.made}. Start it with "${START_NODE} --data ${data}".`,
  );
}
