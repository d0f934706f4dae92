/**
 * Classic groups, rule by rule.
 */
import { describe, expect, test } from "bun:test";
import { GroupWorld, protocol, text } from "../group-world.ts";

describe("joining", () => {
  test("a dynamic member is given an id to come back with, and its place is kept for its session", () => {
    const world = new GroupWorld();
    const first = world.join({ memberIdRequired: true });
    expect(first.answer).toBe("member_id_required");
    expect(first.refusal?.facts).toEqual({ memberId: "m1" });
    expect(world.state).toBe("Empty");
    expect(world.records.length).toBe(1);
    const joined = world.join({ memberId: "m1", memberIdRequired: true });
    world.pass(0);
    expect(joined.granted).toMatchObject({ memberId: "m1", generation: 1, leader: "m1" });
    world.join({ memberIdRequired: true });
    expect(world.timers).toContain("session m3");
    world.pass(10_000);
    expect(world.classic.pendingJoins.size).toBe(0);
  });

  test("an id that nobody was given is unknown, with a group and without", () => {
    const world = new GroupWorld();
    expect(world.join({ memberId: "stranger" }).answer).toBe("unknown_member_id");
    expect(world.state).toBe("Dead");
    const stable = GroupWorld.stable(1);
    expect(stable.join({ memberId: "stranger" }).answer).toBe("unknown_member_id");
  });

  test("the first rebalance waits for others, and again as long as others come, at most for the rebalance timeout", () => {
    const world = new GroupWorld({ initialRebalanceDelayMs: 3000 });
    const first = world.join({ rebalanceTimeoutMs: 7000 });
    world.pass(2000);
    const second = world.join({ rebalanceTimeoutMs: 7000 });
    world.pass(1000);
    expect(first.answer).toBeNull();
    world.pass(2000);
    const third = world.join({ rebalanceTimeoutMs: 7000 });
    world.pass(1000);
    world.pass(0);
    expect(first.answer).toBeNull();
    world.pass(1000);
    expect(first.granted.generation).toBe(1);
    expect(first.granted.members.map(({ memberId }) => memberId)).toEqual(["m1", "m2", "m3"]);
    expect(second.granted.members).toEqual([]);
    expect(third.granted.leader).toBe("m1");
  });

  test.each([
    ["another type", { protocolType: "connect" }],
    ["no protocol in common", { protocols: [protocol("sticky", ["t"])] }],
    ["no protocol at all", { protocols: [] }],
  ])("%s does not fit", (_name, given) => {
    const world = GroupWorld.stable(1);
    expect(world.join(given).answer).toBe("inconsistent_group_protocol");
    expect(world.state).toBe("Stable");
  });

  test("a protocol that a member names twice counts once", () => {
    const world = GroupWorld.stable(1);
    const [range, sticky] = [protocol("range", ["t"]), protocol("sticky", ["t"])];
    world.join({ memberId: "m1", protocols: [sticky, sticky, range] });
    const second = world.join({ protocols: [range] });
    world.pass(0);
    expect(world.join({ protocols: [sticky] }).answer).toBe("inconsistent_group_protocol");
    expect(second.answer).not.toBe("inconsistent_group_protocol");
  });

  test("an empty group takes any protocols but none, and no empty type", () => {
    const world = new GroupWorld();
    expect(world.join({ protocols: [] }).answer).toBe("inconsistent_group_protocol");
    expect(world.join({ protocolType: "" }).answer).toBe("inconsistent_group_protocol");
    expect(world.state).toBe("Dead");
  });

  test("a group that everybody left while it prepares takes any protocol of its type", () => {
    const world = GroupWorld.stable(1);
    world.join({ memberIdRequired: true });
    world.leave({ memberId: "m1" });
    expect(world.state).toBe("PreparingRebalance");
    expect(world.join({ protocolType: "connect" }).answer).toBe("inconsistent_group_protocol");
    const other = world.join({ protocols: [protocol("sticky", ["t"])] });
    world.pass(10_000);
    expect(other.granted.protocol).toBe("sticky");
  });

  test("the protocol that most members prefer among those that all know is chosen", () => {
    const world = new GroupWorld();
    const names = [
      ["a", "b", "c"],
      ["c", "b"],
      ["b", "c"],
      ["c", "b", "x"],
    ];
    const joins = names.map((each) =>
      world.join({ protocols: each.map((name) => protocol(name, ["t"])) }),
    );
    world.pass(0);
    expect(joins[0]?.granted.protocol).toBe("b");
    const again = GroupWorld.stable(1);
    expect(again.classic.protocol).toBe("range");
  });

  test("a group is bounded in its members", () => {
    const world = GroupWorld.stable(2, { sizeMax: 2 });
    expect(world.join().answer).toBe("group_max_size_reached");
    expect(world.state).toBe("Stable");
    world.join({ memberId: "m1" });
    world.join({ memberId: "m2" });
    expect(world.state).toBe("CompletingRebalance");
  });

  test("a member that joins again unchanged is told what stands; the leader or a change begins a rebalance", () => {
    const world = GroupWorld.stable(2);
    const again = world.join({ memberId: "m2" });
    expect(again.granted).toMatchObject({ generation: 1, leader: "m1", members: [] });
    const changed = world.join({ memberId: "m2", protocols: [protocol("range", ["t", "u"])] });
    expect(changed.answer).toBeNull();
    expect(world.state).toBe("PreparingRebalance");
    expect(world.heartbeat("m1", 1)).toBe("rebalance_in_progress");
    const leader = world.join({ memberId: "m1" });
    expect(leader.granted.generation).toBe(2);
    expect(changed.granted.generation).toBe(2);
    expect(world.classic.subscribed).toEqual(new Set(["t", "u"]));
    const lost = world.join({ memberId: "m1" });
    expect(lost.granted.members.length).toBe(2);
  });

  test("who has not joined when the rebalance timeout is over is out", () => {
    const world = GroupWorld.stable(2);
    const third = world.join({ rebalanceTimeoutMs: 5000, sessionTimeoutMs: 300_000 });
    for (let beat = 0; beat < 12; beat += 1) {
      expect(world.heartbeat("m1", 1)).toBe("rebalance_in_progress");
      world.heartbeat("m2", 1);
      world.pass(5000);
    }
    expect(third.granted).toMatchObject({ generation: 2, leader: "m3" });
    expect([...(world.group?.members.members.keys() ?? [])]).toEqual(["m3"]);
  });

  test("a member that is new waits longer than its session, but not for ever", () => {
    const world = new GroupWorld({ initialRebalanceDelayMs: 600_000 });
    const join = world.join({ rebalanceTimeoutMs: 900_000 });
    world.pass(299_000);
    expect(join.answer).toBeNull();
    world.pass(2000);
    expect(join.answer).toBe("unknown_member_id");
  });
});

describe("static members", () => {
  const anna = { instanceId: "anna", protocols: [protocol("range", ["t"])] };

  test("take their place again without a rebalance, and the one before is fenced", () => {
    const world = new GroupWorld();
    const first = world.join(anna);
    world.pass(0);
    expect(world.sync("m1", 1, { m1: "work" }, { instanceId: "anna" }).granted.assignment).toEqual(
      new TextEncoder().encode("work"),
    );
    expect(first.granted.leader).toBe("m1");
    const second = world.join(anna);
    expect(second.granted).toMatchObject({ memberId: "m2", generation: 1, leader: "m2" });
    expect(second.granted.skipAssignment).toBe(true);
    expect(second.granted.members.length).toBe(1);
    expect(world.state).toBe("Stable");
    expect(world.heartbeat("m1", 1, "anna")).toBe("fenced_instance_id");
    expect(world.heartbeat("m2", 1, "anna")).toBe("heard");
    expect(text(world.sync("m2", 1, {}, { instanceId: "anna" }).granted.assignment)).toBe("work");
    expect(world.timers).toContain("session m2");
    expect(world.timers).not.toContain("session m1");
  });

  test("a client that cannot skip the assignment is told of the old leader", () => {
    const world = new GroupWorld();
    world.join(anna);
    world.pass(0);
    world.sync("m1", 1, { m1: "work" });
    const second = world.join({ ...anna, canSkipAssignment: false });
    expect(second.granted).toMatchObject({ memberId: "m2", leader: "m1", members: [] });
  });

  test("a change of what they can makes a rebalance only where the protocol changes", () => {
    const world = new GroupWorld();
    world.join({ ...anna, protocols: [protocol("a", ["t"]), protocol("b", ["t"])] });
    world.pass(0);
    world.sync("m1", 1, {});
    world.join({ ...anna, protocols: [protocol("b", ["t"]), protocol("a", ["t"])] });
    expect(world.classic.generation).toBe(2);
    expect(world.state).toBe("CompletingRebalance");
  });

  test("during a rebalance the new one waits in the old one's place", () => {
    const world = new GroupWorld({ initialRebalanceDelayMs: 100 });
    const first = world.join(anna);
    const second = world.join(anna);
    expect(first.answer).toBe("fenced_instance_id");
    world.pass(100);
    expect(second.granted).toMatchObject({ memberId: "m2", leader: "m2", generation: 1 });
    world.sync("m2", 1, {});
    const third = world.join(anna);
    expect(third.granted.memberId).toBe("m3");
  });

  test("stay in the group through a rebalance that they miss, until their session is over", () => {
    const world = new GroupWorld();
    world.join({ ...anna, rebalanceTimeoutMs: 5000, sessionTimeoutMs: 30_000 });
    world.pass(0);
    world.sync("m1", 1, {});
    const other = world.join({ rebalanceTimeoutMs: 5000 });
    world.pass(5000);
    expect(other.granted).toMatchObject({ generation: 2, leader: "m2" });
    expect(other.granted.members.map(({ instanceId }) => instanceId)).toEqual(["anna", null]);
  });

  test("alone and gone, they keep the group waiting without a generation", () => {
    const world = GroupWorld.stable(1);
    world.join({ ...anna, sessionTimeoutMs: 120_000 });
    world.join({ memberId: "m1" });
    world.sync("m1", 2, {});
    world.sync("m2", 2, {}, { instanceId: "anna" });
    expect(world.leave({ memberId: "m1" })).toEqual([null]);
    expect(world.state).toBe("PreparingRebalance");
    world.pass(60_000);
    expect(world.state).toBe("PreparingRebalance");
    expect(world.classic.generation).toBe(2);
    const back = world.join(anna);
    expect(back.granted.generation).toBe(3);
  });
});

describe("syncing", () => {
  test("everybody waits for the leader, whose assignment is kept before it is told", () => {
    const world = new GroupWorld();
    world.join();
    world.join();
    world.pass(0);
    const written = world.records.length;
    const follower = world.sync("m2", 1);
    expect(follower.answer).toBeNull();
    const leader = world.sync("m1", 1, { m1: "one", m2: "two" });
    expect(world.records.length).toBe(written + 1);
    expect(text(follower.granted.assignment)).toBe("two");
    expect(text(leader.granted.assignment)).toBe("one");
    expect(world.state).toBe("Stable");
    expect(text(world.sync("m2", 1).granted.assignment)).toBe("two");
  });

  test.each([
    ["an unknown member", "m9", 1, {}, "unknown_member_id"],
    ["another generation", "m1", 7, {}, "illegal_generation"],
    ["another protocol", "m1", 1, { protocol: "sticky" }, "inconsistent_group_protocol"],
    ["another type", "m1", 1, { protocolType: "connect" }, "inconsistent_group_protocol"],
    ["an instance that nobody is", "m1", 1, { instanceId: "x" }, "unknown_member_id"],
  ])("%s is refused", (_name, member, generation, given, answer) => {
    expect(GroupWorld.stable(1).sync(member, generation, {}, given).answer).toBe(answer);
  });

  test("a rebalance that begins meanwhile sends everybody to join again", () => {
    const world = new GroupWorld();
    world.join();
    world.join();
    world.pass(0);
    const waiting = world.sync("m2", 1);
    world.join();
    expect(waiting.answer).toBe("rebalance_in_progress");
    expect(world.sync("m1", 1).answer).toBe("rebalance_in_progress");
  });

  test("who does not ask for its assignment within the rebalance timeout is out", () => {
    const world = new GroupWorld();
    world.join({ rebalanceTimeoutMs: 5000, sessionTimeoutMs: 100_000 });
    world.join({ rebalanceTimeoutMs: 5000, sessionTimeoutMs: 100_000 });
    world.pass(0);
    world.sync("m1", 1, { m1: "one", m2: "two" });
    expect(world.state).toBe("Stable");
    world.pass(5000);
    expect(world.heartbeat("m2", 1)).toBe("unknown_member_id");
    expect(world.heartbeat("m1", 1)).toBe("rebalance_in_progress");
  });
});

describe("heartbeats and leaving", () => {
  test("a session that is over takes the member out; a heartbeat keeps it", () => {
    const world = GroupWorld.stable(2);
    world.pass(9000);
    expect(world.heartbeat("m1", 1)).toBe("heard");
    world.pass(2000);
    expect(world.heartbeat("m2", 1)).toBe("unknown_member_id");
    expect(world.heartbeat("m1", 1)).toBe("rebalance_in_progress");
  });

  test("a member that waits for an answer has no session to lose", () => {
    const world = GroupWorld.stable(2);
    const rejoined = world.join({ memberId: "m1" });
    for (let beat = 0; beat < 6; beat += 1) {
      world.pass(8000);
      world.heartbeat("m2", 1);
    }
    expect(rejoined.answer).toBeNull();
    world.join({ memberId: "m2" });
    expect(rejoined.granted.generation).toBe(2);
  });

  test.each([
    ["m1", 0, "illegal_generation"],
    ["m1", 2, "illegal_generation"],
    ["m2", 1, "unknown_member_id"],
    ["m1", 1, "heard"],
  ])("a heartbeat of %s in generation %p: %s", (member, generation, answer) => {
    expect(GroupWorld.stable(1).heartbeat(member, generation)).toBe(answer);
    expect(new GroupWorld().heartbeat(member, generation)).toBe("unknown_member_id");
  });

  test("members leave in a batch, each answered by itself; the last one leaves an empty group", () => {
    const world = new GroupWorld();
    world.join({ instanceId: "anna" });
    world.join();
    world.pass(0);
    world.sync("m1", 1, {});
    expect(
      world.leave(
        { memberId: "m7" },
        { memberId: "m2", instanceId: "anna" },
        { instanceId: "bob" },
        { instanceId: "anna" },
      ),
    ).toEqual(["unknown_member_id", "fenced_instance_id", "unknown_member_id", null]);
    expect(world.state).toBe("PreparingRebalance");
    expect(world.leave({ memberId: "m2" })).toEqual([null]);
    expect(world.state).toBe("Empty");
    expect(world.classic.generation).toBe(2);
    expect(world.timers).toEqual([]);
    expect(new GroupWorld().leave({ memberId: "m1" })).toBe("unknown_member_id");
  });

  test("a place that was kept can be given up", () => {
    const world = new GroupWorld();
    world.join({ memberIdRequired: true });
    expect(world.leave({ memberId: "m1" })).toEqual([null]);
    expect(world.join({ memberId: "m1" }).answer).toBe("unknown_member_id");
  });
});

test("a coordinator that starts anew has the last generation, and everybody's session begins again", () => {
  const world = GroupWorld.stable(2);
  const group = world.replayed();
  const subscribed = new Set(["t"]);
  expect(group?.members).toMatchObject({
    state: "Stable",
    generation: 1,
    leader: "m1",
    subscribed,
  });
  const next = new GroupWorld();
  next.group = group;
  next.step({ type: "loaded" });
  expect(next.timers).toEqual(["session m1", "session m2"]);
  expect(next.heartbeat("m1", 1)).toBe("heard");
  expect(text(next.sync("m2", 1).granted.assignment)).toBe("m2");
});
