/**
 * What the commands on groups ask of brokers: which groups there are, who is in them, how far they have read.
 */
import { lagOf } from "../../broker/groups/lag.ts";
import { nearestNumber } from "../../lib/int64.ts";
import { offsetFetch } from "../../kafka/apis/09-offset-fetch.ts";
import { describeGroups } from "../../kafka/apis/15-describe-groups.ts";
import { listGroups } from "../../kafka/apis/16-list-groups.ts";
import { consumerGroupDescribe } from "../../kafka/apis/69-consumer-group-describe.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check, KafkaError } from "../../kafka/client-error.ts";
import { placesAssigned } from "./assignments.ts";
import { EARLIEST, LATEST, offsetsAt, type Place } from "./offsets.ts";

export interface ListedGroup {
  readonly group: string;
  readonly protocolType: string;
  readonly state: string;
  readonly type: string;
}

export interface GroupMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  readonly assignment: readonly Place[];
  /** What the rest is of the newer protocol alone (KIP-848): where it is on its way to, and how it speaks. */
  readonly target: readonly Place[];
  readonly epoch: number | null;
  readonly protocol: "classic" | "consumer" | null;
}

export interface DescribedGroup {
  readonly group: string;
  readonly state: string;
  readonly type: "Classic" | "Consumer";
  readonly assignor: string;
  /** Null for a group of the older protocol. */
  readonly epoch: number | null;
  readonly targetEpoch: number | null;
  readonly coordinator: { readonly id: number; readonly host: string; readonly port: number };
  readonly members: readonly GroupMember[];
}

/**
 * How far a group has read one partition; `committed` is null where it never said, `end` where nobody knows. `lag` is null
 * without a commit, as Kafka's tools have it (but see `withUncommitted`).
 */
export interface GroupOffset extends Place {
  readonly committed: number | null;
  readonly leaderEpoch: number | null;
  readonly end: number | null;
  readonly lag: number | null;
  readonly member: GroupMember | null;
}

const GROUP_ID_NOT_FOUND = 69;
const UNSUPPORTED_VERSION = 35;
const DEAD = "Dead";
/** The last version of OffsetFetch that names topics. */
const NAMES_VERSION = 9;

/** Every group of every broker, by name. Throws KafkaError. */
export async function groupsOf(client: KafkaClient): Promise<readonly ListedGroup[]> {
  const request = { statesFilter: [], typesFilter: [] };
  const answers = await Promise.all(
    (await client.brokers()).map((id) =>
      client.ask({ to: "broker", id }, listGroups, request, ({ errorCode }) => check(errorCode)),
    ),
  );
  const groups = answers.flatMap((answer) =>
    answer.groups.map(({ groupId, protocolType, groupState, groupType }) => ({
      group: groupId,
      protocolType,
      state: groupState,
      type: groupType === "" ? "Classic" : capitalized(groupType),
    })),
  );
  return groups.toSorted((one, other) => (one.group < other.group ? -1 : 1));
}

/** Of consumers, or of nobody yet: what Kafka's tool counts as a consumer group. */
export function isConsumerGroup({ protocolType }: ListedGroup): boolean {
  return ["", "consumer"].includes(protocolType);
}

/** The wire says `consumer`, Kafka's tools `Consumer`. */
function capitalized(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}

/** A group and its members. Throws KafkaError group_id_not_found. */
export async function describeGroup(client: KafkaClient, group: string): Promise<DescribedGroup> {
  const coordinator = await client.coordinator("group", group);
  return (
    (await describedNew(client, group, coordinator)) ?? describedClassic(client, group, coordinator)
  );
}

type Coordinator = DescribedGroup["coordinator"];

/** A group of the newer protocol (KIP-848); null for one of the older, or that is not there. */
async function describedNew(
  client: KafkaClient,
  group: string,
  coordinator: Coordinator,
): Promise<DescribedGroup | null> {
  const request = { groupIds: [group], includeAuthorizedOperations: false };
  try {
    const target = { to: "group", key: group } as const;
    const { groups } = await client.ask(target, consumerGroupDescribe, request, (answer) => {
      for (const { errorCode, errorMessage } of answer.groups) check(errorCode, errorMessage);
    });
    const [found] = groups;
    if (!found) return null;
    return {
      group,
      state: found.groupState,
      type: "Consumer",
      assignor: found.assignorName,
      epoch: found.groupEpoch,
      targetEpoch: found.assignmentEpoch,
      coordinator,
      members: found.members.map(({ memberId, instanceId, clientId, clientHost, ...member }) => ({
        memberId,
        instanceId,
        clientId,
        host: clientHost,
        assignment: placesIn(member.assignment),
        target: placesIn(member.targetAssignment),
        epoch: member.memberEpoch,
        protocol: protocols[member.memberType] ?? null,
      })),
    };
  } catch (error) {
    const isOther =
      error instanceof KafkaError && [GROUP_ID_NOT_FOUND, UNSUPPORTED_VERSION].includes(error.code);
    if (isOther || !(error instanceof KafkaError)) return null;
    throw error;
  }
}

/** By the number on the wire; -1 is of a broker that does not tell. */
const protocols = ["classic", "consumer"] as const;

function placesIn({
  topicPartitions,
}: {
  readonly topicPartitions: readonly {
    readonly topicName: string;
    readonly partitions: readonly number[];
  }[];
}): readonly Place[] {
  return topicPartitions.flatMap(({ topicName, partitions }) =>
    partitions.map((partition) => ({ topic: topicName, partition })),
  );
}

async function describedClassic(
  client: KafkaClient,
  group: string,
  coordinator: Coordinator,
): Promise<DescribedGroup> {
  const request = { groups: [group], includeAuthorizedOperations: false };
  const { groups } = await client.ask(
    { to: "group", key: group },
    describeGroups,
    request,
    (answer) => {
      for (const { errorCode, errorMessage } of answer.groups) check(errorCode, errorMessage);
    },
  );
  const [found] = groups;
  if (!found || found.groupState === DEAD)
    throw new KafkaError(GROUP_ID_NOT_FOUND, `Group ${group} not found.`);
  const isConsumer = found.protocolType === "consumer";
  return {
    group,
    state: found.groupState,
    type: "Classic",
    assignor: found.protocolData,
    epoch: null,
    targetEpoch: null,
    coordinator,
    members: found.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      host: member.clientHost,
      assignment: isConsumer ? placesAssigned(member.memberAssignment) : [],
      target: [],
      epoch: null,
      protocol: null,
    })),
  };
}

/** What a group has committed, by topic and partition. Throws KafkaError. */
export async function committedOffsets(
  client: KafkaClient,
  group: string,
): Promise<readonly (Place & { readonly committed: number; leaderEpoch: number | null })[]> {
  const request = {
    groupId: "",
    topics: [],
    groups: [{ groupId: group, topics: null }],
    requireStable: false,
  };
  const judge = (answer: { groups: readonly { errorCode: number }[] }) => {
    for (const { errorCode } of answer.groups) check(errorCode);
  };
  const { groups } = await client.ask({ to: "group", key: group }, offsetFetch, request, judge, {
    versionMax: NAMES_VERSION,
  });
  const found = (groups[0]?.topics ?? []).flatMap(({ name, partitions }) =>
    partitions
      .filter(({ errorCode, committedOffset }) => errorCode === 0 && committedOffset >= 0)
      .map(({ partitionIndex, committedOffset, committedLeaderEpoch }) => ({
        topic: name,
        partition: partitionIndex,
        committed: nearestNumber(committedOffset),
        leaderEpoch: committedLeaderEpoch < 0 ? null : committedLeaderEpoch,
      })),
  );
  return found.toSorted(byPlace);
}

/** How far a group has read what it committed and what its members were given. Throws KafkaError. */
export async function offsetsOfGroup(
  client: KafkaClient,
  { group, members }: DescribedGroup,
): Promise<readonly GroupOffset[]> {
  const committed = await committedOffsets(client, group);
  const owners = new Map(
    members.flatMap((member) => member.assignment.map((place) => [keyOf(place), member] as const)),
  );
  const places = new Map<string, Place>();
  for (const place of [...committed, ...members.flatMap(({ assignment }) => assignment)])
    places.set(keyOf(place), { topic: place.topic, partition: place.partition });
  const known = new Map(committed.map((each) => [keyOf(each), each]));
  const ends = await endsOf(client, [...places.values()]);
  return [...places.entries()]
    .map(([key, place]) => {
      const at = known.get(key)?.committed ?? null;
      const leaderEpoch = known.get(key)?.leaderEpoch ?? null;
      const end = ends.get(key) ?? null;
      const lag = at === null || end === null ? null : lagOf(at, 0, end);
      return { ...place, committed: at, leaderEpoch, end, lag, member: owners.get(key) ?? null };
    })
    .toSorted(byPlace);
}

/** The same with a lag where a member is assigned what was never committed, as a node counts it. Throws KafkaError. */
export async function withUncommitted(
  client: KafkaClient,
  offsets: readonly GroupOffset[],
): Promise<readonly GroupOffset[]> {
  const unread = offsets.filter(({ committed, end }) => committed === null && end !== null);
  const found = await offsetsAt(client, unread, EARLIEST);
  const starts = new Map(found.map((place) => [keyOf(place), place.offset]));
  return offsets.map((each) => {
    const start = starts.get(keyOf(each)) ?? null;
    return start === null || each.end === null
      ? each
      : { ...each, lag: lagOf(null, start, each.end) };
  });
}

/** The ends of those that are still there. */
async function endsOf(
  client: KafkaClient,
  places: readonly Place[],
): Promise<ReadonlyMap<string, number>> {
  const names = [...new Set(places.map(({ topic }) => topic))];
  const there = new Set(
    (await client.topics(names)).flatMap(({ name, partitions }) =>
      partitions.map(({ partition }) => keyOf({ topic: name, partition })),
    ),
  );
  const found = await offsetsAt(
    client,
    places.filter((place) => there.has(keyOf(place))),
    LATEST,
  );
  return new Map(
    found.flatMap(({ offset, ...place }) => (offset === null ? [] : [[keyOf(place), offset]])),
  );
}

export function keyOf({ topic, partition }: Place): string {
  return `${topic}-${partition}`;
}

export function byPlace(one: Place, other: Place): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1;
  return one.partition - other.partition;
}
