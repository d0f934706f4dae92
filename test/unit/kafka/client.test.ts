/** A client's connections: one a place, whoever asks at once, and none is left when the client closes. */
import { expect, test } from "bun:test";
import { metadata } from "../../../src/kafka/apis/03-metadata.ts";
import { apiVersions } from "../../../src/kafka/apis/18-api-versions.ts";
import { KafkaClient } from "../../../src/kafka/client.ts";
import type { Dial } from "../../../src/kafka/client-connection.ts";
import { encodeResponse, readRequestHeader } from "../../../src/kafka/frames.ts";
import type { Wire, WireHandlers } from "../../../src/lib/platform.ts";
import { Reader } from "../../../src/wire/reader.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

const SIZE_BYTES = 4;
const apis = [metadata, apiVersions].map(({ key, versions }) => ({
  apiKey: key,
  minVersion: versions.min,
  maxVersion: versions.max,
}));
const anyBroker = {
  topics: [],
  allowAutoTopicCreation: false,
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
};

/** Broker 1, which answers in the next turn what it is asked, and is told of under another name than it was dialled by. */
class TestBrokerWire implements Wire {
  readonly address = "192.0.2.1";
  readonly place: string;
  readonly #handlers: WireHandlers;
  dropped = false;

  constructor(place: string, handlers: WireHandlers) {
    this.place = place;
    this.#handlers = handlers;
  }

  write(pieces: readonly Uint8Array[]): void {
    const request = Buffer.concat(pieces).subarray(SIZE_BYTES);
    const { key, version, correlationId } = readRequestHeader(new Reader(request));
    const header = { version, correlationId };
    const answer =
      key === apiVersions.key
        ? encodeResponse(apiVersions, header, { errorCode: 0, apiKeys: apis, throttleTimeMs: 0 })
        : encodeResponse(metadata, header, {
            throttleTimeMs: 0,
            errorCode: 0,
            brokers: [{ nodeId: 1, host: "told.test", port: 2 }],
            topics: [],
          });
    queueMicrotask(() => this.#handlers.data(new Uint8Array(Buffer.concat(answer))));
  }
  unsentBytes(): number {
    return 0;
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  drop(): void {
    this.dropped = true;
  }
}

function clientOf() {
  const wires: TestBrokerWire[] = [];
  const refused = new Set<string>();
  const dial: Dial = async (host, port, handlers) => {
    const place = `${host}:${port}`;
    const wire = new TestBrokerWire(place, handlers);
    wires.push(wire);
    // As a real one does, it takes some turns.
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    if (refused.has(place)) throw new Error("refused");
    return wire;
  };
  const client = new KafkaClient({
    bootstrap: [{ host: "named.test", port: 1 }],
    dial,
    clock: new VirtualClock(),
    clientId: "test",
    timeoutMs: 1_000,
    patienceMs: 1_000,
  });
  const askBroker = () => client.ask({ to: "broker", id: 1 }, metadata, anyBroker, () => {});
  return { client, wires, refused, askBroker };
}

test("many who ask a broker at once share one connection, and closing leaves none open", async () => {
  const { client, wires, askBroker } = clientOf();
  expect(await client.brokers()).toEqual([1]);
  await Promise.all([askBroker(), askBroker(), askBroker()]);
  expect(wires.map(({ place }) => place)).toEqual(["named.test:1", "told.test:2"]);
  client.close();
  expect(wires.map(({ dropped }) => dropped)).toEqual([true, true]);
});

test("a connection that comes after the client was closed is closed, too", async () => {
  const { client, wires, askBroker } = clientOf();
  await client.brokers();
  const asked = askBroker();
  client.close();
  expect(await asked.catch((error: unknown) => error)).toBeInstanceOf(Error);
  expect(wires.map(({ dropped }) => dropped)).toEqual([true, true]);
});

test("a place that could not be reached is tried anew by the next who asks", async () => {
  const { client, wires, refused, askBroker } = clientOf();
  await client.brokers();
  refused.add("told.test:2");
  const failed = await Promise.allSettled([askBroker(), askBroker()]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  refused.clear();
  await askBroker();
  expect(wires.map(({ place }) => place)).toEqual(["named.test:1", "told.test:2", "told.test:2"]);
  client.close();
});
