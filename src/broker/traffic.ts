/**
 * What went in and out by topic, as Kafka's BrokerTopicMetrics count it: whichever door it came through, once.
 *
 * - Appends are counted where they are made. What a client is given only its door knows (a read may be thrown away, or serve
 *   many), so that the doors tell it.
 * - Counting is a map's look-up and a few additions. Past `TOPICS_MAX` topics the others are counted together; a topic that is
 *   gone is dropped when somebody looks, or needs its room.
 * - As in Kafka a failed request is one that should not have failed: a topic that is not there, or a record too large, is not.
 */
import type { Image } from "../cluster/image.ts";
import { Refusal } from "../lib/refusal.ts";
import type { AppendAnswer, AppendRequest, ReadAnswer } from "./verbs.ts";

const TOPICS_MAX = 1_000;
const OTHERS = "__others__";

/** Refusals that Kafka does not count as failed produce requests. */
const EXPECTED: ReadonlySet<string> = new Set([
  "unknown_topic_or_partition",
  "not_leader_or_follower",
  "message_too_large",
  "record_list_too_large",
  "corrupt_message",
]);

/** One topic's counters, since the node started. A request that names several partitions counts once for each. */
export interface TopicTraffic {
  readonly topic: string;
  readonly messagesIn: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly produceRequests: number;
  readonly failedProduceRequests: number;
  readonly fetchRequests: number;
}

export interface TrafficVerbs {
  /** A client was given these bytes of a topic's log: none counts as a fetch too. */
  fetched(topic: string, bytes: number): void;
  /** Every topic that there is and that somebody asked something of, then the others together. */
  counts(): readonly TopicTraffic[];
}

type Counters = { -readonly [Name in keyof TopicTraffic]: TopicTraffic[Name] };

export class Traffic implements TrafficVerbs {
  readonly #image: Pick<Image, "topic">;
  readonly #topics = new Map<string, Counters>();
  #othersKnown = false;

  constructor(image: Pick<Image, "topic">) {
    this.#image = image;
  }

  /** The append's outcome, which it counts. */
  async appending(
    { topic, payload }: AppendRequest,
    append: () => Promise<AppendAnswer>,
  ): Promise<AppendAnswer> {
    // Storage may take a batch's bytes away.
    const bytes = payload.type === "batch" ? payload.bytes.byteLength : -1;
    try {
      const answer = await append();
      const counters = this.#of(topic);
      counters.produceRequests += 1;
      if (answer.duplicate) return answer;
      counters.messagesIn += answer.count;
      counters.bytesIn += payload.type === "batch" ? bytes : bytesOf(payload.records);
      return answer;
    } catch (error) {
      // A name that nobody has must not take a topic's room.
      if (!this.#image.topic(topic)) throw error;
      const counters = this.#of(topic);
      counters.produceRequests += 1;
      if (!(error instanceof Refusal && EXPECTED.has(error.code)))
        counters.failedProduceRequests += 1;
      throw error;
    }
  }

  fetched(topic: string, bytes: number): void {
    const counters = this.#of(topic);
    counters.fetchRequests += 1;
    counters.bytesOut += bytes;
  }

  counts(): readonly TopicTraffic[] {
    this.#dropGone();
    return [...this.#topics.values()];
  }

  #dropGone(): void {
    for (const topic of this.#topics.keys())
      if (topic !== OTHERS && !this.#image.topic(topic)) this.#topics.delete(topic);
  }

  #of(topic: string): Counters {
    const known = this.#topics.get(topic);
    if (known) return known;
    if (this.#topics.size >= TOPICS_MAX && topic !== OTHERS) {
      // Once: else each request of another topic would look through all of them.
      if (!this.#othersKnown) this.#dropGone();
      this.#othersKnown = this.#topics.size >= TOPICS_MAX;
      return this.#of(this.#othersKnown ? OTHERS : topic);
    }
    const counters = {
      topic,
      messagesIn: 0,
      bytesIn: 0,
      bytesOut: 0,
      produceRequests: 0,
      failedProduceRequests: 0,
      fetchRequests: 0,
    };
    this.#topics.set(topic, counters);
    return counters;
  }
}

/** The bytes of log that an answer holds. */
export function readBytesOf({ batches }: Pick<ReadAnswer, "batches">): number {
  let bytes = 0;
  for (const run of batches) bytes += run.byteLength;
  return bytes;
}

function bytesOf(
  records: readonly { readonly key: Uint8Array | null; readonly value: Uint8Array | null }[],
): number {
  let bytes = 0;
  for (const { key, value } of records) bytes += (key?.byteLength ?? 0) + (value?.byteLength ?? 0);
  return bytes;
}
