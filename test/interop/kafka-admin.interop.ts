/**
 * The suite of Kafka's administration against Apache Kafka itself: what it asks of our nodes must be what Kafka does.
 *
 * - The broker is one of this suite's own, in folders and on ports of its own; if another process holds the port, starting
 *   fails rather than that process being asked.
 */
import { afterAll, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "bun";
import { kafkaAdminSuite } from "../conformance/kafka-admin.ts";
import { kafkaClusterSuite } from "../conformance/kafka-cluster.ts";
import { kafkaConfigsSuite } from "../conformance/kafka-configs.ts";
import { kafkaQuotasSuite } from "../conformance/kafka-quotas.ts";
import { javaMissing } from "../peers/java.ts";

const missing = javaMissing();
const folder = mkdtempSync(join(tmpdir(), "kedge-kafka-admin-"));
const script = join(import.meta.dir, "../peers/kafka.sh");
let env: Record<string, string | undefined> = {};

function kafka(command: string): void {
  const { exitCode } = spawnSync(["bash", script, command], {
    env,
    stdout: "ignore",
    stderr: "inherit",
  });
  if (exitCode !== 0) throw new Error(`kafka.sh ${command} failed`);
}

if (missing === null) {
  afterAll(() => {
    kafka("stop");
    rmSync(folder, { recursive: true });
  });
  let opened: Promise<number> | null = null;
  const start = async () => {
    const port = await freePort();
    env = {
      ...process.env,
      KAFKA_PORT: String(port),
      KAFKA_DATA: join(folder, "data"),
      KAFKA_RUN: join(folder, "run"),
      KAFKA_HEAP: "-Xms256m -Xmx256m",
    };
    kafka("start");
    return port;
  };
  const open = () => (opened ??= start());
  kafkaAdminSuite("Apache Kafka", open);
  kafkaClusterSuite("Apache Kafka", open);
  kafkaConfigsSuite("Apache Kafka", open);
  kafkaQuotasSuite("Apache Kafka", open);
} else {
  rmSync(folder, { recursive: true });
  test.skip(`Kafka administration, Apache Kafka: ${missing}`, () => {});
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("a port was given");
  return address.port;
}
