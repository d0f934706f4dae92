/**
 * What a node can be told about where the Kafka protocol is served, and what its clients are told to connect to.
 */
import {
  type Address,
  isLoopback,
  listener,
  many,
  type Setting,
  text,
  UsageError,
  type ValuesOf,
} from "../lib/setting.ts";
import type { ListenerOptions } from "./listener.ts";

export const listenerSettings = {
  kafka: many(
    listener,
    "Where the Kafka protocol is served; port 0 takes a free one, `none` serves it nowhere.",
    "listeners",
    "127.0.0.1:9092",
  ),
  "kafka-advertised": many(
    listener,
    "What Kafka clients are told to connect to, by listener name.",
    "advertised.listeners",
  ),
  "kafka-controller-listeners": many(
    text,
    "Kafka listeners, by name, that are left shut: in Kafka they are for its controllers alone.",
    "controller.listener.names",
  ),
} as const satisfies Record<string, Setting<unknown>>;

type ListenerValues = ValuesOf<typeof listenerSettings>;

/**
 * The listeners for clients: without those that Kafka keeps for its controllers, as in its own `server.properties`.
 * Throws UsageError where that leaves none.
 */
export function clientListeners({
  kafka,
  "kafka-advertised": advertised,
  "kafka-controller-listeners": controllers,
}: ListenerValues): Pick<ListenerValues, "kafka" | "kafka-advertised"> {
  const shut = new Set(controllers.map((name) => name.toUpperCase()));
  const isOpen = (each: Address) => !shut.has(listenerName(each));
  const open = kafka.filter(isOpen);
  if (kafka.length > 0 && open.length === 0)
    throw new UsageError(
      `controller.listener.names keeps every Kafka listener for controllers: clients want one of another name`,
    );
  return { kafka: open, "kafka-advertised": advertised.filter(isOpen) };
}

/** Refuses listeners that nobody may open, or that cannot be told apart. `insecure` lets everybody in. */
export function checkListeners(
  { kafka, "kafka-advertised": advertised }: Pick<ListenerValues, "kafka" | "kafka-advertised">,
  insecure: boolean,
): void {
  const open = kafka.find(({ host }) => !isLoopback(host));
  if (open && !insecure) {
    throw new UsageError(
      `--kafka asks for ${open.host}:${open.port}, which other machines can reach, and Kafka clients are not asked who ` +
        `they are yet: listen on 127.0.0.1, or give --insecure to let everybody in`,
    );
  }
  const names = kafka.map(listenerName);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw new UsageError(
      `two --kafka listeners are called ${twice}: give each a name of its own, as in LAN://127.0.0.1:9093`,
    );
  }
  const stray = advertised.find((each) => !names.includes(listenerName(each)));
  if (stray) {
    throw new UsageError(
      `--kafka-advertised names the listener ${listenerName(stray)}, which no --kafka has`,
    );
  }
}

/** Kafka's listeners by name, each with what its clients are told to connect to, where that is said. */
export function kafkaListeners({
  kafka,
  "kafka-advertised": advertised,
}: Pick<ListenerValues, "kafka" | "kafka-advertised">): ListenerOptions[] {
  return kafka.map((address) => {
    const name = listenerName(address);
    const told = advertised.find((each) => listenerName(each) === name);
    return { name, host: address.host, port: address.port, advertised: told ?? null };
  });
}

/** What a Kafka listener without a name is called, as in Kafka. */
function listenerName({ name }: Address): string {
  return (name ?? "PLAINTEXT").toUpperCase();
}

/** As Kafka writes listeners: `NAME://HOST:PORT`, joined by commas. */
export function listenersText(addresses: readonly Address[]): string {
  return addresses.map((each) => `${listenerName(each)}://${each.host}:${each.port}`).join();
}
