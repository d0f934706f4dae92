/** The Kafka door of a node in this process, on a disk in memory and on files. */
import { setDefaultTimeout } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { kafkaDoorSuite } from "./kafka-door.ts";
import { kafkaSuites, quickGroups } from "./kafka-suites.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

async function open(data = ":memory:") {
  const node = await startInProcess(["--data", data, ...anyPorts, ...quickGroups]);
  return { address: kafkaAddress(node), close: () => node.stop() };
}

for (const suite of kafkaSuites) suite("in process", () => open());

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
