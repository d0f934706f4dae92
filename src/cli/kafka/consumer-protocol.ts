/**
 * What consumers of a classic group say to each other (Kafka's ConsumerProtocol, version 0): the topics that they want, and
 * the partitions that the leader gives.
 */
import { message } from "../../wire/message.ts";
import { Reader } from "../../wire/reader.ts";
import { array, bytes, int32, string } from "../../wire/schema.ts";
import { noVersions, parseVersions } from "../../wire/versions.ts";
import { Writer } from "../../wire/writer.ts";
import type { Place } from "./offsets.ts";

const versions = parseVersions("0");
const subscription = message(
  { topics: array(string()), userData: bytes({ nullable: "0+", default: null }) },
  versions,
  noVersions,
);
const assignment = message(
  {
    assigned: array({ topic: string(), partitions: array(int32()) }),
    userData: bytes({ nullable: "0+", default: null }),
  },
  versions,
  noVersions,
);

export function encodeSubscription(topics: readonly string[]): Uint8Array {
  const writer = begun();
  subscription.encode(writer, 0, { topics });
  return finished(writer);
}

/** The topics that a member wants; later versions only add behind them. */
export function decodeSubscription(data: Uint8Array): readonly string[] {
  const reader = new Reader(data);
  if (data.byteLength === 0) return [];
  reader.int16();
  return Array.from({ length: reader.int32() }, () => reader.text(reader.int16()));
}

export function encodeAssignment(places: readonly Place[]): Uint8Array {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of places) {
    const partitions = byTopic.get(topic);
    if (partitions) partitions.push(partition);
    else byTopic.set(topic, [partition]);
  }
  const writer = begun();
  const assigned = [...byTopic].map(([topic, partitions]) => ({ topic, partitions }));
  assignment.encode(writer, 0, { assigned });
  return finished(writer);
}

export function decodeAssignment(data: Uint8Array): readonly Place[] {
  if (data.byteLength === 0) return [];
  const reader = new Reader(data);
  reader.int16();
  return Array.from({ length: reader.int32() }, () => {
    const topic = reader.text(reader.int16());
    return Array.from({ length: reader.int32() }, () => ({ topic, partition: reader.int32() }));
  }).flat();
}

/** A message of version 0, which it begins with. */
function begun(): Writer {
  const writer = new Writer();
  writer.int16(0);
  return writer;
}

function finished(writer: Writer): Uint8Array {
  const chunks = writer.finish();
  return chunks.length === 1 && chunks[0] ? chunks[0] : new Uint8Array(Buffer.concat(chunks));
}
