/**
 * A command over several names: what fails for one name does not keep the others from being done.
 *
 * Exit 6 when some were done; when none was, what the first failure says. A node that does not answer ends it at once.
 */
import { Ended, endingOf, exitCodes } from "./exit.ts";
import type { Session } from "./session.ts";

/** Does `work` for every name in turn. @throws Ended with the exit code once all had their turn, or what one name alone met. */
export async function forEachName(
  session: Session,
  names: readonly string[],
  work: (name: string) => Promise<void>,
): Promise<void> {
  const failures: number[] = [];
  for (const name of names) {
    try {
      await work(name);
    } catch (error) {
      const { code, message } = endingOf(error);
      if (names.length === 1 || session.io.interrupted.aborted) throw error;
      await session.note(`kedge: ${name}: ${message ?? "failed."}`);
      failures.push(code);
      if (code === exitCodes.unreachable) break;
    }
  }
  const [first] = failures;
  if (first === undefined) return;
  const done = names.length - failures.length;
  throw new Ended(done > 0 && first !== exitCodes.unreachable ? exitCodes.partial : first);
}
