/**
 * What every Kafka door tells of groups to those who look at them: part of the groups' suite.
 */
import { expect, test } from "bun:test";
import { leaveGroup } from "../../src/kafka/apis/13-leave-group.ts";
import { describeGroups } from "../../src/kafka/apis/15-describe-groups.ts";
import { listGroups } from "../../src/kafka/apis/16-list-groups.ts";
import { type Door, freshGroup, join, protocolOf, stable, text } from "./kafka-members.ts";

export function lookTests(door: Door): void {
  const described = async (group: string, version: number, authorized = false) => {
    const request = { groups: [group], includeAuthorizedOperations: authorized };
    const [found] = (await door()[0].send(describeGroups, version, request)).groups;
    if (!found) throw new Error("one answer a group");
    return found;
  };

  test.each([0, 3, 4, 5, 6])("DescribeGroups v%i shows a stable group", async (version) => {
    const { group, memberId } = await stable(door()[0]);
    const found = await described(group, version);
    expect(found).toMatchObject({
      errorCode: 0,
      groupId: group,
      groupState: "Stable",
      protocolType: "consumer",
      protocolData: "range",
      authorizedOperations: -2147483648,
    });
    const [member] = found.members;
    expect(member).toMatchObject({ memberId, clientId: "conformance", clientHost: "/127.0.0.1" });
    expect(text(member?.memberAssignment)).toBe("all");
    expect(text(member?.memberMetadata)).toBe(text(protocolOf("range").metadata));
  });

  test("DescribeGroups tells what may be done, where it is asked", async () => {
    const { group } = await stable(door()[0]);
    expect((await described(group, 5, true)).authorizedOperations).toBe(
      328 | (1 << 10) | (1 << 11),
    );
  });

  test("a group that is not there is dead, from version 6 on not found", async () => {
    const group = freshGroup();
    expect(await described(group, 5)).toMatchObject({
      errorCode: 0,
      groupState: "Dead",
      members: [],
    });
    expect(await described(group, 6)).toMatchObject({
      errorCode: 69,
      errorMessage: `Group ${group} not found.`,
      groupState: "Dead",
    });
  });

  test("a group in its rebalance shows members without their data; an empty one stays", async () => {
    const [here] = door();
    const group = freshGroup();
    const { memberId } = await join(here, group);
    const joining = await described(group, 5);
    expect(joining).toMatchObject({ groupState: "CompletingRebalance", protocolData: "" });
    expect(joining.members.map((each) => each.memberMetadata.length)).toEqual([0]);
    await here.send(leaveGroup, 2, { groupId: group, memberId, members: [] });
    expect(await described(group, 5)).toMatchObject({
      groupState: "Empty",
      protocolType: "consumer",
      protocolData: "",
      members: [],
    });
  });

  test("ListGroups, by state and type too", async () => {
    const [here] = door();
    const { group } = await stable(here);
    const listed = async (
      version: number,
      statesFilter: string[] = [],
      typesFilter: string[] = [],
    ) => {
      const { groups } = await here.send(listGroups, version, { statesFilter, typesFilter });
      return groups.find(({ groupId }) => groupId === group) ?? null;
    };
    expect(await listed(0)).toMatchObject({ protocolType: "consumer", groupState: "" });
    expect(await listed(4, ["Stable"])).toMatchObject({ groupState: "Stable" });
    expect(await listed(4, ["stable", "nonsense"])).not.toBeNull();
    expect(await listed(4, ["Empty"])).toBeNull();
    expect(await listed(5, [], ["classic"])).toMatchObject({ groupType: "classic" });
    expect(await listed(5, [], ["Classic"])).not.toBeNull();
    expect(await listed(5, [], ["consumer"])).toBeNull();
  });
}
