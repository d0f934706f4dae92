/**
 * Groups as kafka-consumer-groups.sh prints them, where no live group is at hand to compare with: static members, both protocols.
 */
import { expect, test } from "bun:test";
import type { DescribedGroup, GroupMember } from "../../../../src/cli/kafka/group-queries.ts";
import { groupStateText, listText, membersText } from "../../../../src/cli/kafka/group-text.ts";

function member(memberId: string, more: Partial<GroupMember> = {}): GroupMember {
  return {
    memberId,
    instanceId: null,
    clientId: "client",
    host: "/127.0.0.1",
    assignment: [],
    target: [],
    epoch: 3,
    protocol: "consumer",
    ...more,
  };
}

function group(members: readonly GroupMember[]): DescribedGroup {
  return {
    group: "g",
    state: "Stable",
    type: "Consumer",
    assignor: "uniform",
    epoch: 4,
    targetEpoch: 3,
    coordinator: { id: 1, host: "127.0.0.1", port: 9092 },
    members,
  };
}

const place = (topic: string, partition: number) => ({ topic, partition });

test("epochs and targets of the newer protocol stand beside the partitions", () => {
  const assignment = [place("u", 0), place("t", 10), place("t", 2)];
  const text = membersText(group([member("m", { assignment, target: [place("t", 2)] })]), true);
  expect(text).toBe(
    [
      "",
      "GROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS     CURRENT-EPOCH   CURRENT-ASSIGNMENT   TARGET-EPOCH    TARGET-ASSIGNMENT   ",
      "g               m               /127.0.0.1      client          3               3               t:2,10;u:0           3               t:2                 ",
      "",
    ].join("\n"),
  );
});

test("static members have a column, and a group between two protocols another", () => {
  const text = membersText(
    group([member("m", { instanceId: "static" }), member("n", { protocol: "classic" })]),
    true,
  );
  const [, head, one, other] = text.split("\n");
  expect(head).toContain("CONSUMER-ID     GROUP-INSTANCE-ID HOST ");
  expect(head).toEndWith(" UPGRADED");
  expect(one).toContain(" static            /127.0.0.1 ");
  expect([one?.endsWith(" true"), other?.endsWith(" false")]).toEqual([true, true]);
});

test("a state has its epochs where more is asked for", () => {
  expect(groupStateText(group([]), true)).toBe(
    [
      "",
      "GROUP           COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE                GROUP-EPOCH     TARGET-ASSIGNMENT-EPOCH   #MEMBERS",
      "g               127.0.0.1:9092  (1)       uniform              Stable               4               3                         0",
      "",
    ].join("\n"),
  );
});

test("a list is filtered by what there can be", () => {
  const groups = [
    { group: "a", protocolType: "consumer", state: "Stable", type: "Classic" },
    { group: "b", protocolType: "connect", state: "Stable", type: "Classic" },
  ];
  expect(listText(groups, {})).toBe("a\n");
  expect(listText(groups, { state: "empty, dead" })).not.toContain("a  ");
  expect(() => listText(groups, { type: "share" })).toThrow("Invalid types list 'share'");
});
