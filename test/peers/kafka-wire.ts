/**
 * One connection to anything that speaks Kafka's protocol, one request at a time, by the house's own declarations.
 */
import { connect as connectSocket, type Socket } from "node:net";
import type { Api } from "../../src/kafka/define-api.ts";
import { decodeResponse, encodeRequest } from "../../src/kafka/frames.ts";
import type { Decoded, Encodable, Fields } from "../../src/wire/schema.ts";

export interface KafkaWire {
  /** Asks in the newest version unless said; rejects when the other side hangs up. */
  ask<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    request: Encodable<Req>,
    version?: number,
  ): Promise<Decoded<Res>>;
  close(): void;
}

export async function connectWire(port: number, host = "127.0.0.1"): Promise<KafkaWire> {
  const socket = connectSocket({ host, port });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  const frames = readFrames(socket);
  let correlationId = 0;
  return {
    async ask(api, request, version = api.versions.max) {
      correlationId += 1;
      const header = { version, correlationId, clientId: "conformance" };
      for (const piece of encodeRequest(api, header, request)) socket.write(piece);
      const { value, done } = await frames.next();
      if (done) throw new Error(`the connection was closed on ${api.name} version ${version}`);
      return decodeResponse(api, header, value);
    },
    close: () => void socket.destroy(),
  };
}

async function* readFrames(socket: Socket): AsyncGenerator<Uint8Array, void> {
  let buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    buffer = Buffer.concat([buffer, chunk]);
    while (buffer.length >= 4 && buffer.length >= 4 + buffer.readInt32BE(0)) {
      const end = 4 + buffer.readInt32BE(0);
      yield buffer.subarray(4, end);
      buffer = buffer.subarray(end);
    }
  }
}
