/**
 * CI's list of suites: each is a command; its tests are counted from what `bun test` prints, any other command counts as
 * one. A suite that fails does not stop the next, so that one run tells everything.
 *
 * `CI_ONLY=interop,crash` runs those whose names begin so, in a clone whose packages are installed.
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
  slow("fuzz records", "./test/fuzz/records.fuzz.ts", 2),
  slow("fuzz http", "./test/fuzz/http.fuzz.ts", 2),
  slow("fuzz kafka", "./test/fuzz/kafka.fuzz.ts", 4),
  slow("interop kafka clients", "./test/interop/kafka-clients.interop.ts", 3),
  slow("interop kafka tours", "./test/interop/kafka-tours.interop.ts", 5),
  slow("interop kafka tools", "./test/interop/kafka-tools.interop.ts", 6),
  kedgeAlone("interop kafka streams", "./test/interop/kafka-streams.interop.ts", 4),
  kedgeAlone("interop kafka connect", "./test/interop/kafka-connect.interop.ts", 4),
  besideKafka("interop kafka peer", "./test/interop/kafka-peer.interop.ts", 4),
  slow("interop kafka messages", "./test/interop/kafka-messages.interop.ts", 5),
  slow("interop kafka spellings", "./test/interop/kafka-spellings.interop.ts", 4),
  slow("interop compaction", "./test/interop/compaction.interop.ts", 3),
  slow("interop kafka transactions", "./test/interop/kafka-transactions.interop.ts", 4),
  besideKafka("interop kafka admin", "./test/interop/kafka-admin.interop.ts", 3),
  slow("interop records", "./test/interop/records.interop.ts", 5),
  slow("crash storage", "./test/chaos/storage-crash.chaos.ts", 3),
  slow("chaos storage disk", "./test/chaos/storage-disk.chaos.ts", 2),
  slow("crash", "./test/chaos/crash-loop.chaos.ts", 5),
  slow("chaos compaction", "./test/chaos/compaction.chaos.ts", 3),
  slow("chaos restarts", "./test/chaos/rolling-restart.chaos.ts", 2),
  slow("chaos exactly once", "./test/chaos/exactly-once.chaos.ts", 4),
  slow("chaos slow disk", "./test/chaos/slow-disk.chaos.ts", 2),
  slow("chaos descriptors", "./test/chaos/descriptors.chaos.ts", 2),
  slow("chaos full disk", "./test/chaos/full-disk.chaos.ts", 2),
  {
    name: "simulation",
    command: ["env", "SIM_SEEDS=1000", "SIM_STEPS=400", "bun", "test", "test/simulation"],
    timeoutMs: 5 * minute,
  },
  slow("interop schemathesis", "./test/interop/schemathesis.interop.ts", 5),
  slow("interop deno", "./test/interop/deno.interop.ts", 4),
  slow("interop serve", "./test/interop/serve.interop.ts", 2),
  slow("chaos readers", "./test/chaos/readers.chaos.ts", 6),
  slow("interop client", "./test/interop/client.interop.ts", 4),
  slow("interop cli", "./test/interop/cli.interop.ts", 3),
  slow("interop examples", "./test/interop/examples.interop.ts", 6),
  slow("interop browser", "./test/interop/browser.interop.ts", 6),
];

/** A suite of real processes: a test may take as long as its suite, since a busy machine is no failure. */
function slow(name: string, path: string, minutes: number): Suite {
  const timeoutMs = minutes * minute;
  return { name, command: ["bun", "test", "--timeout", String(timeoutMs), path], timeoutMs };
}

/**
 * Suites that only ask Apache Kafka, whose metadata comes to its own brokers a moment late: a test may be asked again. kedge
 * answers the same suites in the gate, where nothing is asked twice.
 */
function besideKafka(name: string, path: string, minutes: number): Suite {
  const suite = slow(name, path, minutes);
  return { ...suite, command: [...suite.command, "--retry", "3"] };
}

/** The same without Apache Kafka beside it, which takes minutes to go the same way; run alone, the suite has both. */
function kedgeAlone(name: string, path: string, minutes: number): Suite {
  const suite = slow(name, path, minutes);
  return { ...suite, command: ["env", "KEDGE_ONLY=1", ...suite.command] };
}

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
