/**
 * What a tail follows: topics by name, each of one incarnation, with a place in every partition; where they begin; and
 * what is noticed when topics come, go and grow meanwhile.
 *
 * - With a cursor a partition goes on where the cursor stands. One that the cursor does not know begins at its first
 *   record when the whole topic was followed (it was added since), else where `from` says.
 * - A topic that was made anew under its name is read from its first record, after a gap event that says so; one that is
 *   gone is waited for as long as something else is followed.
 */
import type { Broker, Context } from "../../broker/verbs.ts";
import { mapAsync } from "../../lib/async.ts";
import { Refusal } from "../../lib/refusal.ts";
import { type CursorTopic, hashName, PLACES_MAX } from "./cursor.ts";

/** What a tail asks of the broker. */
export type TailBroker = Pick<Broker, "read" | "describeTopic" | "topicById">;

/** A topic as it was asked for; no partitions: all of them, also those that are added later. */
export interface Selection {
  readonly name: string;
  readonly partitions: readonly number[] | null;
}

/** One partition that is followed. */
export interface Slot {
  readonly partition: number;
  /** The offset to be read next. */
  next: number;
  /** The offset after what the reader was given. */
  taken: number;
  /** Its place among all places of the cursor. */
  index: number;
}

export interface FollowedTopic {
  readonly name: string;
  id: string;
  readonly whole: boolean;
  /** Ascending by partition. */
  slots: Slot[];
  gone: boolean;
}

export type GapReason = "trimmed" | "lost" | "deleted" | "recreated";

/** Records that this reader will never see, told before the ones after them. `to` null: nobody knows of any. */
export interface Gap {
  readonly type: "gap";
  readonly topic: string;
  readonly topicId: string;
  readonly slot: Slot;
  readonly partition: number;
  readonly from: number;
  readonly to: number | null;
  readonly reason: GapReason;
}

interface Opening {
  readonly broker: TailBroker;
  readonly context: Context;
  readonly selections: readonly Selection[];
  /** Where a partition begins that no cursor knows. */
  readonly firstOffset: (topic: string, partition: number) => Promise<number>;
  /** Null: nothing to go on from. */
  readonly cursor: readonly CursorTopic[] | null;
}

/**
 * The topics with their first places. Throws unknown_topic_or_partition for a topic that is neither there nor in the
 * cursor, or when none is there; invalid_cursor for a cursor of other topics alone; invalid_request past 256 partitions.
 */
export async function openTopics(opening: Opening): Promise<FollowedTopic[]> {
  if (opening.cursor) checkCursorIsOf(opening, opening.cursor);
  const topics = await mapAsync(opening.selections, (selection) => openTopic(opening, selection));
  checkSize(topics);
  if (topics.every(({ gone }) => gone)) {
    const names = topics.map(({ name }) => name).join(", ");
    throw new Refusal("unknown_topic_or_partition", `The topics ${names} are gone.`);
  }
  return topics;
}

/** A cursor of other topics alone would begin anew in silence. */
function checkCursorIsOf(opening: Opening, cursor: readonly CursorTopic[]): void {
  const { broker, context, selections } = opening;
  const isKnown = selections.some(({ name }) =>
    placesOf(cursor, name, find(broker, context, name)?.id),
  );
  if (isKnown) return;
  const names = selections.map(({ name }) => name).join(", ");
  throw new Refusal(
    "invalid_cursor",
    `The cursor is one of other topics, not of ${names}; send the one that this tail gave, or none to begin anew.`,
  );
}

/** What a cursor holds of the topic of that id; else of one that had its name. */
function placesOf(
  cursor: readonly CursorTopic[] | null,
  name: string,
  id: string | undefined,
): CursorTopic | undefined {
  const hash = hashName(name);
  return (
    cursor?.find((entry) => entry.id === id) ?? cursor?.find((entry) => entry.nameHash === hash)
  );
}

/** The topics of a cursor alone, as they are named now. Throws unknown_topic_or_partition when one is gone. */
export function selectionsOf(
  broker: TailBroker,
  context: Context,
  cursor: readonly CursorTopic[],
): Selection[] {
  return cursor.map(({ id, whole, places }) => ({
    name: broker.topicById(context, id).name,
    partitions: whole ? null : places.map(({ partition }) => partition),
  }));
}

async function openTopic(opening: Opening, selection: Selection): Promise<FollowedTopic> {
  const { broker, context, cursor } = opening;
  const { name, partitions: asked } = selection;
  const summary = find(broker, context, name);
  const known = placesOf(cursor, name, summary?.id);
  if (!summary && !known)
    throw new Refusal("unknown_topic_or_partition", `There is no topic "${name}".`, {
      topic: name,
    });
  const id = known?.id ?? summary?.id ?? "";
  const gone = summary === null;
  const places = new Map(known?.places.map(({ partition, next }) => [partition, next]));
  const count = summary?.partitions ?? 0;
  const partitions =
    asked ??
    (summary?.id !== id ? [...places.keys()] : Array.from({ length: count }, (_, at) => at));
  if (asked && summary && asked.some((partition) => partition >= count))
    throw new Refusal(
      "unknown_topic_or_partition",
      `${name} has the partitions 0 to ${count - 1}.`,
    );
  checkSize([{ slots: partitions }]);
  const slots = await mapAsync(
    partitions.toSorted((a, b) => a - b),
    async (partition) => {
      const next =
        places.get(partition) ??
        (known?.whole || gone ? 0 : await opening.firstOffset(name, partition));
      return { partition, next, taken: next, index: 0 };
    },
  );
  return { name, id, whole: asked === null, slots, gone };
}

/** The topic of that name, or null. */
export function find(broker: TailBroker, context: Context, name: string) {
  try {
    const { id, partitions } = broker.describeTopic(context, name);
    return { id, partitions };
  } catch (error) {
    if (error instanceof Refusal && error.code === "unknown_topic_or_partition") return null;
    throw error;
  }
}

/** How many partitions this incarnation of the topic has; null when it is gone. */
export function countPartitions(broker: TailBroker, context: Context, id: string): number | null {
  try {
    return broker.topicById(context, id).partitions;
  } catch (error) {
    if (error instanceof Refusal && error.code === "unknown_topic_or_partition") return null;
    throw error;
  }
}

/** Throws invalid_request when there are more partitions than a cursor holds. */
export function checkSize(topics: readonly { readonly slots: readonly unknown[] }[]): void {
  const places = topics.reduce((sum, { slots }) => sum + slots.length, 0);
  if (places > PLACES_MAX)
    throw new Refusal(
      "invalid_request",
      `${places} partitions are more than the ${PLACES_MAX} that one tail may follow; open several.`,
    );
}
