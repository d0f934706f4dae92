/**
 * What Kafka's coordinators say where the state of a group or transaction is larger than a record of their topics may be: the
 * request that made it so is told UNKNOWN_SERVER_ERROR, and the group goes on.
 *
 * - Left out: many offsets in one commit. Kafka writes them as one batch, which may be too large; here each is a record of its own.
 */
import { describe, expect, test } from "bun:test";
import { joinGroup } from "../../src/kafka/apis/11-join-group.ts";
import { heartbeat } from "../../src/kafka/apis/12-heartbeat.ts";
import { syncGroup } from "../../src/kafka/apis/14-sync-group.ts";
import { consumerGroupHeartbeat } from "../../src/kafka/apis/68-consumer-group-heartbeat.ts";
import { connectKafka, type KafkaConnection } from "./kafka-connection.ts";
import { freshGroup, join, joinAs, joinRequest, patiently, sync } from "./kafka-members.ts";
import { connectionTo, type OpenDoor } from "./kafka-suite.ts";

const UNKNOWN_SERVER_ERROR = -1;
const REBALANCE_IN_PROGRESS = 27;
const MiB = 1024 * 1024;

/** `largeBytes` is more than is taken: a record of Kafka's topic may have 1 MiB, one of kedge's 7. */
export function kafkaLargeStateSuite(name: string, open: OpenDoor, largeBytes = 8 * MiB): void {
  describe(`${name}: states that are too large`, () => {
    const here = connectionTo(open, async (opened) => {
      await patiently(opened, freshGroup());
    });
    const largeSync = (groupId: string, memberId: string, generationId: number) =>
      here().send(syncGroup, 3, {
        groupId,
        memberId,
        generationId,
        assignments: [{ memberId, assignment: new Uint8Array(largeBytes) }],
      });

    test("assignments: every member is told, and joins again", async () => {
      const group = freshGroup();
      const { memberId } = await join(here(), group);
      const other = await connectKafka(here().address);
      const second = join(other, group);
      const { generationId } = await joinedWith(here(), group, memberId, 2);
      const { memberId: secondId } = await second;
      const waiting = sync(other, group, secondId, generationId);
      const large = await largeSync(group, memberId, generationId);
      expect(large.errorCode).toBe(UNKNOWN_SERVER_ERROR);
      expect(large.assignment).toHaveLength(0);
      expect((await waiting).errorCode).toBe(UNKNOWN_SERVER_ERROR);
      const beat = await here().send(heartbeat, 3, { groupId: group, memberId, generationId });
      expect(beat.errorCode).toBe(REBALANCE_IN_PROGRESS);
      const [again] = await Promise.all([
        joinAs(here(), group, memberId),
        joinAs(other, group, secondId),
      ]);
      expect(again).toMatchObject({ errorCode: 0, generationId: generationId + 1 });
      const small = await sync(here(), group, memberId, again.generationId, { [memberId]: "all" });
      expect(small.errorCode).toBe(0);
      other.close();
    });

    test("what a member says about itself: when the assignment is to be kept", async () => {
      const group = freshGroup();
      const protocols = [{ name: "range", metadata: new Uint8Array(largeBytes) }];
      const { memberId } = await here().send(joinGroup, 3, joinRequest(group, { protocols }));
      const synced = await sync(here(), group, memberId, 1, { [memberId]: "all" });
      expect(synced.errorCode).toBe(UNKNOWN_SERVER_ERROR);
      expect(await joinAs(here(), group, memberId)).toMatchObject({
        errorCode: 0,
        generationId: 2,
      });
      expect((await sync(here(), group, memberId, 2, { [memberId]: "all" })).errorCode).toBe(0);
    });

    test("a consumer's subscription: the member is not there", async () => {
      const member = { groupId: freshGroup(), memberId: "AAAAAAAAAAAAAAAAAAAAAQ" };
      const whole = { ...member, memberEpoch: 0, rebalanceTimeoutMs: 10_000, topicPartitions: [] };
      const count = largeBytes / 128;
      const large = Array.from({ length: count }, (_, at) => String(at).padEnd(128, "-"));
      const subscribe = (subscribedTopicNames: string[]) =>
        here().send(consumerGroupHeartbeat, 1, { ...whole, subscribedTopicNames });
      expect((await subscribe(large)).errorCode).toBe(UNKNOWN_SERVER_ERROR);
      expect(await subscribe(["small"])).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    });
  });
}

/** Joins again once so many members have come. */
async function joinedWith(
  connection: KafkaConnection,
  group: string,
  memberId: string,
  members: number,
) {
  for (;;) {
    const joined = await joinAs(connection, group, memberId);
    if (joined.members.length === members) return joined;
    await sync(connection, group, memberId, joined.generationId, { [memberId]: "all" });
    await Bun.sleep(20);
  }
}
