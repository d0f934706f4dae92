/**
 * The tour with kafkajs: `kafkajs-tour.ts BOOTSTRAP NAME`. See README.md for its steps.
 *
 * kafkajs has no lz4, snappy or zstd of its own: only its gzip is tried.
 */
import { CompressionTypes, type IHeaders, Kafka, logLevel } from "kafkajs";
import { check, codecRecords, keysInTour, step } from "./tour.ts";

const [bootstrap = "", name = ""] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "tour", brokers: [bootstrap], logLevel: logLevel.NOTHING });

interface Seen {
  readonly partition: number;
  readonly offset: string;
  readonly key: string;
  readonly value: string;
  readonly timestamp: number;
  readonly headers: IHeaders;
}

async function read(topic: string, groupId: string, wanted: number): Promise<Seen[]> {
  const consumer = kafka.consumer({ groupId, readUncommitted: false });
  const seen: Seen[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      const { offset, key, value, timestamp, headers = {} } = message;
      seen.push({
        partition,
        offset,
        key: key?.toString() ?? "",
        value: value?.toString() ?? "",
        timestamp: Number(timestamp),
        headers,
      });
      if (seen.length === wanted) resolve();
    },
  });
  await promise;
  const ends = new Map(seen.map(({ partition, offset }) => [partition, Number(offset) + 1]));
  await consumer.commitOffsets(
    [...ends].map(([partition, end]) => ({ topic, partition, offset: String(end) })),
  );
  await consumer.disconnect();
  return seen;
}

const topic = `${name}-records`;
const group = `${name}-group`;
const admin = kafka.admin();
await admin.connect();
const configEntries = [{ name: "retention.ms", value: "3600000" }];
const topics = [{ topic, numPartitions: 3, replicationFactor: 1, configEntries }];
check(await admin.createTopics({ topics }), "the topic is new");
check(!(await admin.createTopics({ topics })), "a second creation is refused");
step("create");

const started = Date.now();
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();
const codecs = [CompressionTypes.None, CompressionTypes.GZIP];
for (const [round, compression] of codecs.entries()) {
  for (let index = 0; index < codecRecords; index += 1) {
    const headers = { round: String(round) };
    const message = { key: `key-${index % keysInTour}`, value: `${round}/${index}`, headers };
    await producer.send({ topic, acks: -1, compression, messages: [message] });
  }
}
step("produce");

const total = codecRecords * codecs.length;
const newest = new Map<string, number>();
for (const { key, value, timestamp, headers } of await read(topic, group, total)) {
  const [round = 0, index = 0] = value.split("/").map(Number);
  const place = round * codecRecords + index + 1;
  check(place > (newest.get(key) ?? 0), `${key} goes forward`);
  newest.set(key, place);
  check(String(headers["round"]) === String(round), `headers of ${value}`);
  check(timestamp >= started, `timestamp of ${value}`);
}
check(newest.size === keysInTour, "every key came");
step("consume in a group");

const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
const sum = (offsets: readonly { offset: string }[] = []): number =>
  offsets.reduce((all, { offset }) => all + Math.max(0, Number(offset)), 0);
check(sum(committed?.partitions) === total, "committed offsets");
step("committed offsets");

const ends = await admin.fetchTopicOffsets(topic);
check(sum(ends) === total, "the ends");
const since = await admin.fetchTopicOffsetsByTimestamp(topic, started);
check(
  since.every(({ offset, partition }) => offset === (ends[partition]?.offset === "0" ? "-1" : "0")),
  "offsets by time",
);
step("list offsets");

const [source, target, mover] = [`${name}-source`, `${name}-target`, `${name}-exactly-once`];
await admin.createTopics({
  waitForLeaders: true,
  topics: [source, target].map((each) => ({ topic: each, numPartitions: 1 })),
});
const writer = kafka.producer({ transactionalId: `${name}-writer`, maxInFlightRequests: 1 });
await writer.connect();
for (let round = 0; round < 4; round += 1) {
  const transaction = await writer.transaction();
  for (let index = 0; index < 10; index += 1)
    await transaction.send({ topic: source, messages: [{ value: `${round}/${index}` }] });
  await (round % 2 === 0 ? transaction.abort() : transaction.commit());
}
const values = (await read(source, `${name}-committed`, 20)).map(({ value }) => value);
check(
  values.every((value, place) => value === `${place < 10 ? 1 : 3}/${place % 10}`),
  "only what was committed is read",
);
step("transactions");

const transaction = await writer.transaction();
await transaction.send({ topic: target, messages: values.map((value) => ({ value })) });
await transaction.sendOffsets({
  consumerGroupId: mover,
  topics: [{ topic: source, partitions: [{ partition: 0, offset: "40" }] }],
});
await transaction.commit();
check((await read(target, `${name}-after`, 20)).length === 20, "moved records");
// The answer to a commit does not wait for its markers, the read above does.
const [moved] = await admin.fetchOffsets({ groupId: mover, topics: [source] });
check(moved?.partitions[0]?.offset === "40", "offsets of the transaction");
step("consume, transform, produce");

const end = ends.find(({ partition }) => partition === 0)?.offset ?? "0";
await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: end }] });
const after = await admin.fetchTopicOffsets(topic);
check(after.find(({ partition }) => partition === 0)?.low === end, "the log starts later");
step("delete records");

const refusal = await producer.send({ topic, messages: [{ value: Buffer.alloc(2 << 20) }] }).then(
  () => null,
  (error: unknown) => error,
);
check(String(refusal).includes("larger than the max"), `a large record: ${String(refusal)}`);
step("too large is refused");

await admin.deleteGroups([group]);
await admin.deleteTopics({ topics: [topic] });
// Apache Kafka's metadata follows a moment later; the suite bounds the wait.
while ((await admin.listTopics()).includes(topic));
step("delete");
await Promise.all([producer.disconnect(), writer.disconnect(), admin.disconnect()]);
process.exit(0);
