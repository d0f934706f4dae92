/**
 * What is physical in reading by Kafka's protocol: a broker that answers Fetch from memory and does nothing else. Everything but
 * Fetch goes on to a node of kedge, whose log it has read before.
 * `bun kafka-stub.ts PORT NODE_KAFKA_PORT NODE_HTTP_PORT TOPIC PARTITIONS`; the node must tell clients to come to PORT.
 *
 * - Pages are those of a consumer with 1 MiB a partition, from the beginning on; whoever asks from elsewhere is cut off.
 * - Left out: sessions, waiting, limits of what a client does not take.
 */
import type { Socket } from "bun";
import { fetch as fetchApi } from "../../src/kafka/apis/01-fetch.ts";
import { FrameReader } from "../../src/kafka/frame-reader.ts";
import {
  decodeRequest,
  encodeResponse,
  readRequestHeader,
  type RequestHeader,
} from "../../src/kafka/frames.ts";
import { Outbox } from "../../src/runtime/outbox.ts";
import { Reader } from "../../src/wire/reader.ts";
import { partitionPath } from "./subjects.ts";
import { encodeRequest, headerOf, Wire } from "./wire.ts";

const [port = 0, nodePort = 0, httpPort = 0] = process.argv.slice(2, 5).map(Number);
const [topic = "", partitionCount = ""] = process.argv.slice(5);
const frameBytesMax = 100 * 1024 * 1024;

/** Pages of each partition, by the offset that they begin at. */
const pages = new Map<string, Uint8Array>();
const ends: number[] = [];

async function readLog(partition: number): Promise<number> {
  const wire = await Wire.connect(httpPort);
  const accept = "application/vnd.kafka.recordbatch";
  for (let next = 0; ;) {
    const path = `${partitionPath(topic, partition)}?from=${next}&max_bytes=1048576`;
    const { head, body } = await wire.exchange(encodeRequest("GET", path, { accept }));
    if (body.length === 0) return next;
    pages.set(`${partition}/${next}`, new Uint8Array(body));
    next = Number(headerOf(head, "kafka-next"));
  }
}

for (let partition = 0; partition < Number(partitionCount); partition += 1)
  ends.push(await readLog(partition));

class Client {
  readonly #socket: Socket<Client | null>;
  readonly #outbox = new Outbox();
  readonly #frames = new FrameReader({ bytesMax: frameBytesMax, admit: () => true });
  readonly #answers = new FrameReader({ bytesMax: frameBytesMax, admit: () => true });
  #node: Promise<Socket> | null = null;
  /** Requests that the node has not answered, and Fetches that wait for those before them. */
  #forwarded = 0;
  readonly #waiting: Uint8Array[] = [];

  constructor(socket: Socket<Client | null>) {
    this.#socket = socket;
    socket.setNoDelay(true);
  }

  received(bytes: Uint8Array): void {
    this.#frames.push(new Uint8Array(bytes));
    for (let frame = this.#frames.next(); frame; frame = this.#frames.next()) {
      this.#waiting.push(frame.bytes);
    }
    this.#advance();
  }

  flush(): void {
    this.#outbox.flush((piece) => this.#socket.write(piece));
  }

  closed(): void {
    void this.#node?.then((node) => node.end());
  }

  #advance(): void {
    for (let frame = this.#waiting[0]; frame; frame = this.#waiting[0]) {
      const reader = new Reader(frame);
      const header = readRequestHeader(reader);
      if (header.key !== fetchApi.key) this.#forward(frame);
      else if (this.#forwarded > 0) return;
      else this.#send(answerFetch(header, reader));
      this.#waiting.shift();
    }
  }

  #send(pieces: readonly Uint8Array[]): void {
    this.#outbox.push(pieces);
    this.flush();
  }

  #forward(frame: Uint8Array): void {
    this.#forwarded += 1;
    this.#node ??= Bun.connect({
      hostname: "127.0.0.1",
      port: nodePort,
      socket: { data: (_, bytes) => this.#answered(bytes) },
    });
    const size = new Uint8Array(4);
    new DataView(size.buffer).setInt32(0, frame.byteLength);
    const whole = Buffer.concat([size, frame]);
    void this.#node.then((node) => node.write(whole));
  }

  #answered(bytes: Uint8Array): void {
    this.#answers.push(new Uint8Array(bytes));
    for (let answer = this.#answers.next(); answer; answer = this.#answers.next()) {
      const size = new Uint8Array(4);
      new DataView(size.buffer).setInt32(0, answer.bytes.byteLength);
      this.#forwarded -= 1;
      this.#send([size, answer.bytes]);
    }
    this.#advance();
  }
}

function answerFetch(header: RequestHeader, reader: Reader): Uint8Array[] {
  const { topics } = decodeRequest(fetchApi, reader, header.version);
  return encodeResponse(fetchApi, header, {
    throttleTimeMs: 0,
    errorCode: 0,
    sessionId: 0,
    responses: topics.map((asked) => ({
      topic: asked.topic,
      topicId: asked.topicId,
      partitions: asked.partitions.map(({ partition, fetchOffset }) => {
        const end = ends[partition] ?? 0;
        const page = pages.get(`${partition}/${fetchOffset}`);
        if (!page && fetchOffset !== end) throw new Error(`no page begins at ${fetchOffset}`);
        return {
          partitionIndex: partition,
          errorCode: 0,
          highWatermark: end,
          lastStableOffset: end,
          logStartOffset: 0,
          abortedTransactions: null,
          records: page ? [page] : [],
        };
      }),
    })),
  });
}

Bun.listen<Client | null>({
  hostname: "127.0.0.1",
  port,
  data: null,
  socket: {
    open(socket) {
      socket.data = new Client(socket);
    },
    data: ({ data: client }, bytes) => client?.received(bytes),
    drain: ({ data: client }) => client?.flush(),
    close: ({ data: client }) => client?.closed(),
  },
});
