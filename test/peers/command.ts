/**
 * A command run to its end: what it said, and its exit code.
 */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Past it the command is killed. */
  readonly timeoutMs?: number;
}

export async function run(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { cwd, env, input, timeoutMs } = options;
  const child = Bun.spawn([...command], {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
    stdin: input === undefined ? "ignore" : Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
    ...(timeoutMs !== undefined && { timeout: timeoutMs, killSignal: "SIGKILL" }),
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, out, err };
}

/** As `run`, for a command that must not fail: gives what it printed, throws with what it said otherwise. */
export async function outputOf(
  command: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, out, err } = await run(command, options);
  if (code === 0) return out;
  throw new Error(`${command.join(" ")} (exit ${code}): ${(err || out).slice(-2000)}`);
}
