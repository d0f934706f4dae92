/**
 * `kedge doctor --data DIR --repair NEW`: a new data folder with all that the tables of another have, where only their indexes are
 * damaged. The damaged folder stays as it is.
 *
 * The node that starts on it goes on as after a restore: past the offsets that may have been given.
 */
import { join } from "node:path";
import { Failure } from "../exit.ts";
import type { Session } from "../session.ts";
import { KEDGE, START_NODE } from "../kedge-command.ts";
import { makeWholeFolder, refuseInside, refuseUsed } from "../whole.ts";

/** Of a folder that nobody has open, with both of its files and no damaged write-ahead log. */
export async function repair(session: Session, data: string, folder: string): Promise<void> {
  await refuseInside(data, folder);
  await refuseUsed(folder);
  const { markRestored, whyUnreadable } = await import("../../storage/files/inspect.ts");
  const { lacksRoom } = await import("../../storage/files/sqlite-error.ts");
  const { copyWithNewIndexes } = await import("../../storage/files/new-indexes.ts");
  await makeWholeFolder(folder, async (partial) => {
    for (const name of ["raft.db", "log.db"]) {
      session.io.interrupted.throwIfAborted();
      try {
        session.io.blocking(() => copyWithNewIndexes(join(data, name), join(partial, name)));
      } catch (error) {
        if (lacksRoom(error))
          throw new Failure(
            `There is no room for ${folder}: making it takes twice the size of ${join(data, name)}. Free space, or choose a folder on another disk.`,
          );
        const why = whyUnreadable(error);
        if (why === null) throw error;
        throw new Failure(`${name} is damaged beyond its indexes (${why}): restore a backup.`);
      }
    }
    markRestored(partial);
  });
  await session.note(
    `${folder} has what the tables of ${data} have. Look at it with "${KEDGE} doctor --data ${folder}", then start it with "${START_NODE} --data ${folder}".`,
  );
}
