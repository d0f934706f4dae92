/** Classic members in consumer groups: online upgrade and downgrade, and what each kind of member hears meanwhile. */
import { describe, expect, test } from "bun:test";
import {
  type NamedPartitions,
  readAssignment,
  writeAssignment,
  writeSubscription,
} from "../../../../src/coordinators/classic/consumer-protocol.ts";
import { checkCommit, checkFetch } from "../../../../src/coordinators/consumer/offsets.ts";
import { ConsumerWorld, idOf, refused } from "./consumer-world.ts";

const says = (topics: readonly string[], owned: readonly NamedPartitions[] = [], version = 1) =>
  writeSubscription(topics, owned, version);

const protocols = (...args: Parameters<typeof says>) => [
  { name: "range", metadata: says(...args) },
];

/** A classic group of `c1` and `c2`, which share the four partitions of `a`. */
function classic(): ConsumerWorld {
  const world = new ConsumerWorld({ a: 4 });
  world.config = { ...world.config, initialRebalanceDelayMs: 0 };
  world.hears({ protocols: protocols(["a"]), memberIdRequired: false, memberId: "" }, "c1");
  world.passes(0);
  const assignments = new Map([["c1", assigned([0, 1, 2, 3])]]);
  world.syncsWith("c1", 1, assignments);
  world.hears({ protocols: protocols(["a"]), memberIdRequired: false, memberId: "" }, "c2");
  world.joinsClassic("c1", { protocols: protocols(["a"]) });
  world.syncsWith(
    "c1",
    2,
    new Map([
      ["c1", assigned([0, 1])],
      ["c2", assigned([2, 3])],
    ]),
  );
  return world;
}

function assigned(partitions: readonly number[]): Uint8Array {
  return writeAssignment([{ topic: "a", partitions }], 1);
}

describe("upgrade", () => {
  test("a consumer member joins: the others keep what they have until they are told", () => {
    const world = classic();
    expect(world.joins("m1", ["a"])).toEqual({ epoch: 3, assigned: {} });
    expect(world.consumer.members.size).toBe(3);
    expect(refused(() => world.beats("c1", 2))).toBe("rebalance_in_progress");
    const owns = (partitions: readonly number[]) => ({
      protocols: protocols(["a"], [{ topic: "a", partitions }]),
    });
    const given = (id: string, generation: number) =>
      readAssignment(world.syncs(id, generation).assignment)?.assigned[0]?.partitions;
    expect(world.joinsClassic("c1", owns([0, 1])).generation).toBe(3);
    expect(given("c1", 3)).toEqual([0, 1]);
    expect(world.joinsClassic("c2", owns([2, 3])).generation).toBe(2);
    expect(given("c2", 2)).toEqual([2]);
    expect(refused(() => world.beats("c2", 2))).toBe("rebalance_in_progress");
    expect(world.joinsClassic("c2", owns([2])).generation).toBe(3);
    expect(world.beats("c1", 3)).toBe("heard");
    expect(world.says("m1", { memberEpoch: 3 })).toEqual({ epoch: 3, assigned: { a: [3] } });
  });

  test("who joins before the next target is due keeps what there is until then, and is told", () => {
    const world = new ConsumerWorld({ a: 4 });
    world.config = {
      ...world.config,
      consumer: { ...world.config.consumer, assignmentIntervalMs: 1000 },
    };
    world.joins("m1", ["a"]);
    const { memberId, generation } = world.joinsClassic("", {
      protocols: protocols(["a"]),
      memberIdRequired: false,
    });
    expect(readAssignment(world.syncs(memberId, generation).assignment)?.assigned).toEqual([]);
    expect(world.beats(memberId, generation)).toBe("heard");
    world.passes(1000);
    expect(refused(() => world.beats(memberId, generation))).toBe("rebalance_in_progress");
    const next = world.joinsClassic(memberId, { protocols: protocols(["a"]) });
    expect(next.generation).toBeGreaterThan(generation);
    world.syncs(memberId, next.generation);
    world.says("m1", { memberEpoch: generation });
    world.says("m1", { memberEpoch: generation, owned: { a: [0, 1] } });
    expect(refused(() => world.beats(memberId, next.generation))).toBe("rebalance_in_progress");
    const last = world.joinsClassic(memberId, { protocols: protocols(["a"]) });
    const given = readAssignment(world.syncs(memberId, last.generation).assignment);
    expect(given?.assigned).toEqual([{ topic: "a", partitions: [2, 3] }]);
  });

  test("with everything given up, everybody has their part", () => {
    const world = classic();
    world.joins("m1", ["a"]);
    const parts = new Map<string, readonly number[]>();
    const owned = new Map([
      ["c1", [0, 1]],
      ["c2", [2, 3]],
    ]);
    for (let round = 0; round < 4; round += 1) {
      for (const id of ["c1", "c2"]) {
        const epoch = world.consumer.members.get(id)?.epoch ?? 0;
        if (tells(() => world.beats(id, epoch)) === "heard") continue;
        const own = [{ topic: "a", partitions: owned.get(id) ?? [] }];
        const { generation } = world.joinsClassic(id, { protocols: protocols(["a"], own) });
        const given = readAssignment(world.syncs(id, generation).assignment)?.assigned[0]
          ?.partitions;
        owned.set(id, [...(given ?? [])]);
        parts.set(id, given ?? []);
      }
      const told = world.says("m1", { memberEpoch: world.consumer.members.get("m1")?.epoch ?? 0 });
      if (told.assigned) parts.set("m1", told.assigned["a"] ?? []);
    }
    expect([...parts.values()].flat().toSorted(ascending)).toEqual([0, 1, 2, 3]);
    expect([...parts.values()].map((part) => part.length).toSorted(ascending)).toEqual([1, 1, 2]);
    expect(world.beats("c1", 3)).toBe("heard");
  });

  test("a classic member that does not join again is out", () => {
    const world = classic();
    world.joins("m1", ["a"]);
    refused(() => world.beats("c1", 2));
    for (let round = 0; round < 9; round += 1) {
      world.passes(7000);
      if (world.consumer.members.has("c1")) refused(() => world.beats("c1", 2));
      world.says("m1", { memberEpoch: world.consumer.members.get("m1")?.epoch ?? 0 });
    }
    expect([...world.consumer.members.keys()]).toEqual(["m1"]);
  });

  test("a group that never had a member, and one that is empty, are simply taken over", () => {
    const world = new ConsumerWorld({ a: 1 });
    world.config = { ...world.config, initialRebalanceDelayMs: 0 };
    world.hears({ protocols: protocols(["a"]), memberIdRequired: false, memberId: "" }, "c1");
    world.passes(0);
    world.leaves("c1");
    expect(world.group?.type).toBe("classic");
    expect(world.joins("m1", ["a"])).toEqual({ epoch: 2, assigned: { a: [0] } });
  });

  test("what is refused", () => {
    const disabled = classic();
    disabled.config = {
      ...disabled.config,
      consumer: { ...disabled.config.consumer, migrationPolicy: "downgrade" },
    };
    expect(refused(() => disabled.joins("m1", ["a"]))).toBe("group_id_not_found");
    const other = new ConsumerWorld();
    const connect = { protocolType: "connect", protocols: protocols([]), memberIdRequired: false };
    other.hears({ ...connect, memberId: "" }, "c1");
    expect(refused(() => other.joins("m1", ["a"]))).toBe("group_id_not_found");
    expect(refused(() => classic().says("c1", { memberEpoch: 2 }))).toBe("group_id_not_found");
  });
});

describe("classic members in a consumer group", () => {
  function mixed(): ConsumerWorld {
    const world = new ConsumerWorld({ a: 2 });
    world.joins("m1", ["a"]);
    world.joinsClassic("c1", { protocols: protocols(["a"]) });
    return world;
  }

  test("without an id they are asked to come again with one", () => {
    const world = mixed();
    expect(refused(() => world.joinsClassic("", { protocols: protocols(["a"]) }))).toBe(
      "member_id_required",
    );
  });

  test("what others must not say in their name", () => {
    const world = mixed();
    expect(refused(() => world.beats("m1", 1))).toBe("unknown_member_id");
    expect(refused(() => world.beats("c1", 7))).toBe("illegal_generation");
    expect(refused(() => world.syncs("c9", 2))).toBe("unknown_member_id");
    expect(world.leaves("c9")).toEqual(["unknown_member_id"]);
    const sticky = [{ name: "sticky", metadata: says(["a"]) }];
    expect(refused(() => world.joinsClassic("c2", { protocols: sticky }))).toBe(
      "inconsistent_group_protocol",
    );
    const broken = [{ name: "range", metadata: new Uint8Array(1) }];
    expect(refused(() => world.joinsClassic("c2", { protocols: broken }))).toBe(
      "inconsistent_group_protocol",
    );
  });

  test("one may go over to the consumer protocol under its id", () => {
    const world = mixed();
    world.joins("c1", ["a"]);
    expect(world.consumer.members.get("c1")?.classic).toBe(null);
  });

  test("one that does not ask for its assignment is out", () => {
    const world = mixed();
    for (let round = 0; round < 8; round += 1) {
      world.passes(8000);
      const { epoch } = world.consumer.members.get("c1") ?? { epoch: 0 };
      if (epoch > 0) tells(() => world.beats("c1", epoch));
      world.says("m1", {
        memberEpoch: world.consumer.members.get("m1")?.epoch ?? 0,
        owned: { a: [0] },
      });
    }
    expect(world.consumer.members.has("c1")).toBe(false);
  });
});

describe("downgrade", () => {
  test("the last consumer member leaves: a classic group rebalances", () => {
    const world = classic();
    world.joins("m1", ["a"]);
    world.says("m1", { memberEpoch: -1 });
    expect(world.group).toMatchObject({
      type: "classic",
      state: "PreparingRebalance",
      generation: 3,
    });
    expect([...world.timers.keys()].filter((name) => name.startsWith("consumer-"))).toEqual([]);
    expect(refused(() => world.beats("c1", 3))).toBe("rebalance_in_progress");
  });

  test("a static classic member takes the place of the last consumer member: nobody notices", () => {
    const world = new ConsumerWorld({ a: 1 });
    world.joins("m1", ["a"], { instanceId: "i" });
    const { generation, memberId } = world.joinsClassic("", {
      protocols: protocols(["a"]),
      instanceId: "i",
    });
    expect(world.group).toMatchObject({ type: "classic", state: "Stable", generation: 2 });
    expect(generation).toBe(2);
    const { assignment } = world.syncs(memberId, generation, "i");
    expect(readAssignment(assignment)?.assigned).toEqual([{ topic: "a", partitions: [0] }]);
  });

  test("not where the policy forbids it: the group stays one of consumers", () => {
    const world = classic();
    world.config = {
      ...world.config,
      consumer: { ...world.config.consumer, migrationPolicy: "upgrade" },
    };
    world.joins("m1", ["a"]);
    world.says("m1", { memberEpoch: -1 });
    expect(world.group?.type).toBe("consumer");
  });

  test("a classic member joins an empty consumer group: it is a classic one", () => {
    const world = new ConsumerWorld({ a: 1 });
    world.config = { ...world.config, initialRebalanceDelayMs: 0 };
    world.joins("m1", ["a"]);
    world.says("m1", { memberEpoch: -1 });
    world.hears({ protocols: protocols(["a"]), memberIdRequired: false, memberId: "" }, "c1");
    world.passes(0);
    expect(world.group).toMatchObject({ type: "classic", generation: 1 });
  });
});

describe("offsets", () => {
  const asked = { instanceId: null, transactional: false, knowsEpochs: true };

  test("an epoch of before is good for what the member has had since", () => {
    const world = new ConsumerWorld({ a: 1, b: 1 });
    world.joins("m1", ["a"]);
    world.says("m1", { memberEpoch: 2, topicNames: ["a", "b"] });
    const check = checkCommit(world.consumer, { ...asked, memberId: "m1", generation: 2 });
    expect(check(idOf("a"), 0)).toBe(null);
    expect(check(idOf("b"), 0)?.code).toBe("stale_member_epoch");
    expect(check(null, 0)?.code).toBe("stale_member_epoch");
    expect(
      checkCommit(world.consumer, { ...asked, memberId: "m1", generation: 3 })(idOf("b"), 0),
    ).toBe(null);
  });

  test("who may not commit", () => {
    const world = new ConsumerWorld({ a: 1 });
    world.joins("m1", ["a"]);
    world.joinsClassic("c1", { protocols: protocols(["a"]) });
    const commits = (of: Partial<Parameters<typeof checkCommit>[1]>) =>
      refused(() =>
        checkCommit(world.consumer, { ...asked, memberId: "m1", generation: 2, ...of }),
      );
    expect(commits({ generation: 3 })).toBe("stale_member_epoch");
    expect(commits({ memberId: "m9" })).toBe("unknown_member_id");
    expect(commits({ memberId: "", generation: -1 })).toBe("unknown_member_id");
    expect(commits({ knowsEpochs: false })).toBe("unsupported_version");
    expect(commits({ memberId: "c1", generation: 9 })).toBe("illegal_generation");
  });

  test("who may fetch", () => {
    const world = new ConsumerWorld({ a: 1 });
    world.joins("m1", ["a"]);
    checkFetch(world.consumer, null, -1);
    checkFetch(world.consumer, "m1", 2);
    expect(refused(() => checkFetch(world.consumer, "m1", 3))).toBe("stale_member_epoch");
    expect(refused(() => checkFetch(world.consumer, "m2", 1))).toBe("unknown_member_id");
  });
});

function ascending(left: number, right: number): number {
  return left - right;
}

function tells(act: () => unknown): unknown {
  try {
    return act();
  } catch {
    return "refused";
  }
}
