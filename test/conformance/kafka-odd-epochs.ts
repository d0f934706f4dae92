/**
 * Odd requests about leader epochs, and what stands beside an error (`kafka-odd.ts`).
 */
import { fetch } from "../../src/kafka/apis/01-fetch.ts";
import { listOffsets } from "../../src/kafka/apis/02-list-offsets.ts";
import { offsetForLeaderEpoch } from "../../src/kafka/apis/23-offset-for-leader-epoch.ts";
import { produce } from "../../src/kafka/apis/00-produce.ts";
import { deleteRecords } from "../../src/kafka/apis/21-delete-records.ts";
import type { OddCases, OddWorld } from "./kafka-odd.ts";
import { batchOf, fetchRequest, produceRequest, produceTo, type Topic } from "./kafka-records.ts";

const BASE_MS = 1_700_000_000_000;
const MOST = 2 ** 31 - 1;

export const oddEpochs: OddCases = {
  "Fetch: last epochs that the log does not have": async (world) => {
    const [topic, empty] = [await filled(world), await world.topic()];
    const answers = [];
    for (const each of [topic, empty])
      for (const lastFetchedEpoch of [-2, 0, 1])
        for (const fetchOffset of [0, 3, 4])
          for (const currentLeaderEpoch of [-1, 1])
            answers.push({
              asked: { lastFetchedEpoch, fetchOffset, currentLeaderEpoch },
              answer: await world.ask(
                fetch,
                12,
                withPart(each, { lastFetchedEpoch, fetchOffset, currentLeaderEpoch }),
              ),
            });
    return answers;
  },
  "Fetch: current epochs below 0": async (world) => {
    const topic = await filled(world);
    const answers = [];
    for (const currentLeaderEpoch of [-2, -(2 ** 31)])
      answers.push(await world.ask(fetch, 12, withPart(topic, { currentLeaderEpoch })));
    return answers;
  },
  "Fetch: before the start of a log": async (world) => {
    const topic = await filled(world);
    const partitions = [{ partitionIndex: 0, offset: 2 }];
    const asked = { topics: [{ name: topic.name, partitions }], timeoutMs: 5_000 };
    const answers = [await world.ask(deleteRecords, 2, asked)];
    for (const given of [
      { fetchOffset: 0 },
      { fetchOffset: 2 },
      { fetchOffset: 1, lastFetchedEpoch: 0 },
      { fetchOffset: 2, lastFetchedEpoch: 0 },
      { fetchOffset: 2, logStartOffset: 9 },
    ])
      for (const isolationLevel of [0, 1])
        answers.push(await world.ask(fetch, 12, { ...withPart(topic, given), isolationLevel }));
    return answers;
  },
  "Fetch: several partitions, of which one is wrong": async (world) => {
    const topic = await filled(world);
    const request = withPart(topic, {});
    const wrong = [{ fetchOffset: 99 }, { currentLeaderEpoch: 4 }, { partition: 9 }];
    const answers = [];
    for (const given of wrong) {
      const [two] = withPart(topic, { partition: 1, ...given }).topics;
      const topics = request.topics.map((each) => ({
        ...each,
        partitions: [...each.partitions, ...(two?.partitions ?? [])],
      }));
      answers.push(await world.ask(fetch, 12, { ...request, topics }));
    }
    return answers;
  },
  "OffsetForLeaderEpoch: every epoch": async (world) => {
    const [topic, empty] = [await filled(world), await world.topic()];
    const answers = [];
    for (const each of [topic, empty])
      for (const version of [2, 4])
        for (const currentLeaderEpoch of [-2, -1, 1])
          for (const leaderEpoch of [-3, -2, -1, 0, 1, MOST]) {
            const asked = { partition: 0, leaderEpoch, currentLeaderEpoch };
            const topics = [{ topic: each.name, partitions: [asked] }];
            answers.push({
              asked,
              answer: await world.ask(offsetForLeaderEpoch, version, { replicaId: -1, topics }),
            });
          }
    return answers;
  },
  "OffsetForLeaderEpoch: epochs before the first, of a log that was trimmed": async (world) => {
    const { name } = await filled(world);
    const trimmed = [{ partitionIndex: 0, offset: 2 }];
    await world.ask(deleteRecords, 2, {
      topics: [{ name, partitions: trimmed }],
      timeoutMs: 5_000,
    });
    const partitions = [-2, 0].map((leaderEpoch) => ({
      partition: 0,
      leaderEpoch,
      currentLeaderEpoch: -1,
    }));
    const answers = [];
    for (const each of partitions)
      answers.push(
        await world.ask(offsetForLeaderEpoch, 4, {
          replicaId: -1,
          topics: [{ topic: name, partitions: [each] }],
        }),
      );
    return answers;
  },
  "OffsetForLeaderEpoch: replica ids": async (world) => {
    const { name } = await filled(world);
    const answers = [];
    for (const replicaId of [-3, -2, -1, 1, 9]) {
      const partitions = [{ partition: 0, leaderEpoch: 0, currentLeaderEpoch: -1 }];
      const topics = [{ topic: name, partitions }];
      answers.push(await world.ask(offsetForLeaderEpoch, 4, { replicaId, topics }));
    }
    return answers;
  },
  "ListOffsets: current epochs": async (world) => {
    const { name } = await filled(world);
    const answers = [];
    for (const currentLeaderEpoch of [-2, -1, 1])
      for (const timestamp of [-1, -2, -3, -4, -5, 0, BASE_MS + 1, BASE_MS + 99])
        for (const isolationLevel of [0, 1]) {
          const partitions = [{ partitionIndex: 0, currentLeaderEpoch, timestamp }];
          const topics = [{ name, partitions }];
          const asked = { replicaId: -1, isolationLevel, timeoutMs: 5_000, topics };
          answers.push({
            currentLeaderEpoch,
            timestamp,
            answer: await world.ask(listOffsets, 9, asked),
          });
        }
    return answers;
  },
  "Produce: what stands beside an error": async (world) => {
    const topic = await filled(world);
    const good = batchOf(["a"], { timestampMs: BASE_MS });
    const answers = [];
    for (const acks of [-1, 1, 2, -2, 7])
      for (const records of [good, good.slice(0, 40), new Uint8Array(), null])
        for (const partition of [0, 9]) {
          // Apache Kafka never answers this one.
          if (records === null && partition === 0) continue;
          const request = { ...produceRequest(topic, records, { partition }), acks };
          answers.push({
            acks,
            bytes: records?.length ?? null,
            partition,
            answer: await world.ask(produce, 12, request),
          });
        }
    return answers;
  },
};

/** A topic of two partitions with three records in the first. */
async function filled(world: OddWorld): Promise<Topic> {
  const topic = await world.topic();
  const records = batchOf(["a", "b", "c"], { timestampMs: BASE_MS });
  await produceTo(world.connection, topic, records);
  return topic;
}

/** A Fetch of one partition, said otherwise. */
function withPart(topic: Topic, given: Readonly<Record<string, number>>) {
  const request = fetchRequest(topic, 0);
  const topics = request.topics.map((each) => ({
    ...each,
    partitions: each.partitions.map((part) => ({ ...part, ...given })),
  }));
  return { ...request, topics };
}
