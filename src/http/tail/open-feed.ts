/**
 * A feed out of what a request asked for, be it a query string or a message.
 */
import type { Isolation } from "../../broker/verbs.ts";
import { Refusal } from "../../lib/refusal.ts";
import { offsetOf } from "../reading/places.ts";
import type { RecordForm } from "../reading/record-out.ts";
import type { Call } from "../route.ts";
import type { FromSpec } from "../schema/fetch.ts";
import { parseCursor } from "./cursor.ts";
import { Feed } from "./feed.ts";
import { type Selection, selectionsOf } from "./followed.ts";
import { TailShare } from "./share.ts";

export interface TailTerms {
  /** None: the topics of the cursor. */
  readonly topics?: readonly Selection[] | undefined;
  readonly from?: FromSpec | undefined;
  readonly cursor?: string | undefined;
  readonly as: RecordForm;
  readonly events: "record" | "batch";
  readonly isolation: Isolation;
  readonly key?: string | undefined;
  readonly keyBytes?: Uint8Array | undefined;
}

/** Throws invalid_cursor, unknown_topic_or_partition, invalid_request. */
export async function openFeed(call: Call, terms: TailTerms): Promise<Feed> {
  const { door, context } = call;
  const { broker, clock, tails } = door;
  const from = terms.from ?? { at: "latest" };
  const cursor = terms.cursor === undefined ? null : parseCursor(terms.cursor);
  const selections = terms.topics ?? (cursor ? selectionsOf(broker, context, cursor) : null);
  if (!selections)
    throw new Refusal("invalid_request", "Name a topic to follow, or give a cursor to go on from.");
  if (terms.key !== undefined && terms.keyBytes)
    throw new Refusal("invalid_request", "Filter by key or by key_b64, not both.");
  return Feed.open({
    broker,
    context,
    clock,
    isolation: terms.isolation,
    selections,
    firstOffset: (topic, partition) => offsetOf(call, { topic, partition }, from, terms.isolation),
    cursor,
    encoded: tails.encoded,
    isShared: () => tails.open > 1,
    share: new TailShare(tails.room, clock),
    onTaken: (topic, bytes) => broker.traffic.fetched(topic, bytes),
    form: terms.as,
    batches: terms.events === "batch",
    key: terms.key === undefined ? (terms.keyBytes ?? null) : new TextEncoder().encode(terms.key),
  });
}
