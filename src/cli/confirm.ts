/**
 * Leave for what destroys: asked on a terminal, `--yes` anywhere else.
 */
import { UsageError } from "../lib/setting.ts";
import { Ended, exitCodes } from "./exit.ts";
import type { Io } from "./io.ts";

/** Goes on only if the person agrees. @throws UsageError where nobody can be asked. */
export async function confirm(io: Io, question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return;
  if (!io.stdin.isTerminal || !io.stderr.isTerminal)
    throw new UsageError(`${question} Say --yes if so: there is no terminal to ask on.`);
  await io.stderr.write(`${question} [y/N] `);
  const answer = await firstLine(io);
  if (/^y(es)?$/i.test(answer.trim())) return;
  await io.stderr.write("Nothing was changed.\n");
  throw new Ended(exitCodes.failure);
}

/** Rejects with the reason of an interruption, on a line of its own. */
async function firstLine({ stdin, stderr, interrupted }: Io): Promise<string> {
  interrupted.throwIfAborted();
  const reader = stdin.stream().getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  interrupted.addEventListener("abort", cancel, { once: true });
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (!text.includes("\n")) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    interrupted.removeEventListener("abort", cancel);
    await reader.cancel().catch(() => {});
  }
  if (interrupted.aborted) await stderr.write("\n");
  interrupted.throwIfAborted();
  return text.split("\n", 1)[0] ?? "";
}
