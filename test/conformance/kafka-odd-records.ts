/**
 * Odd requests for records: Fetch, ListOffsets, DeleteRecords, OffsetForLeaderEpoch (`kafka-odd.ts`).
 */
import { fetch } from "../../src/kafka/apis/01-fetch.ts";
import { listOffsets } from "../../src/kafka/apis/02-list-offsets.ts";
import { deleteRecords } from "../../src/kafka/apis/21-delete-records.ts";
import { offsetForLeaderEpoch } from "../../src/kafka/apis/23-offset-for-leader-epoch.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import type { OddCases, OddWorld } from "./kafka-odd.ts";
import { batchOf, fetchPart, fetchRequest, noId, produceTo, type Topic } from "./kafka-records.ts";

const BASE_MS = 1_700_000_000_000;

export const oddRecords: OddCases = {
  "Fetch: a partition twice": async (world) => {
    const topic = await filled(world);
    const request = fetchRequest(topic, 0);
    const [asked] = request.topics;
    const twice = asked && {
      ...asked,
      partitions: [...asked.partitions, ...asked.partitions.map((p) => ({ ...p, fetchOffset: 1 }))],
    };
    return world.ask(fetch, 12, { ...request, topics: twice ? [twice] : [] });
  },
  "Fetch: a topic twice": async (world) => {
    const request = fetchRequest(await filled(world), 0);
    return world.ask(fetch, 12, { ...request, topics: [...request.topics, ...request.topics] });
  },
  "Fetch: no topics, without a session": async (world) =>
    world.ask(fetch, 12, { ...fetchRequest(await world.topic(), 0), topics: [] }),
  "Fetch: a topic without partitions": async (world) => {
    const request = fetchRequest(await filled(world), 0);
    const topics = request.topics.map((topic) => ({ ...topic, partitions: [] }));
    return world.ask(fetch, 12, { ...request, topics });
  },
  "Fetch: odd offsets": async (world) => {
    const topic = await filled(world);
    const answers = [];
    for (const offset of [-1, -2, 3, 2 ** 40])
      answers.push(await fetchPart(world.connection, topic, offset));
    return world.told(answers);
  },
  "Fetch: partitions that are not there": async (world) => {
    const topic = await filled(world);
    const answers = [];
    for (const partition of [-1, 2, 2 ** 31 - 1])
      for (const version of [12, 13])
        answers.push(await fetchPart(world.connection, topic, 0, { partition, version }));
    return world.told(answers);
  },
  "Fetch: topics that are not there": async (world) => {
    const answers = [];
    for (const name of ["", "a b", "not-there"])
      answers.push(await fetchPart(world.connection, { name, id: noId }, 0));
    for (const id of [noId, zeroUuid])
      answers.push(await fetchPart(world.connection, { name: "", id }, 0, { version: 13 }));
    return world.told(answers);
  },
  "Fetch: odd bounds": async (world) => {
    const topic = await filled(world);
    const answers = [];
    for (const bounds of [
      { minBytes: -1 },
      { minBytes: 0 },
      { maxBytes: 0 },
      { maxBytes: -1 },
      { partitionMaxBytes: 0 },
      { partitionMaxBytes: -1 },
      { maxWaitMs: -1 },
    ])
      answers.push(await fetchPart(world.connection, topic, 0, bounds));
    return world.told(answers);
  },
  "Fetch: an isolation level that nobody has": async (world) =>
    world.ask(fetch, 12, { ...fetchRequest(await filled(world), 0), isolationLevel: 7 }),
  "Fetch: replica ids": async (world) => {
    const request = fetchRequest(await filled(world), 0);
    const answers = [];
    for (const replicaId of [-2, -3, 1, 9])
      answers.push(await world.ask(fetch, 12, { ...request, replicaId }));
    return answers;
  },
  "Fetch: leader epochs": async (world) => {
    const topic = await filled(world);
    const answers = [];
    for (const leaderEpoch of [-2, 0, 1])
      answers.push(await fetchPart(world.connection, topic, 0, { leaderEpoch }));
    return world.told(answers);
  },
  "Fetch: a last epoch of another log": async (world) => {
    const request = fetchRequest(await filled(world), 1);
    const answers = [];
    for (const lastFetchedEpoch of [-2, 0]) {
      const topics = request.topics.map((topic) => ({
        ...topic,
        partitions: topic.partitions.map((part) => ({ ...part, lastFetchedEpoch })),
      }));
      answers.push(await world.ask(fetch, 12, { ...request, topics }));
    }
    return answers;
  },
  "Fetch: sessions that are not there": async (world) => {
    const request = fetchRequest(await filled(world), 0);
    const answers = [];
    for (const [sessionId, sessionEpoch] of [
      [0, 1],
      [0, -2],
      [77, 1],
      [77, -1],
      [77, 0],
      [-5, 3],
    ] as const) {
      const answer = await world.connection.send(fetch, 12, {
        ...request,
        sessionId,
        sessionEpoch,
      });
      answers.push({ ...answer, sessionId: answer.sessionId === 0 ? "none" : "some" });
    }
    return world.told(answers);
  },
  "Fetch: a partition added and forgotten at once": (world) => forgotten(world, 12),
  "Fetch: a partition added and forgotten at once, by ids": (world) => forgotten(world, 13),
  "ListOffsets: a partition twice": async (world) => {
    const { name } = await filled(world);
    return world.ask(listOffsets, 7, listed([{ name, partitions: [part(0, -1), part(0, -2)] }]));
  },
  "ListOffsets: a partition thrice and one once, named in two topics": async (world) => {
    const { name } = await filled(world);
    const topics = [
      { name, partitions: [part(0, -1), part(1, -1)] },
      { name, partitions: [part(0, -2), part(0, -2)] },
    ];
    return world.ask(listOffsets, 7, listed(topics));
  },
  "ListOffsets: odd times": async (world) => {
    const { name } = await filled(world);
    const answers = [];
    for (const version of [1, 7, 8, 9, 11])
      for (const time of [-1, -2, -3, -4, -5, -6, -7, -100, 0]) {
        const asked = listed([{ name, partitions: [part(0, time)] }]);
        answers.push({ version, time, answer: await world.ask(listOffsets, version, asked) });
      }
    return answers;
  },
  "ListOffsets: places that are not there": async (world) => {
    const { name } = await filled(world);
    const topics = [
      { name, partitions: [part(-1, -1), part(2, -1)] },
      ...["", "a b", "not-there"].map((each) => ({ name: each, partitions: [part(0, -1)] })),
      { name: "empty", partitions: [] },
    ];
    return world.ask(listOffsets, 7, listed(topics));
  },
  "ListOffsets: replica ids and isolation levels": async (world) => {
    const { name } = await filled(world);
    const request = listed([{ name, partitions: [part(0, -1)] }]);
    const answers = [];
    for (const replicaId of [-2, -3, 1, 9])
      answers.push(await world.ask(listOffsets, 7, { ...request, replicaId }));
    answers.push(await world.ask(listOffsets, 7, { ...request, isolationLevel: 7 }));
    return answers;
  },
  "DeleteRecords: partitions twice": async (world) => {
    const { name } = await filled(world);
    const asked = (offset: number) => ({ partitionIndex: 0, offset });
    const request = (topics: { name: string; partitions: ReturnType<typeof asked>[] }[]) => ({
      topics,
      timeoutMs: 5_000,
    });
    return [
      await world.ask(deleteRecords, 2, request([{ name, partitions: [asked(0), asked(1)] }])),
      await world.ask(
        deleteRecords,
        2,
        request([
          { name, partitions: [asked(2)] },
          { name, partitions: [asked(1)] },
        ]),
      ),
      await world.ask(deleteRecords, 2, request([])),
      await world.ask(deleteRecords, 2, request([{ name, partitions: [] }])),
    ];
  },
  "DeleteRecords: odd offsets and places": async (world) => {
    const { name } = await filled(world);
    const topics = [
      {
        name,
        partitions: [
          { partitionIndex: 0, offset: -2 },
          { partitionIndex: 1, offset: 5 },
          { partitionIndex: 2, offset: 0 },
          { partitionIndex: -1, offset: 0 },
        ],
      },
      ...["", "a b", "not-there", "__consumer_offsets"].map((each) => ({
        name: each,
        partitions: [{ partitionIndex: 0, offset: 0 }],
      })),
    ];
    return [
      await world.ask(deleteRecords, 2, { topics, timeoutMs: 5_000 }),
      await world.ask(deleteRecords, 2, {
        topics: [{ name, partitions: [{ partitionIndex: 0, offset: -1 }] }],
        timeoutMs: -1,
      }),
    ];
  },
  "OffsetForLeaderEpoch: partitions twice, odd epochs and places": async (world) => {
    const { name } = await filled(world);
    const asked = (partition: number, leaderEpoch: number, currentLeaderEpoch = -1) => ({
      partition,
      leaderEpoch,
      currentLeaderEpoch,
    });
    const answers = [];
    for (const topics of [
      [{ topic: name, partitions: [asked(0, 0), asked(0, -1), asked(0, 0)] }],
      [
        { topic: name, partitions: [asked(0, 0)] },
        { topic: name, partitions: [asked(1, 0)] },
      ],
      [{ topic: name, partitions: [asked(1, 5), asked(2, 0), asked(-1, 0)] }],
      [{ topic: name, partitions: [asked(0, 0, 5), asked(1, 0, -2)] }],
      ["", "a b", "not-there"].map((topic) => ({ topic, partitions: [asked(0, 0)] })),
      [{ topic: name, partitions: [] }],
      [],
    ])
      answers.push(await world.ask(offsetForLeaderEpoch, 4, { replicaId: -1, topics }));
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

/** A session's partition is forgotten and added by one request, then the session goes on. */
async function forgotten(world: OddWorld, version: number) {
  const topic = await filled(world);
  const begun = fetchRequest(topic, 0, { version, sessionEpoch: 0 });
  const { sessionId, ...first } = await world.connection.send(fetch, version, begun);
  const both = {
    ...fetchRequest(topic, 1, { version, sessionId, sessionEpoch: 1 }),
    forgottenTopicsData: fetchRequest(topic, 0, { version, forget: true }).forgottenTopicsData,
  };
  const second = await world.connection.send(fetch, version, both);
  const rest = fetchRequest(topic, 0, { version, sessionId, sessionEpoch: 2, unchanged: true });
  const third = await world.connection.send(fetch, version, rest);
  return world.told([first, second, third].map((each) => ({ ...each, sessionId: "own" })));
}

function part(partitionIndex: number, timestamp: number) {
  return { partitionIndex, currentLeaderEpoch: -1, timestamp };
}

function listed(
  topics: readonly { readonly name: string; readonly partitions: ReturnType<typeof part>[] }[],
) {
  return { replicaId: -1, isolationLevel: 0, timeoutMs: 5_000, topics };
}
