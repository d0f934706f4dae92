/**
 * Compaction beside Apache Kafka's: the same batches into both, and the same records must survive, first with tombstones, and
 * without them once their horizon has passed. One client speaks to both; without Apache Kafka it is left out.
 */
import { afterAll, expect, test } from "bun:test";
import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import { seededRandom } from "../../src/lib/random.ts";
import { kafkaMissing } from "../peers/kafka.ts";
import { type InteropBroker, startApacheKafka, startKedge } from "./kafka-broker.ts";

const SEGMENT_MS = 2_000;
/** Longer than all records take to be sent on a busy machine: a first pass in their midst begins the time of its tombstones. */
const DELETE_RETENTION_MS = 10_000;
const configs = {
  "cleanup.policy": "compact",
  "segment.ms": String(SEGMENT_MS),
  "min.cleanable.dirty.ratio": "0",
  "delete.retention.ms": String(DELETE_RETENTION_MS),
};

interface Sent {
  readonly key: string;
  readonly value: string | null;
}

/** A topic `t` of one partition. */
interface Peer {
  send(records: readonly Sent[], gzip: boolean): Promise<void>;
  /** Every record from the beginning, as `offset key=value` or `offset key`. */
  readAll(): Promise<readonly string[]>;
}

const missing = kafkaMissing();
if (missing !== null) console.error(`Apache Kafka is left out: ${missing}`);
const brokers: InteropBroker[] = [];

afterAll(() => Promise.all(brokers.map((broker) => broker.stop())), 60_000);

async function peerOf({ bootstrap }: InteropBroker): Promise<Peer> {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [{ topic: "t", numPartitions: 1, configEntries }] });
  const producer = kafka.producer();
  await producer.connect();
  let readers = 0;
  return {
    async send(records, gzip) {
      const compression = gzip ? CompressionTypes.GZIP : CompressionTypes.None;
      await producer.send({ topic: "t", compression, messages: [...records] });
    },
    async readAll() {
      const [ends] = await admin.fetchTopicOffsets("t");
      const last = Number(ends?.high ?? 0) - 1;
      const found: string[] = [];
      const consumer = kafka.consumer({ groupId: `reader-${(readers += 1)}` });
      await consumer.connect();
      await consumer.subscribe({ topic: "t", fromBeginning: true });
      // The newest record always survives.
      await new Promise<void>((resolve) => {
        void consumer.run({
          async eachMessage({ message: { offset, key, value } }) {
            found.push(`${offset} ${String(key)}${value ? `=${String(value)}` : ""}`);
            if (Number(offset) === last) resolve();
          },
        });
      });
      await consumer.disconnect();
      return found;
    },
  };
}

/** Reads until there is what should be; gives what there was at the last look. */
async function survivors(peer: Peer, wanted: readonly string[]): Promise<readonly string[]> {
  let found: readonly string[] = [];
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await Bun.sleep(200)) {
    found = await peer.readAll();
    if (Bun.deepEquals(found, wanted)) break;
  }
  return found;
}

test.skipIf(missing !== null)(
  "the same records survive",
  async () => {
    brokers.push(await startApacheKafka({ "log.cleaner.backoff.ms": "200" }));
    brokers.push(await startKedge("--log-cleaner-backoff-ms", "200"));
    const peers = await Promise.all(brokers.map(peerOf));
    const random = seededRandom(3);
    const log: Sent[] = [];
    const send = async (records: readonly Sent[]) => {
      log.push(...records);
      await Promise.all(peers.map((peer) => peer.send(records, log.length % 2 === 0)));
    };
    for (let batch = 0; batch < 40; batch += 1) {
      const count = 1 + Math.floor(random.next() * 30);
      await send(
        Array.from({ length: count }, () => ({
          key: `k${Math.floor(random.next() * 60)}`,
          value: random.next() < 0.15 ? null : `v${Math.floor(random.next() * 1e6)}`,
        })),
      );
    }
    const dirty = log.length;
    await Bun.sleep(SEGMENT_MS + 200);
    await send([{ key: "roll", value: "1" }]);
    const newest = new Map(log.slice(0, dirty).map(({ key }, offset) => [key, offset]));
    const lines = log.map(({ key, value }, at) => `${at} ${key}${value ? `=${value}` : ""}`);
    const kept = [...lines.keys()].filter(
      (at) => at >= dirty || newest.get(log[at]?.key ?? "") === at,
    );
    const wanted = kept.map((at) => lines[at] ?? "");
    for (const peer of peers) expect(await survivors(peer, wanted)).toEqual(wanted);
    await Bun.sleep(DELETE_RETENTION_MS + 500);
    await send([{ key: "roll", value: "2" }]);
    const live = kept.filter((at) => log[at]?.value !== null).map((at) => lines[at] ?? "");
    live.push(`${dirty + 1} roll=2`);
    for (const peer of peers) expect(await survivors(peer, live)).toEqual(live);
  },
  120_000,
);
