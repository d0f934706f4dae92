/**
 * `kedge kafka-console-consumer`: Kafka's own spelling for reading along (kafka-console-consumer.sh).
 *
 * - With a group it is a member of it and commits every few seconds and at the end; without one it reads every partition and
 *   leaves no trace (Kafka's makes up a group). Topics and partitions that are new are read too, after a moment.
 * - Ends at `--max-messages`, after `--timeout-ms` without a record, or with Ctrl-C; then it tells how many there were. What a
 *   broker refuses ends it with exit code 1, where Kafka's tool ends with 0.
 *
 * Left out: deserializers and formatters of other kinds.
 */
import type { Command } from "commander";
import type { KafkaClient } from "../../kafka/client.ts";
import { endedBy } from "../interruption.ts";
import type { Session } from "../session.ts";
import { addConnectOptions, includes, ToolError, withKafka } from "./connect.ts";
import {
  addConsumerOptions,
  checkConsumerOptions,
  type ConsumerOptions,
  deprecatedConsumerOptions,
  type Reading,
  readingOf,
} from "./consumer-options.ts";
import { type FetchedRecord, Fetcher } from "./fetcher.ts";
import { committedOffsets, keyOf } from "./group-queries.ts";
import { Membership } from "./membership.ts";
import type { Place } from "./offsets.ts";
import { addTool, runsAs, tellDeprecated } from "./tool.ts";

/** Short, since a broker that waits for records answers nothing else meanwhile: Ctrl-C leaves the group behind one. */
const POLL_MS = 250;
const BEAT_MS = 3_000;
const COMMIT_MS = 5_000;
/** How often it is looked whether there are topics or partitions that were not there before. */
const LOOK_MS = 2_000;

export function addKafkaConsoleConsumer(program: Command, session: Session): void {
  const command = addConsumerOptions(addTool(program, "kafka-console-consumer", "read along"));
  runsAs<ConsumerOptions>(addConnectOptions(command), {
    session,
    tell: (reason) =>
      session.note(`Error processing message, terminating consumer process: ${reason}`),
    check: checkConsumerOptions,
    async run(options, given) {
      await tellDeprecated(session, given, deprecatedConsumerOptions);
      const reading = await readingOf(options);
      const { properties } = reading;
      const as = { kind: "consumer", clientId: "console-consumer", properties } as const;
      await withKafka(session, options, (client) => run(session, client, options, reading), as);
    },
  });
}

async function run(
  session: Session,
  client: KafkaClient,
  options: ConsumerOptions,
  reading: Reading,
): Promise<void> {
  const { stdout } = session.io;
  const fetcher = new Fetcher(client, reading);
  const source = await begin(client, fetcher, options, reading);
  const count = { read: 0 };
  try {
    await readAlong(session, fetcher, options, { ...reading, source, count });
  } finally {
    await source.end();
    await session.note(`Processed a total of ${count.read} messages`);
    if (options.enableSystestEvents === true) await stdout.write("shutdown_complete\n");
  }
}

/** What is read, and what is due beside reading. */
interface Source {
  /** Does what is due: beats, commits, looks for what is new. */
  tend(): Promise<void>;
  end(): Promise<void>;
}

async function begin(
  client: KafkaClient,
  fetcher: Fetcher,
  options: ConsumerOptions,
  { group, commits }: Reading,
): Promise<Source> {
  const { topic, partition, offset } = options;
  if (topic !== undefined && partition !== undefined) {
    const known = /^\d+$/.test(offset ?? "") ? Number(offset) : null;
    await fetcher.assign([{ topic, partition, offset: known }]);
    return { tend: async () => {}, end: async () => {} };
  }
  const topics = () => topicsOf(client, options);
  if (topic !== undefined) await client.partitionsOf(topic);
  return group === undefined
    ? everybody(client, fetcher, topics)
    : member(client, fetcher, { group, commits, topics });
}

/** The topics that are to be read, of those that are there. */
async function topicsOf(client: KafkaClient, { topic, include = "" }: ConsumerOptions) {
  if (topic !== undefined) return [topic];
  const matches = includes(include);
  const topics = await client.topics(null);
  return topics
    .filter(({ name, isInternal }) => matches(name) && !isInternal)
    .map(({ name }) => name)
    .toSorted();
}

type Topics = () => Promise<readonly string[]>;

/** Reads every partition of the topics. */
async function everybody(client: KafkaClient, fetcher: Fetcher, topics: Topics): Promise<Source> {
  const look = async () => {
    const known = new Map(fetcher.positions.map((each) => [keyOf(each), each.next]));
    const places = await everyPartition(client, await topics());
    if (known.size > 0 && places.length === known.size) return;
    await fetcher.assign(
      places.map((place) => ({ ...place, offset: known.get(keyOf(place)) ?? null })),
    );
  };
  await look();
  const looks = every(LOOK_MS);
  return {
    async tend() {
      if (looks()) await look();
    },
    end: async () => {},
  };
}

/** Reads what a group gives this member. */
async function member(
  client: KafkaClient,
  fetcher: Fetcher,
  { group, commits, topics }: { readonly group: string; commits: boolean; topics: Topics },
): Promise<Source> {
  const wanted = await topics();
  const self = new Membership(client, group, wanted);
  const join = async () => {
    await fetcher.assign(await whereLeftOff(client, group, await self.join()));
  };
  const commit = () => (commits ? self.commit(readTo(fetcher)) : Promise.resolve(false));
  await join();
  const [beats, saves, looks] = [every(BEAT_MS), every(COMMIT_MS), every(LOOK_MS)];
  return {
    async tend() {
      let rejoin = beats() && (await self.beat());
      if (looks() && self.wants(await topics())) rejoin = true;
      // What was read before a join is committed before it.
      if (saves() || rejoin) rejoin = (await commit()) || rejoin;
      if (rejoin) await join();
    },
    async end() {
      await commit().catch(() => true);
      await self.leave();
    },
  };
}

/** Says true once in so many milliseconds. */
function every(intervalMs: number): () => boolean {
  let lastMs = performance.now();
  return () => {
    const nowMs = performance.now();
    if (nowMs - lastMs <= intervalMs) return false;
    lastMs = nowMs;
    return true;
  };
}

async function everyPartition(client: KafkaClient, topics: readonly string[]) {
  const found = topics.length === 0 ? [] : await client.topics(topics);
  return found.flatMap(({ name, partitions }) =>
    partitions.map(({ partition }) => ({ topic: name, partition })),
  );
}

async function whereLeftOff(client: KafkaClient, group: string, places: readonly Place[]) {
  const committed = await committedOffsets(client, group);
  const known = new Map(committed.map((each) => [keyOf(each), each.committed]));
  return places.map((place) => ({ ...place, offset: known.get(keyOf(place)) ?? null }));
}

function readTo(fetcher: Fetcher) {
  return fetcher.positions.map(({ topic, partition, next }) => ({
    topic,
    partition,
    offset: next,
  }));
}

async function readAlong(
  session: Session,
  fetcher: Fetcher,
  options: ConsumerOptions,
  { source, count, format }: Reading & { source: Source; count: { read: number } },
): Promise<void> {
  const { interrupted } = session.io;
  const most = unlimited(options.maxMessages);
  const timeoutMs = unlimited(options.timeoutMs);
  const show = shower(session, format, options.skipMessageOnError === true);
  let heardMs = performance.now();
  while (count.read < most && !interrupted.aborted) {
    const leftMs = heardMs + timeoutMs - performance.now();
    if (leftMs <= 0) return;
    const polled = fetcher.poll(Math.min(POLL_MS, Math.ceil(leftMs)));
    const fetched = await endedBy(polled, interrupted, 0);
    for (const each of fetched.slice(0, most - count.read)) {
      count.read += 1;
      await show(each);
      fetcher.took(each);
    }
    if (fetched.length > 0) heardMs = performance.now();
    await source.tend();
  }
}

/** Less than nothing is no limit, as with Kafka's tool. */
function unlimited(limit: number | undefined): number {
  return limit === undefined || limit < 0 ? Infinity : limit;
}

function shower({ io: { stdout }, note }: Session, format: Reading["format"], skips: boolean) {
  return async (each: FetchedRecord) => {
    try {
      await stdout.write(format(each));
    } catch (error) {
      if (!skips || !(error instanceof ToolError)) throw error;
      await note(`Error processing message, skipping this message: ${error.message}`);
    }
  };
}
