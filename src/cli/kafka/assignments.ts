/**
 * Assignments of a classic group's members as places, out of Kafka's ConsumerProtocol and back into it.
 */
import { readAssignment, writeAssignment } from "../../coordinators/classic/consumer-protocol.ts";
import type { Place } from "./offsets.ts";

/** The places that a member was given; none where it keeps something else there. */
export function placesAssigned(assignment: Uint8Array): readonly Place[] {
  const assigned = readAssignment(assignment)?.assigned ?? [];
  return assigned.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}

/** In version 0, which every client reads. */
export function assignmentOf(places: readonly Place[]): Uint8Array {
  const byTopic = Map.groupBy(places, ({ topic }) => topic);
  const assigned = [...byTopic].map(([topic, given]) => ({
    topic,
    partitions: given.map(({ partition }) => partition),
  }));
  return writeAssignment(assigned, 0);
}
