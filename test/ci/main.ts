/**
 * Runs CI's suites: its tests are counted from what `bun test` prints, any other command counts as one. A suite that fails
 * does not stop the next, so that one run tells everything. What a suite said is shown when it ends, in one piece; what failed
 * is named once more before the last line.
 *
 * The whole has a deadline: what has not ended by then is killed and counts as failed, so that the last line always comes.
 *
 * `CI_ONLY=interop,crash` runs those whose names begin so, in a clone whose packages are installed.
 */
import { spawn } from "bun";
import { alone, first, sideBySide, type Suite } from "./suites.ts";

const lanes = 2;
const wholeMsMax = 19 * 60_000;
const pipesMsMax = 2_000;

interface Count {
  readonly passed: number;
  readonly failed: number;
}

const only = process.env["CI_ONLY"]?.split(",");
let passed = 0;
let failed = 0;
/** Said once more at the end, since whoever reads CI's output may see no more than its last lines. */
const failures: string[] = [];
const linesOfSilentMax = 30;

/** Runs them, `width` at a time, in this order. */
async function runAll(suites: readonly Suite[], width: number): Promise<void> {
  const queue = suites.filter(({ name }) => !only || only.some((begin) => name.startsWith(begin)));
  const lane = async (_: unknown, at: number) => {
    for (let suite = queue.shift(); suite; suite = queue.shift()) {
      const count = await run(suite, at);
      passed += count.passed;
      failed += count.failed;
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
}

async function run({ name, command, timeoutMs }: Suite, lane: number): Promise<Count> {
  const leftMs = Math.ceil(wholeMsMax - performance.now());
  if (leftMs <= 0) {
    failures.push(`== ${name}: not begun, the whole takes too long`);
    return { passed: 0, failed: 1 };
  }
  const beganMs = performance.now();
  const child = spawn([...command], {
    // Of its own ports: a node that is killed and started again finds its port free.
    env: { ...process.env, TEST_LANE: String(lane) },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: Math.min(timeoutMs, leftMs),
    killSignal: "SIGKILL",
  });
  const said = [collect(child.stdout), collect(child.stderr)];
  const code = await child.exited;
  // What a killed suite leaves running may hold its pipes open.
  await Promise.race([Promise.all(said.map(({ ended }) => ended)), Bun.sleep(pipesMsMax)]);
  const output = said.map(({ text }) => text()).join("\n");
  console.log(`\n== ${name}: ${command.join(" ")}\n${output}`);
  const tookMs = Math.round(performance.now() - beganMs);
  const end = `== ${name}: ${child.signalCode ?? `exit ${code}`} in ${tookMs} ms`;
  console.log(end);
  if (code !== 0) failures.push([end, ...failuresIn(output)].join("\n"));
  return countOf(output, code);
}

/** The tests that failed; of a suite that names none, as one that was killed, its last lines. */
function failuresIn(output: string): string[] {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const named = lines.filter((line) => line.startsWith("(fail)"));
  return named.length > 0 ? named : lines.slice(-linesOfSilentMax);
}

/** Takes a stream as it comes. */
function collect(stream: ReadableStream<Uint8Array>): { text: () => string; ended: Promise<void> } {
  const decoder = new TextDecoder();
  let text = "";
  const read = async () => {
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  };
  return { text: () => text, ended: read() };
}

function countOf(output: string, code: number): Count {
  const count = (word: string) =>
    [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].reduce(
      (sum, match) => sum + Number(match[1]),
      0,
    );
  const counted = { passed: count("pass"), failed: count("fail") };
  if (counted.passed + counted.failed === 0) {
    return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  }
  return code === 0 ? counted : { ...counted, failed: Math.max(counted.failed, 1) };
}

await runAll(first, 1);
await runAll(sideBySide, lanes);
await runAll(alone, 1);
if (failures.length > 0) console.log(`\nWhat failed:\n${failures.join("\n")}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
