/**
 * About how much memory a group takes, by what its clients said: metadata, subscriptions, names, offsets. What bounds all
 * groups of a node together (`stateBytesMax`).
 *
 * - Counted once where it stays the same: a member's part when the members change, a topic's offsets when one of them does.
 * - Left out: what members of the consumer protocol are assigned, which the coordinator gives by itself.
 */
import { Refusal } from "../../lib/refusal.ts";
import type { ClassicMember, ClassicProtocol } from "../classic/state.ts";
import { type ConsumerMember, factsKey } from "../consumer/state.ts";
import type { Group, GroupInput, Membership } from "./group.ts";
import type { CommittedOffset, OffsetTable } from "../offsets/state.ts";

/** What a group, a member and an offset take by themselves. */
const GROUP_BYTES = 500;
const MEMBER_BYTES = 500;
const OFFSET_BYTES = 200;
/** The most that one unit of text takes. */
const TEXT_UNIT_BYTES = 2;

const ofMembers = new WeakMap<object, number>();
const ofOffsets = new WeakMap<ReadonlyMap<number, CommittedOffset>, number>();

/** Of a group that is not changed in place any more. */
export function groupBytes({ members, offsets }: Group): number {
  let bytes = GROUP_BYTES + knownMembersBytes(members) + tableBytes(offsets.committed);
  for (const table of offsets.pending.values()) bytes += tableBytes(table);
  return bytes;
}

/** Why a request that would make a group larger than there is room for is not granted; null where nobody asked for it. */
export function noRoomFor(input: GroupInput): Refusal | null {
  if (!("ticket" in input)) return null;
  const detail =
    "This node keeps as much of its groups as it may; delete groups that are over, or keep less metadata.";
  return new Refusal(errorFor(input), detail);
}

/** Who knows no error of its own for it is told to try again later. */
function errorFor(input: GroupInput) {
  const joins =
    input.type === "join" ||
    (input.type === "consumer-heartbeat" && input.request.memberEpoch === 0);
  if (joins) return "group_max_size_reached";
  const commits = input.type === "commit" || input.type === "transactional-commit";
  return commits && input.offsets.some(({ metadata }) => metadata !== "")
    ? "offset_metadata_too_large"
    : "coordinator_not_available";
}

function known<Part extends object>(
  all: WeakMap<Part, number>,
  part: Part,
  count: (part: Part) => number,
): number {
  const before = all.get(part);
  if (before !== undefined) return before;
  const bytes = count(part);
  all.set(part, bytes);
  return bytes;
}

/** What a consumer group's members are assigned does not count, and changes with most heartbeats. */
function knownMembersBytes(members: Membership): number {
  const key = members.type === "consumer" ? factsKey(members) : members;
  const before = ofMembers.get(key);
  if (before !== undefined) return before;
  const bytes = membersBytes(members);
  ofMembers.set(key, bytes);
  return bytes;
}

function tableBytes(table: OffsetTable): number {
  let bytes = 0;
  for (const [topic, partitions] of table) {
    bytes += textBytes(topic) + known(ofOffsets, partitions, offsetsBytes);
  }
  return bytes;
}

function offsetsBytes(partitions: ReadonlyMap<number, CommittedOffset>): number {
  let bytes = partitions.size * OFFSET_BYTES;
  for (const { metadata } of partitions.values()) bytes += textBytes(metadata);
  return bytes;
}

function membersBytes(members: Membership): number {
  let bytes = 0;
  if (members.type === "classic") {
    for (const member of members.members.values()) bytes += classicBytes(member);
    return bytes + members.pendingJoins.size * MEMBER_BYTES;
  }
  // Members with the same subscription share its list.
  const lists = new Set<readonly string[]>();
  for (const member of members.members.values()) {
    bytes += consumerBytes(member);
    lists.add(member.topicNames);
  }
  for (const { topicNames } of members.regexes.values()) lists.add(topicNames);
  for (const list of lists) for (const name of list) bytes += textBytes(name);
  return bytes;
}

function classicBytes(member: ClassicMember): number {
  const names = textBytes(member.id) + textBytes(member.clientId) + textBytes(member.instanceId);
  return MEMBER_BYTES + names + member.assignment.byteLength + protocolsBytes(member.protocols);
}

function consumerBytes(member: ConsumerMember): number {
  const { id, clientId, instanceId, rackId, topicRegex, classic } = member;
  let bytes = MEMBER_BYTES;
  for (const text of [id, clientId, instanceId, rackId, topicRegex]) bytes += textBytes(text);
  return bytes + (classic ? protocolsBytes(classic.protocols) : 0);
}

function protocolsBytes(protocols: readonly ClassicProtocol[]): number {
  let bytes = 0;
  for (const { name, metadata } of protocols) bytes += textBytes(name) + metadata.byteLength;
  return bytes;
}

function textBytes(text: string | null): number {
  return (text?.length ?? 0) * TEXT_UNIT_BYTES;
}
