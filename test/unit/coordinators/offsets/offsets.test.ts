/**
 * Offsets of a group: who may commit, what transactions keep aside, what expires, what is deleted.
 */
import { describe, expect, test } from "bun:test";
import { groupCore } from "../../../../src/coordinators/groups/groups.ts";
import type { OffsetOutcome } from "../../../../src/coordinators/offsets/state.ts";
import { isPending } from "../../../../src/coordinators/offsets/table.ts";
import { bytes, GroupWorld } from "../group-world.ts";

const day = 24 * 3_600_000;
const transaction = { producerId: 7n, producerEpoch: 0 };

describe("committing", () => {
  test("somebody outside makes the group by it, and cannot once it has members", () => {
    const world = new GroupWorld();
    expect(world.commit([{ offset: 5 }, { partition: 1, offset: 6 }])).toEqual([null, null]);
    expect(world.state).toBe("Empty");
    expect(world.offset()).toBe(5);
    expect(world.offset("t", 1)).toBe(6);
    expect(GroupWorld.stable(1).commit([{ offset: 5 }])).toBe("unknown_member_id");
  });

  test.each([
    ["a member", { memberId: "m1", generation: 1 }, "granted"],
    ["a member of the last generation", { memberId: "m1", generation: 0 }, "illegal_generation"],
    ["a stranger", { memberId: "m9", generation: 1 }, "unknown_member_id"],
    [
      "an instance that nobody is",
      { memberId: "m1", generation: 1, instanceId: "x" },
      "unknown_member_id",
    ],
    ["a member without a generation", { memberId: "m1", generation: -1 }, "illegal_generation"],
  ])("%s: %p", (_name, member, expected) => {
    const answer = GroupWorld.stable(1).commit([{ offset: 1 }], member);
    expect(typeof answer === "string" ? answer : "granted").toBe(expected);
  });

  test("without a group a generation is refused, by the name that the client knows", () => {
    const world = new GroupWorld();
    expect(world.commit([{}], { generation: 3 })).toBe("group_id_not_found");
    const old = world.ask<readonly OffsetOutcome[]>((ticket) => ({
      type: "commit",
      member: { memberId: "m", generation: 3, instanceId: null },
      offsets: [],
      knowsMemberEpochs: false,
      retentionMs: null,
      ticket,
    }));
    expect(old.answer).toBe("illegal_generation");
  });

  test("a client may ask for longer than time can be counted", () => {
    const world = new GroupWorld();
    const asked = world.ask<readonly OffsetOutcome[]>((ticket) => ({
      type: "commit",
      member: { memberId: "", generation: -1, instanceId: null },
      offsets: [
        { topic: "t", partition: 0, offset: 1, leaderEpoch: -1, metadata: "", topicId: null },
      ],
      knowsMemberEpochs: false,
      retentionMs: Number.MAX_SAFE_INTEGER,
      ticket,
    }));
    expect(asked.answer).toEqual([null]);
  });

  test("while the leader assigns, members come back later; while the group prepares, they may", () => {
    const world = new GroupWorld();
    world.join();
    world.pass(0);
    expect(world.commit([{}], { memberId: "m1", generation: 1 })).toBe("rebalance_in_progress");
    world.sync("m1", 1, {});
    world.join();
    expect(world.state).toBe("PreparingRebalance");
    expect(world.commit([{ offset: 3 }], { memberId: "m1", generation: 1 })).toEqual([null]);
  });

  test("metadata that is too long fails alone", () => {
    const world = new GroupWorld({ offsetMetadataBytesMax: 3 });
    const answer = world.commit([{ metadata: "long" }, { partition: 1, metadata: "abc" }]);
    expect(answer).toEqual(["offset_metadata_too_large", null]);
    expect(world.offset()).toBeNull();
  });

  test("a member's commit keeps its session alive", () => {
    const world = GroupWorld.stable(1);
    world.pass(9000);
    world.commit([{}], { memberId: "m1", generation: 1 });
    world.pass(9000);
    expect(world.heartbeat("m1", 1)).toBe("heard");
  });

  test("the topic's id, the leader epoch and the metadata are read back", () => {
    const world = new GroupWorld();
    const topicId = "AAAAAAAAAAAAAAAAAAAABg";
    world.commit([{ offset: 5, topicId, leaderEpoch: 3, metadata: "note" }]);
    const read = world.replayed()?.offsets.committed.get("t")?.get(0);
    expect(read).toMatchObject({ offset: 5, topicId, leaderEpoch: 3, metadata: "note" });
  });
});

describe("in a transaction", () => {
  test("offsets count once it is committed, and are forgotten when it is aborted", () => {
    const world = new GroupWorld();
    world.commit([{ offset: 1 }]);
    world.commit([{ offset: 5 }], {}, transaction);
    expect(world.offset()).toBe(1);
    expect(world.group && isPending(world.group.offsets, "t", 0)).toBe(true);
    expect(world.records.at(-1)?.transaction).toEqual(transaction);
    world.step({ type: "marker", transaction, committed: true });
    expect(world.offset()).toBe(5);
    world.commit([{ offset: 9 }], {}, transaction);
    world.step({ type: "marker", transaction, committed: false });
    expect(world.offset()).toBe(5);
    expect(world.group && isPending(world.group.offsets, "t", 0)).toBe(false);
  });

  test("a plain commit after them wins", () => {
    const world = new GroupWorld();
    world.commit([{ offset: 5 }], {}, transaction);
    world.commit([{ offset: 3 }]);
    world.step({ type: "marker", transaction, committed: true });
    expect(world.offset()).toBe(3);
  });

  test("a plain commit after them wins after a restart, too, be it before or after it", () => {
    const world = new GroupWorld();
    world.commit([{ offset: 5 }, { offset: 6, partition: 1 }], {}, transaction);
    world.commit([{ offset: 3 }]);
    world.group = world.replayed();
    world.commit([{ offset: 4, partition: 1 }]);
    const replayed = world.replayed();
    const read = replayed && groupCore.replayMarker(replayed, transaction, true);
    world.step({ type: "marker", transaction, committed: true });
    for (const group of [world.group, read]) {
      const committed = group?.offsets.committed.get("t");
      expect([committed?.get(0)?.offset, committed?.get(1)?.offset]).toEqual([3, 4]);
    }
  });

  test("a replay sees the same", () => {
    const world = new GroupWorld();
    world.commit([{ offset: 5 }], {}, transaction);
    const group = world.replayed();
    expect(group?.offsets.committed.size).toBe(0);
    expect(group && isPending(group.offsets, "t", 0)).toBe(true);
  });

  test("members are checked, the state of a rebalance is not", () => {
    const world = new GroupWorld();
    world.join();
    world.pass(0);
    expect(world.commit([{}], { memberId: "m1", generation: 1 }, transaction)).toEqual([null]);
    expect(world.commit([{}], { memberId: "m1", generation: 0 }, transaction)).toBe(
      "illegal_generation",
    );
    expect(world.commit([{}], { memberId: "m2", generation: 1 }, transaction)).toBe(
      "unknown_member_id",
    );
    expect(world.commit([{}], {}, transaction)).toEqual([null]);
  });
});

describe("expiring", () => {
  test("a group without members loses its offsets a retention time after it became empty, then itself", () => {
    const world = GroupWorld.stable(1);
    world.commit([{ offset: 5 }], { memberId: "m1", generation: 1 });
    world.pass(9000);
    world.heartbeat("m1", 1);
    world.pass(9000);
    world.leave({ memberId: "m1" });
    world.pass(7 * day - 1);
    world.step({ type: "sweep" });
    expect(world.offset()).toBe(5);
    world.pass(1);
    world.step({ type: "sweep" });
    expect(world.state).toBe("Dead");
    expect(world.replayed()).toBeNull();
  });

  test("a topic that a stable group reads no more loses them a retention time after the commit", () => {
    const world = GroupWorld.stable(1, { offsetsRetentionMs: 5000 });
    const member = { memberId: "m1", generation: 1 };
    world.commit([{ offset: 1 }, { topic: "other", offset: 2 }], member);
    world.pass(5000);
    world.step({ type: "sweep" });
    expect([world.offset(), world.offset("other")]).toEqual([1, null]);
  });

  test("offsets of who never was a member expire by their commit; those of an open transaction stay", () => {
    const world = new GroupWorld({ offsetsRetentionMs: 5000 });
    world.commit([{ offset: 1 }]);
    world.commit([{ partition: 1, offset: 1 }]);
    world.commit([{ partition: 1, offset: 2 }], {}, transaction);
    world.pass(5000);
    world.step({ type: "sweep" });
    expect([world.offset(), world.offset("t", 1)]).toEqual([null, 1]);
    world.step({ type: "marker", transaction, committed: true });
    expect(world.offset("t", 1)).toBe(2);
    world.step({ type: "sweep" });
    expect(world.state).toBe("Dead");
  });

  test("a client of long ago chose the time itself", () => {
    const world = new GroupWorld();
    world.ask<readonly OffsetOutcome[]>((ticket) => ({
      type: "commit",
      member: { memberId: "", generation: -1, instanceId: null },
      offsets: [
        { topic: "t", topicId: null, partition: 0, offset: 1, leaderEpoch: -1, metadata: "" },
      ],
      knowsMemberEpochs: false,
      retentionMs: 1000,
      ticket,
    }));
    expect(world.replayed()?.offsets.committed.get("t")?.get(0)?.expireMs).toBe(1_001_000);
    world.pass(1000);
    world.step({ type: "sweep" });
    expect(world.state).toBe("Dead");
  });
});

describe("deleting", () => {
  const deleteOffsets = (
    world: GroupWorld,
    ...partitions: { topic: string; partition: number }[]
  ) =>
    world.ask<readonly OffsetOutcome[]>((ticket) => ({
      type: "delete-offsets",
      partitions,
      ticket,
    })).answer;
  const deleteGroup = (world: GroupWorld) =>
    world.ask<"deleted">((ticket) => ({ type: "delete-group", ticket })).answer;

  test("offsets go unless their topic is read", () => {
    const world = GroupWorld.stable(1);
    world.commit([{ topic: "other", offset: 1 }, { offset: 2 }], { memberId: "m1", generation: 1 });
    const there = { topic: "other", partition: 0 };
    expect(
      deleteOffsets(world, there, { topic: "t", partition: 0 }, { topic: "x", partition: 3 }),
    ).toEqual([null, "group_subscribed_to_topic", null]);
    expect([world.offset("other"), world.offset()]).toEqual([null, 2]);
    expect(deleteOffsets(new GroupWorld(), there)).toBe("group_id_not_found");
  });

  test("a group of another type must be empty for it", () => {
    const world = new GroupWorld();
    world.join({ protocolType: "connect" });
    world.pass(0);
    expect(deleteOffsets(world, { topic: "t", partition: 0 })).toBe("non_empty_group");
  });

  test("a group goes whole, once it is empty", () => {
    const world = GroupWorld.stable(1);
    world.commit([{ offset: 2 }], { memberId: "m1", generation: 1 });
    expect(deleteGroup(world)).toBe("non_empty_group");
    world.leave({ memberId: "m1" });
    world.commit([{ offset: 3 }, { partition: 1, offset: 2 }], {}, transaction);
    const before = world.records.length;
    expect(deleteGroup(world)).toBe("deleted");
    expect(world.replayed()).toBeNull();
    // One for each partition, and the group's own.
    expect(world.records.length - before).toBe(3);
    expect(deleteGroup(world)).toBe("group_id_not_found");
  });

  const many = Array.from({ length: 2_500 }, (_, partition) => ({ partition, offset: 1 }));

  test("thousands of offsets go some at a time; what is committed meanwhile is of another topic of that name", () => {
    const world = new GroupWorld();
    world.commit(many);
    const left: number[] = [];
    const count = () => left.push(world.group?.offsets.committed.get("t")?.size ?? 0);
    world.step({ type: "topics-deleted", topics: new Set(["t"]) });
    count();
    world.commit([{ partition: 2_400, offset: 7 }]);
    world.pass(0);
    count();
    expect(left).toEqual([1_500, 1]);
    expect(world.offset("t", 2_400)).toBe(7);
    expect(world.timers).toEqual([]);
    expect(world.replayed()?.offsets.committed.get("t")?.size).toBe(1);
  });

  test("of a transaction that is open, too, and the old ones take no newer commit along", () => {
    const world = new GroupWorld();
    world.commit(many, {}, transaction);
    world.step({ type: "topics-deleted", topics: new Set(["t"]) });
    world.commit([{ partition: 2_400, offset: 7 }]);
    world.pass(0);
    expect(world.offset("t", 2_400)).toBe(7);
    for (const group of [world.group, world.replayed()]) {
      const ended = group && groupCore.replayMarker(group, transaction, true);
      const left = [...(ended?.offsets.committed.get("t") ?? [])];
      expect(left.map(([partition, { offset }]) => [partition, offset])).toEqual([[2_400, 7]]);
    }
  });

  test("who hears late of a deleted topic keeps what was committed for the next one of that name", () => {
    const [first, second] = ["AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg"];
    const world = new GroupWorld();
    world.commit([0, 2].map((partition) => ({ topicId: first, partition, offset: 9 })));
    world.image.apply(1, { type: "topic", version: 0, name: "t", id: second });
    world.commit([{ topicId: second, partition: 1, offset: 4 }]);
    world.commit([{ topicId: second, partition: 2, offset: 5 }], {}, transaction);
    world.step({ type: "topics-deleted", topics: new Set(["t"]) });
    world.step({ type: "marker", transaction, committed: true });
    expect([0, 1, 2].map((partition) => world.offset("t", partition))).toEqual([null, 4, 5]);
    expect(world.replayed()?.offsets.committed.get("t")?.size).toBe(2);
  });

  test("so do those that have expired, and the group with the last of them", () => {
    const world = new GroupWorld({ offsetsRetentionMs: 5000 });
    world.commit(many);
    world.pass(5000);
    world.step({ type: "sweep" });
    expect(world.group?.offsets.committed.get("t")?.size).toBe(1_500);
    world.pass(0);
    expect(world.state).toBe("Dead");
    expect(world.replayed()).toBeNull();
  });

  test("a topic that is deleted takes its offsets along", () => {
    const world = new GroupWorld();
    world.commit([{ offset: 2 }, { topic: "other", offset: 3 }]);
    world.step({ type: "topics-deleted", topics: new Set(["t"]) });
    expect([world.offset(), world.offset("other")]).toEqual([null, 3]);
    expect(world.replayed()?.offsets.committed.has("t")).toBe(false);
  });
});

test("records of a kind that is not known are left alone, those of long ago are read", () => {
  const world = new GroupWorld();
  world.commit([{ offset: 4 }]);
  const record = world.records[0];
  if (!record) throw new Error("a commit has a record");
  const legacy = record.key.slice();
  legacy[1] = 0;
  world.records[0] = { ...record, key: legacy };
  expect(world.replayed()?.offsets.committed.get("t")?.get(0)?.offset).toBe(4);
  expect(world.knows({ key: bytes("\u0000\u0063abc"), value: null })).toBe(false);
});
