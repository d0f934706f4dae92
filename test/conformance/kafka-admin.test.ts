/** Administration over Kafka's protocol against a node in this process, in memory, on a port of its own. */
import { afterAll, setDefaultTimeout } from "bun:test";
import type { Node } from "../../src/node.ts";
import { anyPorts, startInProcess } from "./in-process-node.ts";
import { kafkaAdminSuites } from "./kafka-suites.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

let opened: Promise<Node> | null = null;

async function open(): Promise<number> {
  const flags = ["--data", ":memory:", ...anyPorts];
  opened ??= startInProcess(flags, { logLevels: { level: "info" } });
  return (await opened).kafkaPorts.get("PLAINTEXT") ?? 0;
}

for (const suite of kafkaAdminSuites) suite("in process", open);

afterAll(async () => (await opened)?.stop());
