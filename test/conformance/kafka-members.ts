/**
 * Members of classic groups as the suites of the Kafka door play them, frame by frame.
 */
import { findCoordinator } from "../../src/kafka/apis/10-find-coordinator.ts";
import { joinGroup } from "../../src/kafka/apis/11-join-group.ts";
import { syncGroup } from "../../src/kafka/apis/14-sync-group.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import type { Here } from "./kafka-suite.ts";

/** Three connections to the door under test. */
export type Door = () => [KafkaConnection, KafkaConnection, KafkaConnection];

let groups = 0;

/** A group's name that nobody has used. */
export function freshGroup(): string {
  groups += 1;
  return `group-${process.pid}-${Date.now()}-${groups}`;
}

function bytes(given: string): Uint8Array {
  return new TextEncoder().encode(given);
}

export function text(given: Uint8Array | undefined): string {
  return new TextDecoder().decode(given);
}

/** A consumer's protocol, subscribed to topic `t` or another. */
export function protocolOf(name: string, topic = "t") {
  const topicBytes = bytes(topic);
  const metadata = new Uint8Array(12 + topicBytes.length);
  const view = new DataView(metadata.buffer);
  view.setInt32(2, 1);
  view.setInt16(6, topicBytes.length);
  metadata.set(topicBytes, 8);
  return { name, metadata };
}

export interface JoinGiven {
  readonly memberId?: string;
  readonly groupInstanceId?: string | null;
  readonly protocolType?: string;
  readonly protocols?: readonly ReturnType<typeof protocolOf>[];
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
}

export function joinRequest(groupId: string, given: JoinGiven = {}) {
  return {
    groupId,
    memberId: "",
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 10_000,
    protocolType: "consumer",
    protocols: [protocolOf("range")],
    ...given,
  };
}

export function leaveRequest(
  groupId: string,
  ...members: readonly (readonly [memberId: string, groupInstanceId: string | null])[]
) {
  return {
    groupId,
    memberId: "",
    members: members.map(([memberId, groupInstanceId]) => ({ memberId, groupInstanceId })),
  };
}

/** Asks for the coordinator until it is there: Apache Kafka makes its topic first. */
export async function patiently(here: Here, key: string, version = 2) {
  for (;;) {
    const request = { key, keyType: 0, coordinatorKeys: [] };
    const answer = await here().send(findCoordinator, version, request);
    if (answer.errorCode !== 15) return answer;
    await Bun.sleep(100);
  }
}

/** Joins without the detour of member ids; waits as long as the coordinator loads. */
export async function join(connection: KafkaConnection, group: string, given: JoinGiven = {}) {
  for (;;) {
    const answer = await connection.send(joinGroup, 3, joinRequest(group, given));
    if (![14, 15, 16].includes(answer.errorCode)) return answer;
    await Bun.sleep(100);
  }
}

export function joinAs(
  connection: KafkaConnection,
  group: string,
  memberId: string,
  given: JoinGiven = {},
) {
  return connection.send(joinGroup, 5, joinRequest(group, { ...given, memberId }));
}

export function sync(
  connection: KafkaConnection,
  groupId: string,
  memberId: string,
  generationId: number,
  assignments: Readonly<Record<string, string>> = {},
) {
  return connection.send(syncGroup, 3, {
    groupId,
    memberId,
    generationId,
    assignments: Object.entries(assignments).map(([id, assignment]) => ({
      memberId: id,
      assignment: bytes(assignment),
    })),
  });
}

/** A group with one member, in generation 1. */
export async function stable(connection: KafkaConnection, given: JoinGiven = {}) {
  const group = freshGroup();
  const { memberId } = await join(connection, group, given);
  await sync(connection, group, memberId, 1, { [memberId]: "all" });
  return { group, memberId };
}
