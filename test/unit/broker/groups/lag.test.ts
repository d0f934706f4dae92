/** What members are assigned, by either protocol, and how far behind that is. */
import { expect, test } from "bun:test";
import { assignedPartitions, lagOf } from "../../../../src/broker/groups/lag.ts";
import { writeAssignment } from "../../../../src/coordinators/classic/consumer-protocol.ts";
import { somebody } from "../../../simulation/test-node.ts";

const member = { instanceId: null, clientId: "c", clientHost: "", metadata: new Uint8Array() };

function classic(protocolType: string, ...assignments: readonly Uint8Array[]) {
  const groups = {
    describeClassic: (_: unknown, group: string) => ({
      group,
      state: "Stable",
      protocolType,
      protocol: "range",
      members: assignments.map((assignment, at) => ({ ...member, memberId: `m${at}`, assignment })),
    }),
    describeConsumer: () => {
      throw new Error("a classic group is none of consumers");
    },
  };
  return assignedPartitions(groups, somebody, { group: "g", type: "classic" });
}

test("a classic group's members are assigned what their leader wrote", () => {
  const one = writeAssignment([{ topic: "t", partitions: [0, 2] }], 1);
  const other = writeAssignment([{ topic: "t", partitions: [1] }], 3);
  expect(classic("consumer", one, new Uint8Array(), other, new Uint8Array([9]))).toEqual([
    { topic: "t", partition: 0, memberId: "m0" },
    { topic: "t", partition: 2, memberId: "m0" },
    { topic: "t", partition: 1, memberId: "m2" },
  ]);
  expect(classic("connect", one)).toEqual([]);
});

test("where nothing is committed all that the log has counts", () => {
  expect(lagOf(3, 0, 5)).toBe(2);
  expect(lagOf(null, 2, 5)).toBe(3);
  expect(lagOf(7, 0, 5)).toBe(0);
});
