/**
 * One connection to anything that speaks Kafka's protocol, for suites that ask in the newest version unless they say another.
 */
import { connectKafka } from "../conformance/kafka-connection.ts";
import type { Api } from "../../src/kafka/define-api.ts";
import type { Decoded, Encodable, Fields } from "../../src/wire/schema.ts";

export interface KafkaWire {
  /** Rejects when the other side hangs up. */
  ask<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    request: Encodable<Req>,
    version?: number,
  ): Promise<Decoded<Res>>;
  close(): void;
}

export async function connectWire(port: number, host = "127.0.0.1"): Promise<KafkaWire> {
  const connection = await connectKafka(`${host}:${port}`);
  return {
    ask: (api, request, version = api.versions.max) => connection.send(api, version, request),
    close: () => connection.close(),
  };
}
