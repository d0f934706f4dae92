/**
 * What consumers of the classic protocol tell each other inside JoinGroup and SyncGroup: Kafka's ConsumerProtocolSubscription
 * and ConsumerProtocolAssignment.
 *
 * - An int16 version, then the message; a version of later is read as the newest that is known, as Kafka's clients do.
 * - Of a classic group the coordinator reads which topics it is subscribed to, and nothing else. It reads all of it, and writes
 *   assignments, where classic members are in a consumer group; the command line's own members write subscriptions.
 */
import { array, bytes, int32, string } from "../../wire/schema.ts";
import { message } from "../../wire/message.ts";
import { Reader } from "../../wire/reader.ts";
import { noVersions } from "../../wire/versions.ts";
import { Writer } from "../../wire/writer.ts";
import { joined } from "../../lib/bytes.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { ClassicMember } from "./state.ts";

const VERSION_MAX = 3;

const topicPartitions = { topic: string(), partitions: array(int32()) };

const subscriptionMessage = message(
  {
    topics: array(string()),
    userData: bytes({ nullable: "0+", default: null }),
    ownedPartitions: array(topicPartitions, { versions: "1+", ignorable: true }),
    generationId: int32({ versions: "2+", default: -1, ignorable: true }),
    rackId: string({ versions: "3+", nullable: "3+", default: null, ignorable: true }),
  },
  { min: 0, max: VERSION_MAX },
  noVersions,
);

const assignmentMessage = message(
  {
    assignedPartitions: array(topicPartitions),
    userData: bytes({ nullable: "0+", default: null }),
  },
  { min: 0, max: VERSION_MAX },
  noVersions,
);

export interface Subscription {
  readonly version: number;
  readonly topicNames: readonly string[];
  readonly rackId: string | null;
  readonly owned: readonly NamedPartitions[];
}

/** The partitions of one topic, by its name. */
export interface NamedPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface AssignmentOfBefore {
  readonly assigned: readonly NamedPartitions[];
  /** An assignor of the client's own keeps something in it. */
  readonly hasUserData: boolean;
}

/** All topics that a `consumer` group's members read; null for other groups and where one of them cannot be read. */
export function topicsReadBy(
  members: Iterable<ClassicMember>,
  protocolType: string | null,
  protocol: string | null,
): ReadonlySet<string> | null {
  if (protocolType !== "consumer") return null;
  const all = new Set<string>();
  for (const { protocols } of members) {
    const metadata = protocols.find(({ name }) => name === protocol)?.metadata;
    const topics = metadata ? topicsWanted(metadata) : null;
    if (!topics) return null;
    for (const topic of topics) all.add(topic);
  }
  return all;
}

/**
 * The topics of a subscription, null where the bytes are none. As version 0, whatever the version, as Kafka's ClassicGroup reads
 * them: later ones only add behind it.
 */
export function topicsWanted(metadata: Uint8Array): readonly string[] | null {
  return orNull(() => subscriptionMessage.decodeHead(begin(metadata).reader, 0).topics);
}

export function writeSubscription(
  topics: readonly string[],
  owned: readonly NamedPartitions[] = [],
  version = 0,
): Uint8Array {
  return written(version, (writer) =>
    subscriptionMessage.encode(writer, version, { topics, ownedPartitions: owned }),
  );
}

/** Null where the bytes are none. */
export function readSubscription(metadata: Uint8Array): Subscription | null {
  return orNull(() => {
    const { version, reader } = begin(metadata);
    const told = subscriptionMessage.decodeHead(reader, version);
    const { topics: topicNames, rackId, ownedPartitions: owned } = told;
    return { version, topicNames, rackId, owned };
  });
}

/** Null where the bytes are none; no bytes at all are an assignment of nothing. */
export function readAssignment(assignment: Uint8Array): AssignmentOfBefore | null {
  if (assignment.length === 0) return { assigned: [], hasUserData: false };
  return orNull(() => {
    const { version, reader } = begin(assignment);
    const told = assignmentMessage.decodeHead(reader, version);
    return { assigned: told.assignedPartitions, hasUserData: (told.userData?.length ?? 0) > 0 };
  });
}

export function writeAssignment(assigned: readonly NamedPartitions[], version: number): Uint8Array {
  return written(version, (writer) =>
    assignmentMessage.encode(writer, version, { assignedPartitions: assigned }),
  );
}

function written(version: number, encode: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  writer.int16(version);
  encode(writer);
  return joined(writer.finish());
}

function begin(text: Uint8Array): { readonly version: number; readonly reader: Reader } {
  const reader = new Reader(text);
  const version = reader.int16();
  if (version < 0) throw new Refusal("invalid_request", "The version is negative.");
  return { version: Math.min(version, VERSION_MAX), reader };
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}
