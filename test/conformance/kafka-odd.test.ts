/** Odd requests to a node in this process, on a disk in memory. */
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { kafkaOddSuites } from "./kafka-odd-suites.ts";
import { quickGroups } from "./kafka-suites.ts";

await kafkaOddSuites("in process", async () => {
  const flags = ["--data", ":memory:", ...anyPorts, ...quickGroups];
  const node = await startInProcess(flags, { logLevels: { level: "info" } });
  return { address: kafkaAddress(node), close: () => node.stop() };
});
