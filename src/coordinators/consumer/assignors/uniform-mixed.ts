/**
 * The `uniform` assignor where members differ in their subscriptions.
 *
 * - What members have is kept; what nobody has goes to the topic's subscriber with the fewest partitions, the topics with the
 *   most partitions a subscriber first; then single partitions move from the fullest to the emptiest subscriber of each topic
 *   until no move makes two members more even, or ROUNDS_MAX is reached (only subscriptions that overlap in long chains need
 *   more than two).
 * - Left out: moves that need a partition of a second topic to move as well.
 */
import { present } from "../../../lib/assert.ts";
import { type Assignment, type AssignorInput, byText } from "./assignor.ts";
import { Ownership } from "./ownership.ts";

const ROUNDS_MAX = 16;

interface Topic {
  readonly id: string;
  readonly owners: Int32Array;
  /** Numbers of the members subscribed to it. */
  readonly subscribers: readonly number[];
}

/** `members` are in the order that decides ties. */
export function assignMixed({
  members,
  partitions,
}: AssignorInput): ReadonlyMap<string, Assignment> {
  const subscribersOf = new Map<string, number[]>();
  for (const [at, { topicIds }] of members.entries()) {
    for (const topicId of topicIds) {
      const subscribers = subscribersOf.get(topicId);
      if (subscribers) subscribers.push(at);
      else subscribersOf.set(topicId, [at]);
    }
  }
  const ownership = new Ownership(members, [...subscribersOf.keys()].toSorted(byText), partitions);
  const topics = [...ownership.owners]
    .map(([id, owners]) => ({
      id,
      owners,
      subscribers: present(subscribersOf.get(id), "a subscribed topic has subscribers"),
    }))
    .toSorted(byPartitionsPerSubscriber);
  for (const topic of topics) assignFree(topic, ownership);
  const shared = topics.filter(({ subscribers }) => subscribers.length > 1);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    let moved = 0;
    for (const topic of shared) moved += balance(topic, ownership);
    if (moved === 0) break;
  }
  return ownership.assignments();
}

/** Most partitions a subscriber first, then the fewest subscribers; the sort is stable, and topics came in the order of ids. */
function byPartitionsPerSubscriber(left: Topic, right: Topic): number {
  const per = (topic: Topic) => topic.owners.length / topic.subscribers.length;
  return per(right) - per(left) || left.subscribers.length - right.subscribers.length;
}

function assignFree({ id, owners, subscribers }: Topic, ownership: Ownership): void {
  const free = [...owners.keys()].filter((partition) => owners[partition] === -1);
  if (free.length === 0) return;
  const heap = new EmptiestFirst(subscribers, ownership.counts);
  for (const partition of free) {
    ownership.give(id, partition, heap.first);
    heap.sink();
  }
}

/** Moves partitions of one topic from its fullest owners to its emptiest subscribers; says how many. */
function balance({ id, owners, subscribers }: Topic, ownership: Ownership): number {
  const { counts } = ownership;
  let least = Infinity;
  for (const at of subscribers) least = Math.min(least, counts[at] ?? 0);
  const movable: number[] = [];
  for (const [partition, owner] of owners.entries()) {
    if ((counts[owner] ?? 0) > least + 1) movable.push(partition);
  }
  if (movable.length === 0) return 0;
  // Partitions of fuller owners first; a stable sort keeps the later partitions with their owner.
  movable.sort(
    (left, right) => (counts[owners[right] ?? 0] ?? 0) - (counts[owners[left] ?? 0] ?? 0),
  );
  const heap = new EmptiestFirst(subscribers, counts);
  let moved = 0;
  for (const partition of movable) {
    const owner = owners[partition] ?? 0;
    if ((counts[owner] ?? 0) <= (counts[heap.first] ?? 0) + 1) continue;
    ownership.give(id, partition, heap.first);
    heap.sink();
    moved += 1;
  }
  return moved;
}

/**
 * A binary heap of members by how many partitions they have. Only its first may get a partition, followed by `sink`; those
 * who lose some meanwhile stay where they are until a next round, since a giver never becomes emptier than the first.
 */
class EmptiestFirst {
  readonly #heap: number[];
  readonly #counts: Int32Array;

  constructor(members: readonly number[], counts: Int32Array) {
    this.#counts = counts;
    // A sorted array is a heap.
    this.#heap = members.toSorted((left, right) => this.#order(left, right));
  }

  get first(): number {
    return present(this.#heap[0], "a topic has a subscriber");
  }

  sink(): void {
    const heap = this.#heap;
    const item = this.first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      const right = heap[child + 1];
      if (left === undefined) break;
      if (right !== undefined && this.#order(right, left) < 0) child += 1;
      const smaller = present(heap[child], "the smaller child is there");
      if (this.#order(item, smaller) <= 0) break;
      heap[at] = smaller;
      at = child;
    }
    heap[at] = item;
  }

  #order(left: number, right: number): number {
    return (this.#counts[left] ?? 0) - (this.#counts[right] ?? 0) || left - right;
  }
}
