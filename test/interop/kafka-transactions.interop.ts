/**
 * Transactions of the official Java client, unmodified, and of Kafka's own tool for them: against Apache Kafka first, then
 * against kedge. `KEDGE_ONLY=1` leaves Apache Kafka out.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { run } from "../peers/command.ts";
import { classPath, kafkaMissing } from "../peers/kafka.ts";
import { type InteropBroker, startApacheKafka, startKedge, toolOf } from "./kafka-broker.ts";

const missing = kafkaMissing();
const skipped = missing !== null;
if (skipped) console.error(`the Java client is left out: ${missing}`);
/** Kafka's own ten seconds, and the second that the transaction has, would come near the twelve that the client waits. */
const settings = { "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000" };
const kafka = ["Apache Kafka", () => startApacheKafka(settings)] as const;
const makers = [
  ...(process.env["KEDGE_ONLY"] ? [] : [kafka]),
  ["kedge", () => startKedge("--log-level", "debug")] as const,
];
const SHOWN_CHARS = 6_000;
const steps = [
  "commit and abort",
  "many small ones",
  "consume, transform, produce",
  "fencing",
  "timeout",
  "restart",
  "listed",
  "described",
];

describe.skipIf(skipped).each(makers)("%s", (_name, start) => {
  let broker: InteropBroker;
  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker?.stop());

  test("the Java client's transactions", async () => {
    const program = join(import.meta.dir, "java/Transactions.java");
    const command = ["java", "-Xmx256m", "-cp", classPath, program, broker.bootstrap, "java"];
    const { code, out, err } = await run(command, { timeoutMs: 150_000 });
    const held = out.trim().split("\n");
    // Which request was answered how, the broker's log tells.
    const told = `${err.slice(-SHOWN_CHARS)}\n${(await broker.log()).slice(-SHOWN_CHARS)}`;
    expect(held, told).toEqual(steps.map((step) => `ok ${step}`));
    expect(code).toBe(0);
  });

  // Why Transactions.java flushes before it commits. Once the client is mended this says so.
  test("the Java client's commit that overtakes its own records is refused", async () => {
    const program = join(import.meta.dir, "java/EarlyCommit.java");
    const command = ["java", "-Xmx256m", "-cp", classPath, program, broker.bootstrap, "java"];
    const { out, err } = await run(command, { timeoutMs: 100_000 });
    expect(out.trim().split("\n").at(-1), err).toBe("InvalidTxnStateException");
  });

  test("Kafka's own tool lists and describes them", async () => {
    const at = ["--bootstrap-server", broker.bootstrap];
    const listed = await toolOf("TransactionsCommand", [...at, "list"]);
    expect(listed.output).toMatch(/java-writer\s+\d+\s+\d+\s+CompleteCommit/);
    const words = [...at, "describe", "--transactional-id", "java-writer"];
    const described = await toolOf("TransactionsCommand", words);
    expect(described.output).toContain("CompleteCommit");
    const hanging = await toolOf("TransactionsCommand", [
      ...at,
      "find-hanging",
      "--broker-id",
      "1",
    ]);
    expect(hanging.code).toBe(0);
    expect(hanging.output).not.toContain("java-");
  });
});
