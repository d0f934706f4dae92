/** The Kafka door of a node in this process, on a disk in memory and on files. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { kafkaBadInputSuite } from "./kafka-bad-input.ts";
import { kafkaGroupsSuite } from "./kafka-groups.ts";
import { kafkaConsumerGroupsSuite } from "./kafka-consumer-groups.ts";
import { kafkaTransactionsSuite } from "./kafka-transactions.ts";
import { kafkaDoorSuite } from "./kafka-door.ts";

/** What the groups' suite asks of both. */
const quickGroups = [
  "--group-initial-rebalance-delay-ms",
  "0",
  "--group-consumer-assignment-interval-ms",
  "0",
  "--group-min-session-timeout-ms",
  "100",
];

async function open(data = ":memory:") {
  const node = await startInProcess(["--data", data, ...anyPorts, ...quickGroups]);
  return { address: kafkaAddress(node), close: () => node.stop() };
}

for (const suite of [
  kafkaDoorSuite,
  kafkaBadInputSuite,
  kafkaGroupsSuite,
  kafkaConsumerGroupsSuite,
  kafkaTransactionsSuite,
])
  suite("in process", () => open());

/** Storage takes over whole frames there, which are not to be looked at afterwards. */
kafkaDoorSuite("in process, over files", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kedge-door-"));
  const { address, close } = await open(join(directory, "data"));
  return {
    address,
    async close() {
      await close();
      await rm(directory, { recursive: true, force: true });
    },
  };
});
