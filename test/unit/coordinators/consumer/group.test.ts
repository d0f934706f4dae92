/** KIP-848's rules, one by one, over a consumer group that is stepped by hand. */
import { describe, expect, test } from "bun:test";
import { ConsumerWorld, refused } from "./consumer-world.ts";

describe("joining", () => {
  test("the first member gets everything at once", () => {
    const world = new ConsumerWorld({ a: 3 });
    expect(world.joins("m1", ["a"])).toEqual({ epoch: 2, assigned: { a: [0, 1, 2] } });
    expect(world.consumer.epoch).toBe(2);
  });

  test("an answer that was lost costs nothing: joining again gives the same", () => {
    const world = new ConsumerWorld({ a: 3 });
    const first = world.joins("m1", ["a"]);
    expect(world.joins("m1", ["a"])).toEqual(first);
    expect(world.consumer.epoch).toBe(2);
  });

  test("a heartbeat that changes nothing says nothing and writes nothing", () => {
    const world = new ConsumerWorld({ a: 3 });
    world.joins("m1", ["a"]);
    const before = world.records.length;
    expect(world.says("m1", { memberEpoch: 2 })).toEqual({ epoch: 2, assigned: null });
    expect(world.records.length).toBe(before);
  });

  test("a full request is answered in full", () => {
    const world = new ConsumerWorld({ a: 1 });
    world.joins("m1", ["a"]);
    const full = { rebalanceTimeoutMs: 60_000, topicNames: ["a"], owned: { a: [0] } };
    expect(world.says("m1", { memberEpoch: 2, ...full })).toEqual({
      epoch: 2,
      assigned: { a: [0] },
    });
  });

  test("a topic that is not there yet counts once it is", () => {
    const world = new ConsumerWorld();
    expect(world.joins("m1", ["a"])).toEqual({ epoch: 2, assigned: {} });
    world.addTopic("a", 2);
    expect(world.says("m1", { memberEpoch: 2 })).toEqual({ epoch: 3, assigned: { a: [0, 1] } });
  });

  test("without an id, version 0 is given one", () => {
    const world = new ConsumerWorld({ a: 1 });
    world.joins("", ["a"]);
    expect([...world.consumer.members.keys()]).toEqual(["made-0"]);
  });

  test("a full group takes nobody new", () => {
    const world = new ConsumerWorld({ a: 1 });
    world.config = { ...world.config, consumer: { ...world.config.consumer, sizeMax: 1 } };
    world.joins("m1", ["a"]);
    expect(refused(() => world.joins("m2", ["a"]))).toBe("group_max_size_reached");
    expect(world.joins("m1", ["a"]).epoch).toBe(2);
  });

  test("members who come within the assignment interval share one target", () => {
    const world = new ConsumerWorld({ a: 4 });
    world.config = {
      ...world.config,
      consumer: { ...world.config.consumer, assignmentIntervalMs: 1000 },
    };
    world.joins("m1", ["a"]);
    expect(world.joins("m2", ["a"])).toEqual({ epoch: 2, assigned: {} });
    expect(world.joins("m3", ["a"])).toEqual({ epoch: 2, assigned: {} });
    expect(world.says("m2", { memberEpoch: 2 })).toEqual({ epoch: 2, assigned: null });
    world.passes(1000);
    world.says("m2", { memberEpoch: 2 });
    expect([world.consumer.epoch, world.consumer.targetEpoch]).toEqual([4, 4]);
  });
});

describe("a rebalance", () => {
  /** m1 has all of `a`; m2 has come. */
  function two(): ConsumerWorld {
    const world = new ConsumerWorld({ a: 4 });
    world.joins("m1", ["a"]);
    expect(world.joins("m2", ["a"])).toEqual({ epoch: 3, assigned: {} });
    return world;
  }

  test("partitions are given up first, then handed on", () => {
    const world = two();
    expect(world.says("m1", { memberEpoch: 2 })).toEqual({ epoch: 2, assigned: { a: [0, 1] } });
    expect(world.says("m2", { memberEpoch: 3 })).toEqual({ epoch: 3, assigned: null });
    expect(world.says("m1", { memberEpoch: 2, owned: { a: [0, 1] } })).toEqual({
      epoch: 3,
      assigned: null,
    });
    expect(world.says("m2", { memberEpoch: 3 })).toEqual({ epoch: 3, assigned: { a: [2, 3] } });
  });

  test("silence about what is owned counts as owning it", () => {
    const world = two();
    world.says("m1", { memberEpoch: 2 });
    expect(world.says("m1", { memberEpoch: 2 })).toEqual({ epoch: 2, assigned: null });
    expect(world.says("m1", { memberEpoch: 2, owned: { a: [0, 1, 2] } }).epoch).toBe(2);
    expect(world.says("m2", { memberEpoch: 3 }).assigned).toBe(null);
  });

  test.each([false, true])("who does not give up in time is out (restarts: %p)", (restarts) => {
    const world = two();
    world.says("m1", { memberEpoch: 2 });
    if (restarts) world.restarts();
    for (let round = 0; round < 3; round += 1) {
      world.passes(25_000);
      world.says("m2", { memberEpoch: world.consumer.members.get("m2")?.epoch ?? 0 });
      if (round < 2) world.says("m1", { memberEpoch: 2 });
    }
    expect(refused(() => world.says("m1", { memberEpoch: 2 }))).toBe("unknown_member_id");
    expect(
      world.says("m2", { memberEpoch: 4, owned: {}, rebalanceTimeoutMs: 1, topicNames: ["a"] }),
    ).toEqual({ epoch: 4, assigned: { a: [0, 1, 2, 3] } });
  });

  test("a member that leaves gives everything up", () => {
    const world = two();
    expect(world.says("m1", { memberEpoch: -1 }).epoch).toBe(-1);
    expect(world.says("m2", { memberEpoch: 3 })).toEqual({
      epoch: 4,
      assigned: { a: [0, 1, 2, 3] },
    });
  });

  test("a member that is silent for the session is out", () => {
    const world = two();
    world.passes(30_000);
    world.says("m2", { memberEpoch: 3 });
    world.passes(20_000);
    expect([...world.consumer.members.keys()]).toEqual(["m2"]);
    expect(world.says("m2", { memberEpoch: 3 }).assigned).toEqual({ a: [0, 1, 2, 3] });
  });

  test("a session that the request brings counts instead of the group's", () => {
    const world = new ConsumerWorld({ a: 1 });
    world.joins("m1", ["a"], { sessionTimeoutMs: 6000 });
    world.passes(6000);
    expect(world.consumer.members.size).toBe(0);
  });

  test("what was given up may be given back before anybody took it", () => {
    const world = two();
    world.says("m1", { memberEpoch: 2 });
    world.says("m2", { memberEpoch: -1 });
    expect(world.says("m1", { memberEpoch: 2, owned: { a: [0, 1] } })).toEqual({
      epoch: 4,
      assigned: { a: [0, 1, 2, 3] },
    });
  });

  test("after a restart nobody has lost anything, and sessions begin anew", () => {
    const world = two();
    world.says("m1", { memberEpoch: 2 });
    world.restarts();
    world.passes(44_000);
    expect(world.says("m1", { memberEpoch: 2, owned: { a: [0, 1] } }).epoch).toBe(3);
    expect(world.says("m2", { memberEpoch: 3 })).toEqual({ epoch: 3, assigned: { a: [2, 3] } });
    world.passes(45_000);
    expect(world.consumer.members.size).toBe(0);
  });
});

describe("epochs", () => {
  const table: readonly (readonly [
    string,
    Parameters<ConsumerWorld["says"]>[1],
    string | number,
  ])[] = [
    ["greater than its own", { memberEpoch: 10 }, "fenced_member_epoch"],
    ["of before, owning what it was given", { memberEpoch: 2, owned: { a: [0] } }, 3],
    ["of before, owning nothing", { memberEpoch: 2, owned: {} }, 3],
    [
      "of before, owning something else",
      { memberEpoch: 2, owned: { a: [0, 1] } },
      "fenced_member_epoch",
    ],
    ["of before, not saying what it owns", { memberEpoch: 2 }, "fenced_member_epoch"],
    ["its own", { memberEpoch: 3 }, 3],
    ["0", { memberEpoch: 0, owned: {}, rebalanceTimeoutMs: 1, topicNames: ["a"] }, 3],
  ];
  for (const [name, says, expected] of table) {
    test(name, () => {
      const world = new ConsumerWorld({ a: 2 });
      world.joins("m1", ["a"]);
      world.joins("m2", ["a"]);
      world.says("m1", { memberEpoch: 2 });
      world.says("m1", { memberEpoch: 2, owned: { a: [0] } });
      if (typeof expected === "string")
        expect(refused(() => world.says("m1", says))).toBe(expected);
      else expect(world.says("m1", says).epoch).toBe(expected);
    });
  }

  test("of before that before", () => {
    const world = new ConsumerWorld({ a: 1 });
    world.joins("m1", ["a"]);
    world.says("m1", { memberEpoch: 2, topicNames: ["a", "b"] });
    world.says("m1", { memberEpoch: 3, topicNames: ["a"] });
    expect(refused(() => world.says("m1", { memberEpoch: 2, owned: {} }))).toBe(
      "fenced_member_epoch",
    );
  });

  test("members and groups that are not there", () => {
    const world = new ConsumerWorld({ a: 1 });
    expect(refused(() => world.says("m1", { memberEpoch: 2 }))).toBe("group_id_not_found");
    expect(refused(() => world.says("m1", { memberEpoch: -1 }))).toBe("group_id_not_found");
    world.joins("m1", ["a"]);
    expect(refused(() => world.says("m2", { memberEpoch: 2 }))).toBe("unknown_member_id");
    expect(refused(() => world.says("m2", { memberEpoch: -1 }))).toBe("unknown_member_id");
  });
});

describe("subscriptions", () => {
  test("a topic more is assigned, a topic less is taken at once", () => {
    const world = new ConsumerWorld({ a: 1, b: 1 });
    world.joins("m1", ["a"]);
    expect(world.says("m1", { memberEpoch: 2, topicNames: ["a", "b"] })).toEqual({
      epoch: 3,
      assigned: { a: [0], b: [0] },
    });
    expect(world.says("m1", { memberEpoch: 3, topicNames: ["b"] })).toEqual({
      epoch: 3,
      assigned: { b: [0] },
    });
    expect(world.says("m1", { memberEpoch: 3, owned: { b: [0] } }).epoch).toBe(4);
  });

  test("partitions more and topics less move the epoch; configs do not", () => {
    const world = new ConsumerWorld({ a: 1, b: 1 });
    world.joins("m1", ["a", "b"]);
    world.addPartition("a", 1);
    expect(world.says("m1", { memberEpoch: 2 }).assigned).toEqual({ a: [0, 1], b: [0] });
    world.addTopic("c", 1);
    expect(world.says("m1", { memberEpoch: 3 })).toEqual({ epoch: 3, assigned: null });
    world.removeTopic("b");
    expect(world.says("m1", { memberEpoch: 3 }).assigned).toEqual({ a: [0, 1] });
    expect(world.says("m1", { memberEpoch: 3, owned: { a: [0, 1] } }).epoch).toBe(4);
  });

  test("the assignor that most ask for", () => {
    const world = new ConsumerWorld({ a: 2, b: 2 });
    world.joins("m1", ["a", "b"], { assignor: "range" });
    expect(world.joins("m2", ["a", "b"]).epoch).toBe(3);
    expect(world.says("m1", { memberEpoch: 2 }).assigned).toEqual({ a: [0], b: [0] });
  });
});

describe("patterns", () => {
  test("are matched outside, then assigned by the next heartbeat", () => {
    const world = new ConsumerWorld({ ab: 1, ac: 1, b: 1 });
    expect(world.joins("m1", null, { topicRegex: "a.*" })).toEqual({ epoch: 1, assigned: {} });
    expect(world.effects).toEqual([{ type: "resolve-regexes", patterns: ["a.*"] }]);
    world.resolves({ "a.*": ["ab", "ac"] });
    expect(world.says("m1", { memberEpoch: 1 })).toEqual({
      epoch: 2,
      assigned: { ab: [0], ac: [0] },
    });
  });

  test("are matched once for all, and again when topics come, at most every ten seconds", () => {
    const world = new ConsumerWorld({ ab: 1 });
    world.joins("m1", null, { topicRegex: "a.*" });
    world.resolves({ "a.*": ["ab"] });
    world.says("m1", { memberEpoch: 1 });
    expect(world.joins("m2", null, { topicRegex: "a.*" }).epoch).toBe(3);
    expect(world.effects).toEqual([]);
    world.addTopic("ac", 1);
    world.says("m1", { memberEpoch: 2 });
    expect(world.effects).toEqual([]);
    world.passes(10_001);
    world.says("m1", { memberEpoch: 3 });
    expect(world.effects.length).toBe(1);
    world.says("m2", { memberEpoch: 3 });
    world.resolves({ "a.*": ["ab", "ac"] });
    expect(world.consumer.epoch).toBe(4);
  });

  test("an answer that never comes is asked for again", () => {
    const world = new ConsumerWorld({ ab: 1 });
    world.joins("m1", null, { topicRegex: "a.*", sessionTimeoutMs: 100_000 });
    world.effects = [];
    world.says("m1", { memberEpoch: 1, sessionTimeoutMs: 100_000 });
    expect(world.effects).toEqual([]);
    world.passes(60_000);
    world.says("m1", { memberEpoch: 1 });
    expect(world.effects.length).toBe(1);
  });

  test("join what is named", () => {
    const world = new ConsumerWorld({ ab: 1, b: 1 });
    world.joins("m1", ["b"], { topicRegex: "a.*" });
    world.resolves({ "a.*": ["ab"] });
    expect(world.says("m1", { memberEpoch: 2 }).assigned).toEqual({ ab: [0], b: [0] });
  });

  test("are forgotten with their last member, or when it takes another", () => {
    const world = new ConsumerWorld({ ab: 1 });
    world.joins("m1", null, { topicRegex: "a.*" });
    world.resolves({ "a.*": ["ab"] });
    world.says("m1", { memberEpoch: 1 });
    expect(world.says("m1", { memberEpoch: 2, topicRegex: "" }).assigned).toEqual({});
    expect(world.consumer.regexes.size).toBe(0);
    world.says("m1", { memberEpoch: 2, owned: {} });
    world.passes(20_000);
    world.says("m1", { memberEpoch: 3, topicRegex: "ab?" });
    world.resolves({ "ab?": ["ab"] });
    expect([...world.consumer.regexes.keys()]).toEqual(["ab?"]);
    world.says("m1", { memberEpoch: -1 });
    expect(world.consumer.regexes.size).toBe(0);
  });
});

describe("static members", () => {
  test("leave for a while and come back under another id to what they had", () => {
    const world = new ConsumerWorld({ a: 2 });
    world.joins("m1", ["a"], { instanceId: "i" });
    expect(world.says("m1", { memberEpoch: -2, instanceId: "i" }).epoch).toBe(-2);
    expect(world.joins("m2", ["a"], { instanceId: "i" })).toEqual({
      epoch: 2,
      assigned: { a: [0, 1] },
    });
    expect([...world.consumer.members.keys()]).toEqual(["m2"]);
    expect(world.consumer.epoch).toBe(2);
  });

  test("who does not come back within the session is out", () => {
    const world = new ConsumerWorld({ a: 2 });
    world.joins("m1", ["a"], { instanceId: "i" });
    world.says("m1", { memberEpoch: -2, instanceId: "i" });
    world.passes(45_000);
    expect(world.consumer.members.size).toBe(0);
  });

  test("an instance id that is in use is not given away", () => {
    const world = new ConsumerWorld({ a: 2 });
    world.joins("m1", ["a"], { instanceId: "i" });
    expect(refused(() => world.joins("m2", ["a"], { instanceId: "i" }))).toBe(
      "unreleased_instance_id",
    );
    expect(refused(() => world.joins("m1", ["a"], { instanceId: "i" }))).toBe(
      "unreleased_instance_id",
    );
    expect(refused(() => world.says("m2", { memberEpoch: 2, instanceId: "i" }))).toBe(
      "fenced_instance_id",
    );
    expect(refused(() => world.says("m1", { memberEpoch: 2, instanceId: "j" }))).toBe(
      "unknown_member_id",
    );
    expect(refused(() => world.says("m2", { memberEpoch: -2, instanceId: "i" }))).toBe(
      "fenced_instance_id",
    );
    expect(refused(() => world.says("m1", { memberEpoch: -2, instanceId: "j" }))).toBe(
      "unknown_member_id",
    );
  });

  test("one that leaves for good is gone", () => {
    const world = new ConsumerWorld({ a: 2 });
    world.joins("m1", ["a"], { instanceId: "i" });
    world.says("m1", { memberEpoch: -1, instanceId: "i" });
    expect(world.consumer.members.size).toBe(0);
    expect(world.joins("m2", ["a"], { instanceId: "i" }).epoch).toBe(4);
  });
});

test("settings of one group count for it", () => {
  const world = new ConsumerWorld({ a: 1 });
  const config = { type: "config", version: 0, resource: "group", name: "g" } as const;
  const { image } = world;
  image.apply(image.index + 1, { ...config, key: "consumer.session.timeout.ms", value: "50000" });
  world.joins("m1", ["a"]);
  world.passes(49_000);
  expect(world.consumer.members.size).toBe(1);
  world.passes(1000);
  expect(world.consumer.members.size).toBe(0);
});
