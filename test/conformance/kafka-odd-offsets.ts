/**
 * Odd requests about committed offsets, and about groups as a whole (`kafka-odd.ts`).
 */
import type { Int64 } from "../../src/lib/int64.ts";
import { offsetCommit } from "../../src/kafka/apis/08-offset-commit.ts";
import { offsetFetch } from "../../src/kafka/apis/09-offset-fetch.ts";
import { describeGroups } from "../../src/kafka/apis/15-describe-groups.ts";
import { listGroups } from "../../src/kafka/apis/16-list-groups.ts";
import { deleteGroups } from "../../src/kafka/apis/42-delete-groups.ts";
import { offsetDelete } from "../../src/kafka/apis/47-offset-delete.ts";
import { consumerGroupDescribe } from "../../src/kafka/apis/69-consumer-group-describe.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import type { OddCases } from "./kafka-odd.ts";
import { noId } from "./kafka-records.ts";

/** Names that no group should have, or that nothing knows. */
const wrongNames = ["", "not-there", "a b"];

type AskedOffsets = ReturnType<typeof fetchOffsets>["groups"][number] & {
  readonly memberId?: string | null;
  readonly memberEpoch?: number;
};

interface Commits {
  readonly name?: string;
  readonly topicId?: string;
  readonly offsets: readonly Int64[];
  readonly partitionIndex?: number;
  readonly committedMetadata?: string | null;
}

export const oddOffsets: OddCases = {
  "OffsetCommit: partitions twice": async (world) => {
    const [group, { name, id }] = [world.group(), await world.topic()];
    return [
      await world.ask(offsetCommit, 9, commit(group, [{ name, offsets: [1, 2] }])),
      await world.ask(
        offsetCommit,
        9,
        commit(group, [
          { name, offsets: [3] },
          { name, offsets: [4] },
        ]),
      ),
      await world.ask(offsetFetch, 9, fetchOffsets(group, [{ name, partitionIndexes: [0, 0] }])),
      await world.ask(
        offsetFetch,
        9,
        fetchOffsets(group, [
          { name, partitionIndexes: [0] },
          { name, partitionIndexes: [0, 1] },
        ]),
      ),
      await world.ask(
        offsetFetch,
        10,
        fetchOffsets(group, [
          { topicId: id, partitionIndexes: [0] },
          { topicId: id, partitionIndexes: [0, 1] },
        ]),
      ),
      await world.ask(offsetFetch, 7, {
        groupId: group,
        topics: [
          { name, partitionIndexes: [0, 0] },
          { name, partitionIndexes: [0] },
        ],
        groups: [],
      }),
    ];
  },
  "OffsetCommit: odd offsets": async (world) => {
    const [group, { name }] = [world.group(), await world.topic()];
    const answers = [];
    const most = 2n ** 63n;
    for (const offset of [-1, -2, 2 ** 53 - 1, 2 ** 40, 2n ** 53n, most - 1n, -most]) {
      answers.push(await world.ask(offsetCommit, 9, commit(group, [{ name, offsets: [offset] }])));
      const asked = fetchOffsets(group, [{ name, partitionIndexes: [0] }]);
      answers.push(await world.ask(offsetFetch, 9, asked));
    }
    return answers;
  },
  "OffsetCommit: places that are not there": async (world) => {
    const [group, { name }] = [world.group(), await world.topic()];
    const topics = [
      { name, offsets: [1], partitionIndex: 2 },
      ...["", "a b", "not-there", "__consumer_offsets"].map((each) => ({
        name: each,
        offsets: [1],
      })),
    ];
    return [
      await world.ask(offsetCommit, 9, commit(group, topics)),
      await world.ask(
        offsetCommit,
        10,
        commit(
          group,
          [noId, zeroUuid].map((topicId) => ({ topicId, offsets: [1] })),
        ),
      ),
      await world.ask(offsetCommit, 9, commit(group, [])),
      await world.ask(offsetCommit, 9, commit(group, [{ name, offsets: [] }])),
    ];
  },
  "OffsetCommit: metadata": async (world) => {
    const [group, { name }] = [world.group(), await world.topic()];
    const answers = [];
    for (const committedMetadata of [
      null,
      "",
      "x".repeat(4096),
      "x".repeat(4097),
      "é".repeat(4096),
    ])
      answers.push(
        await world.ask(
          offsetCommit,
          9,
          commit(group, [{ name, offsets: [1], committedMetadata }]),
        ),
      );
    return answers;
  },
  "OffsetCommit: members that are none": async (world) => {
    const { name } = await world.topic();
    const answers = [];
    for (const version of [5, 9])
      for (const groupId of ["", world.group()])
        for (const [memberId, generationIdOrMemberEpoch, groupInstanceId] of [
          ["nobody", -1, null],
          ["nobody", 1, null],
          ["", 1, null],
          ["", 0, null],
          ["", -2, null],
          ...(version > 6 ? ([["", -1, "instance"]] as const) : []),
        ] as const) {
          const topics = [{ name, offsets: [1] }];
          const asked = { memberId, generationIdOrMemberEpoch, groupInstanceId };
          answers.push(
            await world.ask(offsetCommit, version, { ...commit(groupId, topics), ...asked }),
          );
        }
    return answers;
  },
  "OffsetFetch: odd groups": async (world) => {
    const [group, { name }] = [world.group(), await world.topic()];
    await world.ask(offsetCommit, 9, commit(group, [{ name, offsets: [7] }]));
    const [one] = fetchOffsets(group, [{ name, partitionIndexes: [0] }]).groups;
    if (!one) throw new Error("a request of one group has one");
    const ask = (groups: readonly AskedOffsets[]) => ({ groups, topics: [], groupId: "" });
    return [
      await world.ask(offsetFetch, 9, ask([])),
      await world.ask(offsetFetch, 9, ask(wrongNames.map((groupId) => ({ ...one, groupId })))),
      await world.ask(offsetFetch, 9, ask([{ ...one, topics: [] }])),
      await world.ask(
        offsetFetch,
        9,
        ask([{ ...one, topics: [{ name, topicId: zeroUuid, partitionIndexes: [] }] }]),
      ),
      await world.ask(offsetFetch, 9, ask([{ ...one, memberId: "nobody", memberEpoch: 3 }])),
      await world.ask(offsetFetch, 9, ask([{ ...one, memberId: "nobody", memberEpoch: -1 }])),
      await world.ask(offsetFetch, 9, ask([{ ...one, memberId: null, memberEpoch: 3 }])),
    ];
  },
  "OffsetFetch: places that are not there": async (world) => {
    const [group, { name }] = [world.group(), await world.topic()];
    await world.ask(offsetCommit, 9, commit(group, [{ name, offsets: [7] }]));
    const topics = [
      { name, partitionIndexes: [2, -1] },
      ...["", "a b", "not-there"].map((each) => ({ name: each, partitionIndexes: [0] })),
    ];
    return [
      await world.ask(offsetFetch, 9, fetchOffsets(group, topics)),
      await world.ask(
        offsetFetch,
        10,
        fetchOffsets(
          group,
          [noId, zeroUuid].map((topicId) => ({ topicId, partitionIndexes: [0] })),
        ),
      ),
    ];
  },
  "DescribeGroups, ConsumerGroupDescribe, DeleteGroups: odd groups": async (world) => {
    const { name } = await world.topic();
    const group = world.group();
    await world.ask(offsetCommit, 9, commit(group, [{ name, offsets: [7] }]));
    const groups = ["not-there", group, "", "a b"];
    const rest = { includeAuthorizedOperations: false };
    return [
      await world.ask(describeGroups, 5, { groups, ...rest }),
      await world.ask(describeGroups, 6, { groups, ...rest }),
      await world.ask(describeGroups, 6, { groups: [], ...rest }),
      await world.ask(consumerGroupDescribe, 1, { groupIds: groups, ...rest }),
      await world.ask(deleteGroups, 2, { groupsNames: [...groups, ...groups] }),
      await world.ask(deleteGroups, 2, { groupsNames: [] }),
    ];
  },
  "ListGroups: filters that match nothing": async (world) => {
    const answers = [];
    for (const [statesFilter, typesFilter] of [
      [["nothing"], []],
      [[""], []],
      [[], ["nothing"]],
      [[], [""]],
      [["dead"], []],
    ] as const)
      answers.push(await world.ask(listGroups, 5, { statesFilter, typesFilter }));
    return answers;
  },
  "OffsetDelete: partitions twice, places that are not there": async (world) => {
    const { name } = await world.topic();
    const group = world.group();
    await world.ask(offsetCommit, 9, commit(group, [{ name, offsets: [7] }]));
    const at = (...indexes: number[]) => indexes.map((partitionIndex) => ({ partitionIndex }));
    const answers = [];
    for (const groupId of wrongNames)
      answers.push(
        await world.ask(offsetDelete, 0, { groupId, topics: [{ name, partitions: at(0) }] }),
      );
    for (const topics of [
      [],
      [{ name, partitions: [] }],
      [{ name, partitions: at(0, 0) }],
      [{ name, partitions: at(0, 1, 2, -1) }],
      ["", "a b", "not-there"].map((each) => ({ name: each, partitions: at(0) })),
    ]) {
      await world.ask(offsetCommit, 9, commit(group, [{ name, offsets: [7] }]));
      answers.push(await world.ask(offsetDelete, 0, { groupId: group, topics }));
    }
    return answers;
  },
};

function commit(groupId: string, topics: readonly Commits[]) {
  return {
    groupId,
    memberId: "",
    topics: topics.map(
      ({ name = "", topicId = zeroUuid, offsets, partitionIndex = 0, committedMetadata = "" }) => ({
        name,
        topicId,
        partitions: offsets.map((committedOffset) => ({
          partitionIndex,
          committedOffset,
          committedMetadata,
        })),
      }),
    ),
  };
}

function fetchOffsets(
  groupId: string,
  topics: readonly { name?: string; topicId?: string; partitionIndexes: readonly number[] }[],
) {
  const named = topics.map(({ name = "", topicId = zeroUuid, partitionIndexes }) => ({
    name,
    topicId,
    partitionIndexes,
  }));
  return { groupId: "", topics: [], groups: [{ groupId, topics: named }] };
}
