/**
 * A whole node in this process, started as `kedge serve` would start it: by flags, without its environment or a file.
 */
import { loadConfig } from "../../src/config.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { type Node, startNode, type Surroundings } from "../../src/node.ts";
import { detectPlatform } from "../../src/runtime/runtime.ts";

/** Any free port, for both doors. */
export const anyPorts = ["--http", "127.0.0.1:0", "--kafka", "127.0.0.1:0"];

/** What stops the node for good is thrown where it happens, so that the test that met it fails. */
export async function startInProcess(
  flags: readonly string[],
  surroundings: Partial<Pick<Surroundings, "logLevels" | "logger">> = {},
): Promise<Node> {
  const readFile = () => Promise.reject(new Error("no file"));
  const { config } = await loadConfig({ args: flags, env: {}, readFile });
  return startNode(config, {
    platform: await detectPlatform(),
    logger: silentLogger,
    version: "test",
    onFatal: (error) => {
      throw error;
    },
    ...surroundings,
  });
}

/** Where the Kafka clients of the node's only listener connect to. */
export function kafkaAddress({ kafkaPorts }: Node): string {
  const [port] = kafkaPorts.values();
  if (port === undefined) throw new Error("the node has no Kafka listener");
  return `127.0.0.1:${port}`;
}
