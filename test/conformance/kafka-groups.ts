/**
 * What every Kafka door owes the members of classic groups, by the declarations: run against Apache Kafka first, then against
 * kedge, both with `group.initial.rebalance.delay.ms=0` and `group.min.session.timeout.ms=100`.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { findCoordinator } from "../../src/kafka/apis/10-find-coordinator.ts";
import { joinGroup } from "../../src/kafka/apis/11-join-group.ts";
import { heartbeat } from "../../src/kafka/apis/12-heartbeat.ts";
import { leaveGroup } from "../../src/kafka/apis/13-leave-group.ts";
import { syncGroup } from "../../src/kafka/apis/14-sync-group.ts";
import { connectKafka, type KafkaConnection } from "./kafka-connection.ts";
import { lookTests } from "./kafka-groups-look.ts";
import { offsetTests } from "./kafka-offsets-door.ts";
import {
  type Door,
  freshGroup,
  join,
  joinAs,
  joinRequest,
  leaveRequest,
  patiently,
  protocolOf,
  stable,
  sync,
  text,
} from "./kafka-members.ts";
import { connectionTo, type Here, type OpenDoor } from "./kafka-suite.ts";

export function kafkaGroupsSuite(name: string, open: OpenDoor): void {
  describe(`${name}: groups`, () => {
    const others: KafkaConnection[] = [];
    const here = connectionTo(open, async (here) => {
      const { address } = here();
      others.push(await connectKafka(address), await connectKafka(address));
      await untilLoaded(here);
    });
    afterAll(() => {
      for (const other of others) other.close();
    });
    const connected: Door = () => {
      const [second, third] = others;
      if (!second || !third) throw new Error("the suite has begun");
      return [here(), second, third];
    };
    coordinatorTests(connected);
    joinTests(connected);
    rebalanceTests(connected);
    staticTests(connected);
    leaveTests(connected);
    lookTests(connected);
    offsetTests(connected);
  });
}

/** Until every shard of the coordinator is loaded. */
async function untilLoaded(here: Here): Promise<void> {
  await patiently(here, "warm-up");
  for (let shard = 0; shard < 100; shard += 1) {
    const group = freshGroup();
    const { memberId } = await join(here(), group);
    await here().send(leaveGroup, 2, { groupId: group, memberId, members: [] });
  }
}

function coordinatorTests(door: Door): void {
  test.each([0, 1, 2, 3])("FindCoordinator v%i names this node", async (version) => {
    const request = { key: freshGroup(), keyType: 0, coordinatorKeys: [] };
    const answer = await patiently(() => door()[0], request.key, version);
    expect(answer.errorCode).toBe(0);
    expect(answer.host).toBe("127.0.0.1");
    expect(answer.port).toBe(Number(door()[0].address.split(":")[1]));
  });

  test.each([4, 5, 6])("FindCoordinator v%i takes several keys", async (version) => {
    const keys = [freshGroup(), freshGroup()];
    const answer = await door()[0].send(findCoordinator, version, {
      key: "",
      keyType: 0,
      coordinatorKeys: keys,
    });
    expect(answer.coordinators.map(({ key, errorCode }) => [key, errorCode])).toEqual(
      keys.map((key) => [key, 0]),
    );
  });

  test("a type of coordinator that is not there is refused", async () => {
    const [here] = door();
    const request = { key: "", keyType: 9, coordinatorKeys: ["x"] };
    const answer = await here.send(findCoordinator, 4, request);
    expect(answer.coordinators.map(({ errorCode }) => errorCode)).toEqual([42]);
  });
}

function joinTests(door: Door): void {
  test.each([0, 1, 2, 3])("JoinGroup v%i makes the member at once", async (version) => {
    const [here] = door();
    const request = joinRequest(freshGroup());
    const answer = await here.send(joinGroup, version, request);
    expect(answer).toMatchObject({ errorCode: 0, generationId: 1, protocolName: "range" });
    expect(answer.memberId.startsWith("conformance-")).toBe(true);
    expect(answer.leader).toBe(answer.memberId);
    expect(answer.members.map(({ memberId }) => memberId)).toEqual([answer.memberId]);
    expect(text(answer.members[0]?.metadata)).toBe(text(request.protocols[0]?.metadata));
  });

  test.each([4, 5, 6, 7, 8, 9])(
    "JoinGroup v%i asks the member to come back with its id",
    async (version) => {
      const [here] = door();
      const group = freshGroup();
      const first = await here.send(joinGroup, version, joinRequest(group));
      expect(first).toMatchObject({ errorCode: 79, generationId: -1, leader: "", members: [] });
      expect(first.protocolName).toBe(version >= 7 ? null : "");
      const { memberId } = first;
      const second = await here.send(joinGroup, version, joinRequest(group, { memberId }));
      expect(second).toMatchObject({ errorCode: 0, generationId: 1, memberId, leader: memberId });
      expect(second.protocolType).toBe(version >= 7 ? "consumer" : null);
      expect(second.skipAssignment).toBe(false);
    },
  );

  test.each([
    ["no group", "", {}, 24],
    ["a session that is too short", "g", { sessionTimeoutMs: 99 }, 26],
    ["a session that is too long", "g", { sessionTimeoutMs: 1_800_001 }, 26],
    ["a member that nobody knows", "unknown-group", { memberId: "stranger" }, 25],
    ["no protocols", "no-protocols", { protocols: [] }, 23],
    ["no protocol type", "no-type", { protocolType: "" }, 23],
  ])("%s: refused", async (_name, group, given, code) => {
    const answer = await door()[0].send(joinGroup, 7, joinRequest(group, given));
    expect(answer.errorCode).toBe(code);
    expect(answer.protocolName).toBeNull();
  });

  test("who shares no protocol or type with the group is refused", async () => {
    const [here, there] = door();
    const { group } = await stable(here);
    const others = [{ protocols: [protocolOf("sticky")] }, { protocolType: "connect" }];
    for (const given of others) {
      const answer = await there.send(joinGroup, 5, joinRequest(group, given));
      expect(answer.errorCode).toBe(23);
    }
  });

  test("a follower that joins again unchanged is told what stands", async () => {
    const [here, there] = door();
    const { group, leader, follower } = await pair(here, there);
    const again = await there.send(joinGroup, 5, joinRequest(group, { memberId: follower }));
    expect(again).toMatchObject({ errorCode: 0, generationId: 2, leader, members: [] });
  });
}

/** Two members in generation 2, the first of which leads; both synced. */
async function pair(here: KafkaConnection, there: KafkaConnection) {
  const { group, memberId: leader } = await stable(here);
  const joining = join(there, group);
  await until(async () => (await beat(here, group, leader, 1)) === 27);
  const [led, followed] = await Promise.all([joinAs(here, group, leader), joining]);
  expect(led.members.length).toBe(2);
  expect(followed.members).toEqual([]);
  expect(followed.leader).toBe(leader);
  const follower = followed.memberId;
  const following = sync(there, group, follower, 2);
  await sync(here, group, leader, 2, { [leader]: "one", [follower]: "two" });
  return { group, leader, follower, assignment: text((await following).assignment) };
}

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await done()) return;
    await Bun.sleep(10);
  }
  throw new Error("it does not happen");
}

async function beat(
  connection: KafkaConnection,
  groupId: string,
  memberId: string,
  generationId: number,
  groupInstanceId: string | null = null,
): Promise<number> {
  const request = { groupId, memberId, generationId, groupInstanceId };
  return (await connection.send(heartbeat, groupInstanceId === null ? 2 : 3, request)).errorCode;
}

function rebalanceTests(door: Door): void {
  test("a second member makes a rebalance, of which heartbeats tell; the leader assigns", async () => {
    const [here, there] = door();
    const { group, leader, follower, assignment } = await pair(here, there);
    expect(assignment).toBe("two");
    expect(await beat(here, group, leader, 2)).toBe(0);
    expect(await beat(there, group, follower, 2)).toBe(0);
  });

  test.each([
    ["the last generation", 0, 22],
    ["the next generation", 2, 22],
    ["this one", 1, 0],
  ])("a heartbeat of %s", async (_name, generation, code) => {
    const [here] = door();
    const { group, memberId } = await stable(here);
    expect(await beat(here, group, memberId, generation)).toBe(code);
    expect(await beat(here, group, "stranger", generation)).toBe(25);
    expect(await beat(here, freshGroup(), memberId, generation)).toBe(25);
    expect(await beat(here, "", memberId, generation)).toBe(24);
  });

  test.each([0, 1, 2, 3, 4, 5])(
    "SyncGroup v%i gives the assignment, again too",
    async (version) => {
      const [here] = door();
      const { group, memberId } = await stable(here);
      const named = version >= 5 ? { protocolType: "consumer", protocolName: "range" } : {};
      const request = { groupId: group, generationId: 1, memberId, assignments: [], ...named };
      const answer = await here.send(syncGroup, version, request);
      expect(answer.errorCode).toBe(0);
      expect(text(answer.assignment)).toBe("all");
      expect(answer.protocolName).toBe(version >= 5 ? "range" : null);
    },
  );

  test("SyncGroup refuses strangers, other generations and other protocols", async () => {
    const [here] = door();
    const { group, memberId } = await stable(here);
    const code = async (given: object) =>
      (
        await here.send(syncGroup, 5, {
          groupId: group,
          generationId: 1,
          memberId,
          protocolType: "consumer",
          protocolName: "range",
          assignments: [],
          ...given,
        })
      ).errorCode;
    expect(await code({ memberId: "stranger" })).toBe(25);
    expect(await code({ groupId: freshGroup() })).toBe(25);
    expect(await code({ generationId: 9 })).toBe(22);
    expect(await code({ protocolName: "sticky" })).toBe(23);
    expect(await code({ protocolType: "connect" })).toBe(23);
    expect(await code({ groupId: "" })).toBe(24);
    // From version 5 on both must be said.
    expect(await code({ protocolName: null })).toBe(23);
    expect(await code({ protocolType: null })).toBe(23);
    expect(await code({})).toBe(0);
  });

  test("a session that is over takes the member out", async () => {
    const [here, there] = door();
    const group = freshGroup();
    const given = { sessionTimeoutMs: 300, rebalanceTimeoutMs: 5000 };
    const first = await join(here, group, given);
    await sync(here, group, first.memberId, 1, {});
    await Bun.sleep(700);
    expect(await beat(here, group, first.memberId, 1)).toBe(25);
    const second = await join(there, group, given);
    expect(second).toMatchObject({ errorCode: 0, leader: second.memberId });
  });

  test("who does not join again within the rebalance timeout is out", async () => {
    const [here, there] = door();
    const group = freshGroup();
    const given = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 500 };
    const first = await join(here, group, given);
    await sync(here, group, first.memberId, 1, {});
    const second = await join(there, group, given);
    expect(second).toMatchObject({ generationId: 2, leader: second.memberId });
    expect(await beat(here, group, first.memberId, 1)).toBe(25);
  });

  test("who does not ask for its assignment within the rebalance timeout is out", async () => {
    const [here, there] = door();
    const group = freshGroup();
    const given = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 500 };
    const first = await join(here, group, given);
    await sync(here, group, first.memberId, 1, {});
    const joining = join(there, group, given);
    await until(async () => (await beat(here, group, first.memberId, 1)) === 27);
    await joinAs(here, group, first.memberId, given);
    const second = await joining;
    await sync(here, group, first.memberId, 2, {});
    await until(async () => (await beat(here, group, first.memberId, 2)) === 27);
    expect(await beat(there, group, second.memberId, 2)).toBe(25);
  });
}

function staticTests(door: Door): void {
  test("a static member takes its place again without a rebalance; the one before is fenced", async () => {
    const [here, there] = door();
    const group = freshGroup();
    const given = { groupInstanceId: "anna" };
    const first = await here.send(joinGroup, 9, joinRequest(group, given));
    expect(first).toMatchObject({ errorCode: 0, generationId: 1 });
    expect(first.memberId.startsWith("anna-")).toBe(true);
    await sync(here, group, first.memberId, 1, { [first.memberId]: "work" });
    const second = await there.send(joinGroup, 9, joinRequest(group, given));
    expect(second).toMatchObject({ errorCode: 0, generationId: 1, skipAssignment: true });
    expect(second.leader).toBe(second.memberId);
    expect(second.members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(["anna"]);
    expect(await beat(here, group, first.memberId, 1, "anna")).toBe(82);
    expect(await beat(there, group, second.memberId, 1, "anna")).toBe(0);
    expect(await beat(there, group, second.memberId, 1, "bob")).toBe(25);
    const synced = await sync(there, group, second.memberId, 1);
    expect(text(synced.assignment)).toBe("work");
    const older = await there.send(joinGroup, 8, joinRequest(group, given));
    expect(older).toMatchObject({
      errorCode: 0,
      generationId: 1,
      leader: second.memberId,
      members: [],
    });
    const known = { ...given, memberId: second.memberId };
    expect((await here.send(joinGroup, 7, joinRequest(group, known))).errorCode).toBe(82);
  });
}

function leaveTests(door: Door): void {
  test.each([0, 1, 2])("LeaveGroup v%i: one member", async (version) => {
    const [here] = door();
    const { group, memberId } = await stable(here);
    const leave = (groupId: string, id: string) =>
      here.send(leaveGroup, version, { groupId, memberId: id, members: [] });
    expect((await leave(group, "stranger")).errorCode).toBe(25);
    expect((await leave(freshGroup(), memberId)).errorCode).toBe(25);
    expect((await leave("", memberId)).errorCode).toBe(24);
    expect((await leave(group, memberId)).errorCode).toBe(0);
    expect((await leave(group, memberId)).errorCode).toBe(25);
  });

  test.each([3, 4, 5])("LeaveGroup v%i: several, each answered by itself", async (version) => {
    const [here] = door();
    const group = freshGroup();
    const anna = await here.send(joinGroup, 5, joinRequest(group, { groupInstanceId: "anna" }));
    await sync(here, group, anna.memberId, 1, {});
    const answer = await here.send(
      leaveGroup,
      version,
      leaveRequest(group, ["stranger", null], ["x", "anna"], ["", "bob"], ["", "anna"]),
    );
    expect(answer.errorCode).toBe(0);
    expect(answer.members.map(({ errorCode }) => errorCode)).toEqual([25, 82, 25, 0]);
    const absent = await here.send(leaveGroup, version, leaveRequest(freshGroup(), ["m", null]));
    expect(absent.errorCode).toBe(0);
    expect(absent.members.map(({ memberId, errorCode }) => [memberId, errorCode])).toEqual([
      ["m", 25],
    ]);
    const nameless = await here.send(leaveGroup, version, leaveRequest("", ["m", null]));
    expect(nameless).toMatchObject({ errorCode: 24, members: [] });
  });
  test("who leaves while its JoinGroup waits, and goes, is out once the others are there", async () => {
    const [here] = door();
    const { group, memberId: leader } = await stable(here);
    const there = await connectKafka(here.address);
    const { memberId } = await there.send(joinGroup, 5, joinRequest(group));
    there.tell(joinGroup, 5, joinRequest(group, { memberId }));
    await until(async () => (await beat(here, group, leader, 1)) === 27);
    there.tell(leaveGroup, 2, { groupId: group, memberId, members: [] });
    there.close();
    await there.closed;
    // The other side has heard of it by then.
    for (let beats = 0; beats < 5; beats += 1) expect(await beat(here, group, leader, 1)).toBe(27);
    expect((await joinAs(here, group, leader)).members.length).toBe(2);
    await until(async () => (await beat(here, group, leader, 2)) === 27);
    expect((await joinAs(here, group, leader)).members.length).toBe(1);
  });
}
