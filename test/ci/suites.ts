/**
 * CI's list of suites, each a command. What installs or is needed by others comes first, alone; what measures stalls comes
 * last, alone; all else goes side by side, the longest first.
 *
 * Several seeds of a suite are its command's own business. Left out: what a machine lacks, which each suite says itself.
 */

export interface Suite {
  readonly name: string;
  readonly command: readonly string[];
  /** It is killed then, and counts as failed. */
  readonly timeoutMs: number;
}

const minute = 60_000;
const hangToldMs = 20_000;

/** One after the other, in this order: the packages, then what other suites take from a cache folder. */
export const first: readonly Suite[] = [
  { name: "readme test command", command: ["bun", "run", "test"], timeoutMs: 5 * minute },
  slow("interop kafka clients", "./test/interop/kafka-clients.interop.ts", 3),
];

export const sideBySide: readonly Suite[] = [
  slow("interop kafka tours", "./test/interop/kafka-tours.interop.ts", 6),
  {
    name: "simulation",
    command: ["env", "SIM_SEEDS=1000", "SIM_STEPS=400", "bun", "test", "test/simulation"],
    timeoutMs: 6 * minute,
  },
  slow("crash", "./test/chaos/crash-loop.chaos.ts", 8),
  slow("interop kafka tools", "./test/interop/kafka-tools.interop.ts", 6),
  slow("chaos readers", "./test/chaos/readers.chaos.ts", 6),
  slow("chaos crowd", "./test/chaos/crowd.chaos.ts", 5),
  slow("chaos uploads", "./test/chaos/uploads.chaos.ts", 4),
  slow("chaos exactly once", "./test/chaos/exactly-once.chaos.ts", 5),
  kedgeAlone("interop kafka connect", "./test/interop/kafka-connect.interop.ts", 5),
  slow("interop kafka transactions", "./test/interop/kafka-transactions.interop.ts", 5),
  besideKafka("interop kafka peer", "./test/interop/kafka-peer.interop.ts", 6),
  slow("interop schemathesis", "./test/interop/schemathesis.interop.ts", 6),
  slow("interop examples", "./test/interop/examples.interop.ts", 6),
  slow("interop browser", "./test/interop/browser.interop.ts", 6),
  slow("crash storage", "./test/chaos/storage-crash.chaos.ts", 4),
  kedgeAlone("interop kafka streams", "./test/interop/kafka-streams.interop.ts", 4),
  slow("interop deno", "./test/interop/deno.interop.ts", 4),
  slow("interop client", "./test/interop/client.interop.ts", 4),
  slow("fuzz http", "./test/fuzz/http.fuzz.ts", 3),
  slow("interop kafka epochs", "./test/interop/kafka-epochs.interop.ts", 4),
  slow("interop kafka spellings", "./test/interop/kafka-spellings.interop.ts", 4),
  slow("interop compaction", "./test/interop/compaction.interop.ts", 3),
  slow("chaos restarts", "./test/chaos/rolling-restart.chaos.ts", 3),
  slow("chaos compaction", "./test/chaos/compaction.chaos.ts", 3),
  besideKafka("interop kafka admin", "./test/interop/kafka-admin.interop.ts", 3),
  besideKafka("interop kafka odd requests", "./test/interop/kafka-odd.interop.ts", 2),
  slow("chaos storage disk", "./test/chaos/storage-disk.chaos.ts", 3),
  slow("chaos full disk", "./test/chaos/full-disk.chaos.ts", 3),
  slow("chaos full disk start", "./test/chaos/full-disk-start.chaos.ts", 3),
  slow("interop cli", "./test/interop/cli.interop.ts", 3),
  { name: "lint", command: ["bun", "run", "lint"], timeoutMs: 2 * minute },
  slow("interop records", "./test/interop/records.interop.ts", 5),
  slow("interop serve", "./test/interop/serve.interop.ts", 3),
  slow("fuzz records", "./test/fuzz/records.fuzz.ts", 2),
  slow("interop kafka messages", "./test/interop/kafka-messages.interop.ts", 5),
  { name: "dead code", command: ["bun", "run", "dead"], timeoutMs: 2 * minute },
  { name: "format", command: ["bun", "run", "format:check"], timeoutMs: minute },
];

/** One after the other: they ask how long the node keeps others waiting. */
export const alone: readonly Suite[] = [
  slow("fuzz kafka", "./test/fuzz/kafka.fuzz.ts", 4),
  slow("chaos slow disk", "./test/chaos/slow-disk.chaos.ts", 2),
  {
    name: "bench growth",
    command: "bun test/bench/main.ts growth-log growth-partitions --runs 1 --unkept".split(" "),
    timeoutMs: 4 * minute,
  },
  slow("chaos descriptors", "./test/chaos/descriptors.chaos.ts", 2),
];

/**
 * A suite of real processes: a test may take nearly as long as its suite, since a busy machine is no failure; one that hangs
 * ends before the suite is killed, so that its name and what it left behind are told.
 */
function slow(name: string, path: string, minutes: number): Suite {
  const timeoutMs = minutes * minute;
  const testTimeoutMs = timeoutMs - hangToldMs;
  return { name, command: ["bun", "test", "--timeout", String(testTimeoutMs), path], timeoutMs };
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
