/**
 * What every Kafka door owes those who commit offsets: part of the groups' suite.
 */
import { expect, test } from "bun:test";
import { offsetCommit } from "../../src/kafka/apis/08-offset-commit.ts";
import { offsetFetch } from "../../src/kafka/apis/09-offset-fetch.ts";
import { leaveGroup } from "../../src/kafka/apis/13-leave-group.ts";
import { deleteGroups } from "../../src/kafka/apis/42-delete-groups.ts";
import { offsetDelete } from "../../src/kafka/apis/47-offset-delete.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { type Door, freshGroup, join, protocolOf, stable } from "./kafka-members.ts";
import { newTopic, noId, range, type Topic } from "./kafka-records.ts";

const ID_VERSION = 10;

interface Committed {
  readonly partition?: number;
  readonly offset?: number;
  readonly metadata?: string | null;
  readonly epoch?: number;
}

interface Member {
  readonly memberId?: string;
  readonly generation?: number;
  readonly instanceId?: string;
}

/** Commits and gives the error of each partition. */
async function commit(
  connection: KafkaConnection,
  version: number,
  groupId: string,
  topic: Topic,
  offsets: readonly Committed[],
  { memberId = "", generation = -1, instanceId }: Member = {},
): Promise<number[]> {
  const { topics } = await connection.send(offsetCommit, version, {
    groupId,
    memberId,
    generationIdOrMemberEpoch: generation,
    ...(instanceId !== undefined && { groupInstanceId: instanceId }),
    topics: [
      {
        name: version < ID_VERSION ? topic.name : "",
        topicId: version < ID_VERSION ? zeroUuid : topic.id,
        partitions: offsets.map(({ partition = 0, offset = 0, metadata = "", epoch = -1 }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedMetadata: metadata,
          committedLeaderEpoch: epoch,
        })),
      },
    ],
  });
  return topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
}

/** The offsets of one topic's partitions, or of all that the group has (null). */
async function fetched(
  connection: KafkaConnection,
  version: number,
  groupId: string,
  topic: Topic | null,
  partitionIndexes: readonly number[] = [0],
) {
  const byId = version >= ID_VERSION;
  const asked = topic && {
    name: byId ? "" : topic.name,
    topicId: byId ? topic.id : zeroUuid,
    partitionIndexes,
  };
  if (version < 8) {
    const topics = asked && [{ name: asked.name, partitionIndexes }];
    return (await connection.send(offsetFetch, version, { groupId, topics, groups: [] })).topics;
  }
  const groups = [{ groupId, topics: asked && [asked] }];
  const answer = await connection.send(offsetFetch, version, { groupId: "", topics: [], groups });
  const [group] = answer.groups;
  expect(group).toMatchObject({ groupId, errorCode: 0 });
  return group?.topics ?? [];
}

export function offsetTests(door: Door): void {
  commitTests(door);
  fetchTests(door);
  deleteTests(door);
}

function commitTests(door: Door): void {
  test.each(range(2, 10))("OffsetCommit v%i by somebody outside of the group", async (version) => {
    const [here] = door();
    const topic = await newTopic(here);
    const group = freshGroup();
    expect(await commit(here, version, group, topic, [{ offset: 5, metadata: "note" }])).toEqual([
      0,
    ]);
    const [answer] = await fetched(here, 5, group, topic);
    expect(answer?.partitions[0]).toMatchObject({
      committedOffset: 5,
      metadata: "note",
      errorCode: 0,
    });
  });

  test.each(range(2, 10))(
    "OffsetCommit v%i by members and by those who are not",
    async (version) => {
      const [here] = door();
      const topic = await newTopic(here);
      const { group, memberId } = await stable(here);
      const as = (member: Member) => commit(here, version, group, topic, [{ offset: 1 }], member);
      expect(await as({ memberId, generation: 1 })).toEqual([0]);
      expect(await as({ memberId, generation: 0 })).toEqual([22]);
      expect(await as({ memberId, generation: 2 })).toEqual([22]);
      expect(await as({ memberId: "stranger", generation: 1 })).toEqual([25]);
      expect(await as({})).toEqual([25]);
      if (version >= 7)
        expect(await as({ memberId, generation: 1, instanceId: "x" })).toEqual([25]);
      const absent = await commit(here, version, freshGroup(), topic, [{}], {
        memberId,
        generation: 1,
      });
      expect(absent).toEqual([version >= 9 ? 69 : 22]);
    },
  );

  test("a topic that is not there, metadata that is too long: each offset by itself", async () => {
    const [here] = door();
    const topic = await newTopic(here);
    const group = freshGroup();
    const long = { partition: 0, metadata: "x".repeat(4097) };
    const fits = { partition: 0, metadata: "x".repeat(4096) };
    const codes = await commit(here, 5, group, topic, [long, { partition: 1 }]);
    expect(new Set(codes)).toEqual(new Set([12, 3]));
    expect(await commit(here, 5, group, topic, [fits])).toEqual([0]);
    expect(await commit(here, 10, group, topic, [{ partition: 1 }])).toEqual([3]);
    const missing = { name: `${topic.name}-missing`, id: noId };
    expect(await commit(here, 9, group, missing, [{}])).toEqual([3]);
    expect(await commit(here, 10, group, missing, [{}])).toEqual([100]);
    expect(await commit(here, 5, group, topic, [{ metadata: null }])).toEqual([0]);
  });

  test("while the leader assigns, members come back later", async () => {
    const [here] = door();
    const topic = await newTopic(here);
    const group = freshGroup();
    const { memberId } = await join(here, group);
    expect(await commit(here, 5, group, topic, [{}], { memberId, generation: 1 })).toEqual([27]);
  });
}

function fetchTests(door: Door): void {
  test.each(range(1, 10))("OffsetFetch v%i", async (version) => {
    const [here] = door();
    const topic = await newTopic(here);
    const group = freshGroup();
    await commit(here, 6, group, topic, [{ offset: 7, metadata: "m", epoch: 0 }]);
    const [answer] = await fetched(here, version, group, topic, [0, 3]);
    expect(answer?.partitions).toMatchObject([
      { partitionIndex: 0, committedOffset: 7, metadata: "m", errorCode: 0 },
      { partitionIndex: 3, committedOffset: -1, metadata: "", errorCode: 0 },
    ]);
    if (version >= 5) {
      const epochs = answer?.partitions.map(({ committedLeaderEpoch }) => committedLeaderEpoch);
      expect(epochs).toEqual([0, -1]);
    }
    if (version >= 10 && answer && "topicId" in answer) expect(answer.topicId).toBe(topic.id);
    const [none] = await fetched(here, version, freshGroup(), topic);
    expect(none?.partitions).toMatchObject([{ committedOffset: -1, metadata: "", errorCode: 0 }]);
  });

  test.each(range(2, 10))("OffsetFetch v%i of all there are", async (version) => {
    const [here] = door();
    const [one, two] = [await newTopic(here), await newTopic(here)];
    const group = freshGroup();
    await commit(here, 6, group, one, [{ offset: 1 }]);
    await commit(here, 6, group, two, [{ offset: 2 }]);
    const topics = await fetched(here, version, group, null);
    const offsets = topics.map(({ partitions }) => partitions[0]?.committedOffset);
    expect(new Set(offsets)).toEqual(new Set([1, 2]));
    expect(await fetched(here, version, freshGroup(), null)).toEqual([]);
  });

  test("several groups at once; a topic id that nobody has fails alone", async () => {
    const [here] = door();
    const topic = await newTopic(here);
    const group = freshGroup();
    await commit(here, 6, group, topic, [{ offset: 4 }]);
    const topics = [topic.id, noId].map((topicId) => ({
      name: "",
      topicId,
      partitionIndexes: [0],
    }));
    const answer = await here.send(offsetFetch, 10, {
      groupId: "",
      topics: [],
      groups: [group, freshGroup()].map((groupId) => ({ groupId, topics })),
      requireStable: true,
    });
    const told = answer.groups.map((each) =>
      each.topics.map(({ partitions }) => [
        partitions[0]?.committedOffset,
        partitions[0]?.errorCode,
      ]),
    );
    expect(told).toEqual([
      [
        [4, 0],
        [-1, 100],
      ],
      [
        [-1, 0],
        [-1, 100],
      ],
    ]);
  });
}

function deleteTests(door: Door): void {
  test("OffsetDelete leaves what the group reads", async () => {
    const [here] = door();
    const [read, other] = [await newTopic(here), await newTopic(here)];
    const { group, memberId } = await stable(here, { protocols: [protocolOf("range", read.name)] });
    for (const topic of [read, other]) {
      await commit(here, 5, group, topic, [{ offset: 3 }], { memberId, generation: 1 });
    }
    const request = (groupId: string) => ({
      groupId,
      topics: [read, other].map(({ name }) => ({ name, partitions: [{ partitionIndex: 0 }] })),
    });
    const answer = await here.send(offsetDelete, 0, request(group));
    expect(answer.errorCode).toBe(0);
    expect(answer.topics.map(({ partitions }) => partitions[0]?.errorCode)).toEqual([86, 0]);
    const [kept] = await fetched(here, 5, group, read);
    const [gone] = await fetched(here, 5, group, other);
    expect([kept, gone].map((each) => each?.partitions[0]?.committedOffset)).toEqual([3, -1]);
    const absent = await here.send(offsetDelete, 0, request(freshGroup()));
    expect(absent).toMatchObject({ errorCode: 69, topics: [] });
  });

  test("OffsetDelete of a topic that is not there", async () => {
    const [here] = door();
    const topic = await newTopic(here);
    const group = freshGroup();
    await commit(here, 5, group, topic, [{ offset: 3 }]);
    const missing = { name: `${topic.name}-missing`, partitions: [{ partitionIndex: 0 }] };
    const answer = await here.send(offsetDelete, 0, { groupId: group, topics: [missing] });
    expect(answer.errorCode).toBe(0);
    expect(answer.topics.map(({ partitions }) => partitions[0]?.errorCode)).toEqual([3]);
  });

  test("OffsetDelete in a group of another type needs it empty", async () => {
    const [here] = door();
    const topic = await newTopic(here);
    const { group } = await stable(here, { protocolType: "connect" });
    const topics = [{ name: topic.name, partitions: [{ partitionIndex: 0 }] }];
    const answer = await here.send(offsetDelete, 0, { groupId: group, topics });
    expect(answer).toMatchObject({ errorCode: 68, topics: [] });
  });

  test.each([0, 1, 2])(
    "DeleteGroups v%i takes a group once it is empty, with its offsets",
    async (version) => {
      const [here] = door();
      const topic = await newTopic(here);
      const { group, memberId } = await stable(here);
      await commit(here, 5, group, topic, [{ offset: 3 }], { memberId, generation: 1 });
      const codes = async (...groupsNames: string[]) => {
        const { results } = await here.send(deleteGroups, version, { groupsNames });
        return results
          .toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1))
          .map(({ errorCode }) => errorCode);
      };
      expect(await codes(group, `${group}-missing`)).toEqual([68, 69]);
      await here.send(leaveGroup, 2, { groupId: group, memberId, members: [] });
      expect(await codes(group)).toEqual([0]);
      expect(await codes(group)).toEqual([69]);
      const [gone] = await fetched(here, 5, group, topic);
      expect(gone?.partitions[0]?.committedOffset).toBe(-1);
    },
  );
}
