/**
 * How far a group is behind: one rule for `GET …/lag`, `/metrics` and `kedge group describe`.
 *
 * - Counted are the partitions that it committed and those that its members are assigned. Offsets are counted, not records.
 * - Where nothing is committed everything that the log has counts: whether a member would begin at its end only the member
 *   knows. Kafka's own tools leave such a partition out, so that a group that reads nothing seems to be up to date.
 * - A classic member's assignment is read where it is Kafka's ConsumerProtocol, as Kafka's tools do.
 */
import { readAssignment } from "../../coordinators/classic/consumer-protocol.ts";
import type { Context } from "../verbs.ts";
import type { GroupSummary, GroupVerbs } from "./verbs.ts";

/** A partition that a member of a group is to read. */
export interface AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly memberId: string;
}

/** How many offsets lie ahead of a group; `committed` is null where it committed none. */
export function lagOf(committed: number | null, logStart: number, end: number): number {
  return Math.max(end - (committed ?? logStart), 0);
}

/** What the members of a group are assigned, member by member. @throws Refusal group_id_not_found. */
export function assignedPartitions(
  groups: Pick<GroupVerbs, "describeClassic" | "describeConsumer">,
  context: Context,
  { group, type }: Pick<GroupSummary, "group" | "type">,
): AssignedPartition[] {
  return membersOf(groups, context, group, type).flatMap(({ memberId, assigned }) =>
    assigned.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition, memberId })),
    ),
  );
}

interface Assigned {
  readonly memberId: string;
  readonly assigned: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

function membersOf(
  groups: Pick<GroupVerbs, "describeClassic" | "describeConsumer">,
  context: Context,
  group: string,
  type: GroupSummary["type"],
): readonly Assigned[] {
  if (type === "consumer") return groups.describeConsumer(context, group).members;
  const { protocolType, members } = groups.describeClassic(context, group);
  if (protocolType !== "consumer") return [];
  return members.map(({ memberId, assignment }) => ({
    memberId,
    assigned: readAssignment(assignment)?.assigned ?? [],
  }));
}
