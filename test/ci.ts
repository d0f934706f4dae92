/**
 * CI's list of suites: each is a command; its tests are counted from what `bun test` prints, any other command counts as
 * one. A suite that fails does not stop the next, so that one run tells everything.
 *
 * `CI_ONLY=gate,crash` runs some by name.
 */
import { spawn } from "bun";

interface Suite {
  readonly name: string;
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

const minute = 60_000;

const suites: readonly Suite[] = [
  { name: "readme test command", command: ["bun", "run", "test"], timeoutMs: 3 * minute },
  { name: "format", command: ["bun", "run", "format:check"], timeoutMs: minute },
  { name: "lint", command: ["bun", "run", "lint"], timeoutMs: 2 * minute },
  { name: "dead code", command: ["bun", "run", "dead"], timeoutMs: 2 * minute },
  {
    name: "fuzz records",
    command: ["bun", "test", "./test/fuzz/records.fuzz.ts"],
    timeoutMs: 2 * minute,
  },
  {
    name: "interop records",
    command: ["bun", "test", "./test/interop/records.interop.ts"],
    timeoutMs: 5 * minute,
  },
  {
    name: "crash storage",
    command: ["bun", "test", "./test/chaos/storage-crash.chaos.ts"],
    timeoutMs: 3 * minute,
  },
  {
    name: "chaos storage disk",
    command: ["bun", "test", "./test/chaos/storage-disk.chaos.ts"],
    timeoutMs: 2 * minute,
  },
  {
    name: "crash",
    command: ["bun", "test", "./test/chaos/crash-loop.chaos.ts"],
    timeoutMs: 5 * minute,
  },
  {
    name: "chaos restarts",
    command: ["bun", "test", "./test/chaos/rolling-restart.chaos.ts"],
    timeoutMs: 2 * minute,
  },
  {
    name: "chaos slow disk",
    command: ["bun", "test", "./test/chaos/slow-disk.chaos.ts"],
    timeoutMs: 2 * minute,
  },
  {
    name: "chaos full disk",
    command: ["bun", "test", "./test/chaos/full-disk.chaos.ts"],
    timeoutMs: 2 * minute,
  },
  {
    name: "simulation",
    command: ["env", "SIM_SEEDS=1000", "SIM_STEPS=400", "bun", "test", "test/simulation"],
    timeoutMs: 5 * minute,
  },
  {
    name: "interop schemathesis",
    command: ["bun", "test", "./test/interop/schemathesis.interop.ts"],
    timeoutMs: 5 * minute,
  },
  {
    name: "interop deno",
    command: ["bun", "test", "./test/interop/deno.interop.ts"],
    timeoutMs: 4 * minute,
  },
  {
    name: "interop serve",
    command: ["bun", "test", "./test/interop/serve.interop.ts"],
    timeoutMs: 2 * minute,
  },
  {
    name: "chaos readers",
    command: ["bun", "test", "./test/chaos/readers.chaos.ts"],
    timeoutMs: 6 * minute,
  },
  {
    name: "interop client",
    command: ["bun", "test", "./test/interop/client.interop.ts"],
    timeoutMs: 4 * minute,
  },
  {
    name: "interop cli",
    command: ["bun", "test", "./test/interop/cli.interop.ts"],
    timeoutMs: 3 * minute,
  },
  {
    name: "interop examples",
    command: ["bun", "test", "./test/interop/examples.interop.ts"],
    timeoutMs: 6 * minute,
  },
  {
    name: "interop browser",
    command: ["bun", "test", "./test/interop/browser.interop.ts"],
    timeoutMs: 6 * minute,
  },
];

async function run(suite: Suite): Promise<{ passed: number; failed: number }> {
  console.log(`\n== ${suite.name}: ${suite.command.join(" ")}`);
  const started = performance.now();
  const child = spawn([...suite.command], {
    stdout: "pipe",
    stderr: "pipe",
    timeout: suite.timeoutMs,
    killSignal: "SIGKILL",
  });
  const output = (await Promise.all([pass(child.stdout), pass(child.stderr)])).join("\n");
  const code = await child.exited;
  const count = (word: string) =>
    [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].reduce(
      (sum, match) => sum + Number(match[1]),
      0,
    );
  const passed = count("pass");
  const failed = count("fail");
  console.log(`== ${suite.name}: exit ${code} in ${Math.round(performance.now() - started)} ms`);
  if (passed + failed === 0)
    return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1) };
}

/** Shows a stream as it comes and gives it back whole. */
async function pass(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    const part = decoder.decode(chunk, { stream: true });
    process.stdout.write(part);
    text += part;
  }
  return text;
}

const only = process.env["CI_ONLY"]?.split(",");
let passed = 0;
let failed = 0;
for (const suite of suites) {
  if (only && !only.some((name) => suite.name.startsWith(name))) continue;
  const result = await run(suite);
  passed += result.passed;
  failed += result.failed;
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
