/** A transaction of too many partitions, in a node in this process, on a disk in memory. */
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { kafkaLargeTransactionSuite, smallStates } from "./kafka-large-transactions.ts";

kafkaLargeTransactionSuite("in process", async () => {
  const bytes = ["--message-max-bytes", smallStates["message.max.bytes"]];
  const flags = ["--data", ":memory:", ...anyPorts, ...bytes];
  const node = await startInProcess(flags, { logLevels: { level: "info" } });
  return { address: kafkaAddress(node), close: () => node.stop() };
});
