/**
 * Real Kafka clients, unmodified, on the tour of `tours/README.md`: against Apache Kafka first, then against kedge.
 *
 * - confluent-kafka (librdkafka) and kafka-python from PyPI, franz-go and sarama as Go modules, kafkajs and
 *   @platformatic/kafka from npm. Where a runtime is missing the tour says so and is left out.
 * - `KEDGE_ONLY=1` leaves Apache Kafka out; `TOURS=franz-go,kafkajs` picks some.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../peers/command.ts";
import { kafkaMissing } from "../peers/kafka.ts";
import { type InteropBroker, startApacheKafka, startKedge } from "./kafka-broker.ts";

const tours = join(import.meta.dir, "tours");
const environment = join(tmpdir(), "kedge-kafka-python-1");
const goBinaries = join(tmpdir(), "kedge-tours-go");
const packages = [
  "confluent-kafka==2.16.1",
  "kafka-python==3.0.12",
  "python-snappy==0.7.3",
  "lz4==4.4.5",
  "zstandard==0.25.0",
];
const stepsOfAll = [
  "create",
  "produce",
  "consume in a group",
  "committed offsets",
  "list offsets",
  "transactions",
  "consume, transform, produce",
  "delete records",
  "too large is refused",
  "delete",
];
const leftOutByPlatformatic = new Set(["consume, transform, produce", "delete records"]);
const stepsOfPlatformatic = stepsOfAll.filter((step) => !leftOutByPlatformatic.has(step));

interface Tour {
  readonly name: string;
  /** The program and its words before and after `BOOTSTRAP NAME`. */
  readonly command: readonly string[];
  readonly mode?: string;
  readonly steps: readonly string[];
}

const python = join(environment, "bin/python");
const bun = process.execPath;
const all: readonly Tour[] = [
  { name: "franz-go", command: [join(goBinaries, "franz")], steps: stepsOfAll },
  { name: "sarama", command: [join(goBinaries, "sarama")], steps: stepsOfAll },
  {
    name: "confluent-kafka",
    command: [python, join(tours, "confluent_tour.py")],
    mode: "classic",
    steps: stepsOfAll,
  },
  {
    name: "confluent-kafka, KIP-848",
    command: [python, join(tours, "confluent_tour.py")],
    mode: "consumer",
    steps: stepsOfAll,
  },
  {
    name: "kafka-python",
    command: [python, join(tours, "kafka_python_tour.py")],
    steps: stepsOfAll,
  },
  { name: "kafkajs", command: [bun, join(tours, "kafkajs-tour.ts")], steps: stepsOfAll },
  {
    name: "@platformatic/kafka",
    command: [bun, join(tours, "platformatic-tour.ts")],
    mode: "classic",
    steps: stepsOfPlatformatic,
  },
  {
    name: "@platformatic/kafka, KIP-848",
    command: [bun, join(tours, "platformatic-tour.ts")],
    mode: "consumer",
    steps: stepsOfPlatformatic,
  },
];

const wanted = process.env["TOURS"]?.split(",");
const chosen = all.filter(({ name }) => !wanted || wanted.some((part) => name.startsWith(part)));
const missing = kafkaMissing();
const makers = [
  ...(process.env["KEDGE_ONLY"] || missing !== null ? [] : [startApacheKafka]),
  startKedge,
];
if (missing !== null) console.error(`Apache Kafka is left out: ${missing}`);
const [go, python3] = [Bun.which("go"), Bun.which("python3")];
if (!go) console.error("franz-go and sarama are left out: there is no go");
if (!python3) console.error("confluent-kafka and kafka-python are left out: there is no python3");

async function install(command: readonly string[], cwd = tours): Promise<void> {
  const child = Bun.spawn([...command], { cwd, stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${said}`);
}

beforeAll(async () => {
  const needed = (program: string) => chosen.some(({ command }) => command[0]?.startsWith(program));
  if (go && needed(goBinaries)) {
    await install([go, "build", "-o", `${goBinaries}/`, "./..."], join(tours, "go"));
  }
  if (python3 && needed(environment) && !existsSync(join(environment, "installed"))) {
    await install([python3, "-m", "venv", environment]);
    await install([join(environment, "bin/pip"), "install", "-q", ...packages]);
    await Bun.write(join(environment, "installed"), packages.join("\n"));
  }
});

/** Why a tour cannot run here, or null. */
function lacking({ command }: Tour): string | null {
  if (command[0]?.startsWith(goBinaries) && !go) return "no go";
  if (command[0]?.startsWith(environment) && !python3) return "no python3";
  return null;
}

for (const [index, start] of makers.entries()) {
  describe(start === startKedge ? "kedge" : "Apache Kafka", () => {
    let broker: InteropBroker;
    beforeAll(async () => {
      broker = await start();
    });
    afterAll(() => broker?.stop());

    for (const [number, tour] of chosen.entries()) {
      test.skipIf(lacking(tour) !== null)(tour.name, async () => {
        const words = [broker.bootstrap, `tour-${index}-${number}`, tour.mode ?? ""];
        const command = [...tour.command, ...words.filter((word) => word !== "")];
        const { code, out, err } = await run(command, { cwd: tours, timeoutMs: 120_000 });
        const held = out
          .trim()
          .split("\n")
          .map((line) => line.replace(/^ok /, ""));
        expect(held, err.slice(-2000)).toEqual([...tour.steps]);
        expect(code).toBe(0);
      });
    }
  });
}
