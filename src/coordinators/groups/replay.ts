/**
 * Groups read back from their records, in place: while a shard is loaded nobody else sees them.
 */
import { assert } from "../../lib/assert.ts";
import { recordType } from "../../wire/record-schema.ts";
import { emptyClassicGroup } from "../classic/state.ts";
import { replayConsumerEvent } from "../consumer/group.ts";
import { consumerEvent, consumerGroupOf } from "../consumer/records.ts";
import type { Group, Membership } from "./group.ts";
import {
  classicGroupFrom,
  groupMetadata,
  LEGACY_OFFSET_TYPE,
  offsetCommit,
  offsetFrom,
} from "./records.ts";
import type { CommittedOffset, OffsetTable } from "../offsets/state.ts";
import { offsetOf, offsetsIn } from "../offsets/table.ts";
import type { CoordinatorRecord, ReplayedRecord, Transaction } from "../step.ts";

/** The group that a record is about; null for kinds of records that are not known here. */
export function groupOf({ key }: CoordinatorRecord): string | null {
  switch (key.byteLength < 2 ? -1 : recordType(key)) {
    case LEGACY_OFFSET_TYPE:
    case offsetCommit.type:
      return offsetKey(key).group;
    case groupMetadata.type:
      return groupMetadata.decodeKey(key).group;
    default:
      return key.byteLength < 2 ? null : consumerGroupOf(key);
  }
}

function offsetKey(key: Uint8Array) {
  if (recordType(key) === offsetCommit.type) return offsetCommit.decodeKey(key);
  const current = key.slice();
  current[1] = offsetCommit.type; // Both types have one layout.
  return offsetCommit.decodeKey(current);
}

export function replayGroup(before: Group | null, record: ReplayedRecord): Group | null {
  const id = groupOf(record);
  assert(id !== null, "a record that is replayed belongs to a group");
  const group = before ?? newGroup(id, record.timestampMs);
  const type = recordType(record.key);
  if (type === offsetCommit.type || type === LEGACY_OFFSET_TYPE) {
    replayOffset(group, record);
    return isNothing(group) ? null : group;
  }
  const next = { ...group, members: membersAfter(id, group, record) };
  return record.value === null && isNothing(next) ? null : next;
}

/** A tombstone of one kind of group says nothing of the other: a group changes its kind by tombstones, then records. */
function membersAfter(id: string, { members }: Group, record: ReplayedRecord): Membership {
  const none = emptyClassicGroup(id, record.timestampMs);
  if (recordType(record.key) === groupMetadata.type) {
    if (record.value) return classicGroupFrom(id, record.value);
    return members.type === "classic" ? none : members;
  }
  const read = consumerEvent(record);
  assert(read !== null, "a record that is not one of classic groups is one of consumer groups");
  const before = members.type === "consumer" ? members : null;
  if (!before && record.value === null) return members;
  return replayConsumerEvent(id, before, read.event) ?? none;
}

/** Nothing in it is worth keeping; a group that was merely made may be one, and is made again by whoever needs it. */
function isNothing({ members, offsets }: Group): boolean {
  const { committed, pending } = offsets;
  if (members.type === "consumer") return false;
  const isBare = members.generation === 0 && members.protocolType === null;
  return isBare && committed.size === 0 && pending.size === 0;
}

function newGroup(id: string, nowMs: number): Group {
  return {
    id,
    members: emptyClassicGroup(id, nowMs),
    offsets: { committed: new Map(), pending: new Map(), nextOrder: 0 },
  };
}

function replayOffset(group: Group, record: ReplayedRecord): void {
  const { topic, partition } = offsetKey(record.key);
  const { offsets } = group;
  if (record.value === null) {
    remove(offsets.committed, topic, partition);
    for (const [producerId, table] of offsets.pending) {
      remove(table, topic, partition);
      if (table.size === 0) mutable(offsets.pending).delete(producerId);
    }
    return;
  }
  const committed = offsetFrom(record.value, record.offset);
  Object.assign(offsets, { nextOrder: record.offset + 1 });
  if (!record.transaction) return put(offsets.committed, topic, partition, committed);
  const { producerId } = record.transaction;
  const pending = mutable(offsets.pending);
  const table = pending.get(producerId) ?? new Map();
  pending.set(producerId, table);
  put(table, topic, partition, committed);
}

export function replayEnd(
  group: Group,
  transaction: Transaction,
  isCommitted: boolean,
): Group | null {
  const { committed, pending } = group.offsets;
  const table = pending.get(transaction.producerId) ?? new Map();
  mutable(pending).delete(transaction.producerId);
  for (const { topic, partition, committed: own } of isCommitted ? offsetsIn(table) : []) {
    const there = offsetOf(committed, topic, partition);
    if (!there || own.order > there.order) put(committed, topic, partition, own);
  }
  return isNothing(group) ? null : group;
}

function put(
  table: OffsetTable,
  topic: string,
  partition: number,
  committed: CommittedOffset,
): void {
  const partitions = table.get(topic);
  if (partitions) mutable(partitions).set(partition, committed);
  else mutable(table).set(topic, new Map([[partition, committed]]));
}

function remove(table: OffsetTable, topic: string, partition: number): void {
  const partitions = table.get(topic);
  if (!partitions) return;
  mutable(partitions).delete(partition);
  if (partitions.size === 0) mutable(table).delete(topic);
}

/** A map that only the load knows so far. */
function mutable<Key, Value>(map: ReadonlyMap<Key, Value>): Map<Key, Value> {
  assert(map instanceof Map, "a read-only map is a map");
  return map;
}
