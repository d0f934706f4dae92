/**
 * Appending the records of one request: each finds its partition, each partition is one append, and the outcome is told
 * record by record.
 *
 * - One request is atomic per partition. All well: 200. Mixed over partitions: 207 with a status per record. All refused
 *   alike: that one problem.
 * - Records without key and partition go to one partition a request, another for the next request.
 */
import { partitionOfKey } from "../../broker/partitioner.ts";
import type { Acks, AppendAnswer, AppendRequest, Idempotence } from "../../broker/verbs.ts";
import { mapAsync } from "../../lib/async.ts";
import { Refusal } from "../../lib/refusal.ts";
import { Together } from "../../log/appending/together.ts";
import type { NewRecord } from "../../records/record.ts";
import { problemOf } from "../answers/problem.ts";
import { appendIn } from "./append.ts";
import type { IncomingRecord } from "./record-in.ts";
import { jsonText, type Reply } from "../answers/reply.ts";
import type { TransactionToken } from "./transaction-token.ts";
import type { Call } from "../route.ts";

/** How a produce request wants its records kept; the same for every record of it. */
export interface ProduceTerms {
  /** The topic of the path; null where each record names its own. */
  readonly topic: string | null;
  /** The partition of the path, which pins all records. */
  readonly partition: number | null;
  readonly acks: Acks;
  readonly create: boolean;
  readonly expectOffset: number | null;
  readonly idempotence: Idempotence | null;
  /** The open transaction that the records are part of. */
  readonly transaction: TransactionToken | null;
}

/** Where one record goes. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** The records of one request that share a partition, and their places in the request. */
interface Group extends Place {
  readonly records: NewRecord[];
  readonly indexes: number[];
}

type Outcome =
  | { readonly group: Group; readonly answer: AppendAnswer }
  | { readonly group: Group; readonly error: unknown };

/** The partition of a record whose topic there is not (Kafka's `RecordMetadata.UNKNOWN_PARTITION`). */
const UNASSIGNED = -1;

/** Picks partitions for the records of one request. */
export class Placer {
  readonly #call: Call;
  readonly #terms: ProduceTerms;
  readonly #counts = new Map<string, number>();
  readonly #sticky = new Map<string, number>();

  constructor(call: Call, terms: ProduceTerms) {
    this.#call = call;
    this.#terms = terms;
  }

  /** Where the record goes; `where` names it in refusals. */
  place(incoming: IncomingRecord, where: string): Place {
    const { topic: topicPinned, partition: partitionPinned } = this.#terms;
    if (topicPinned !== null && incoming.topic !== null && incoming.topic !== topicPinned)
      throw new Refusal("invalid_request", `${where}.topic: the path says ${topicPinned}.`);
    const topic = topicPinned ?? incoming.topic;
    if (topic === null)
      throw new Refusal(
        "invalid_request",
        `${where}.topic: is missing; each record names its own.`,
      );
    if (partitionPinned !== null) {
      if (incoming.partition !== null && incoming.partition !== partitionPinned)
        throw new Refusal(
          "invalid_request",
          `${where}.partition: the path says ${partitionPinned}.`,
        );
      return { topic, partition: partitionPinned };
    }
    if (incoming.partition !== null) return { topic, partition: incoming.partition };
    return { topic, partition: this.#choose(topic, incoming.record.key) };
  }

  #choose(topic: string, key: Uint8Array | null): number {
    const { door, context } = this.#call;
    const count =
      this.#counts.get(topic) ??
      (isMissing(this.#call, topic) ? 0 : door.broker.partitionCount(context, topic));
    this.#counts.set(topic, count);
    // The append refuses it, and it alone: other records of the request may have a topic.
    if (count === 0) return UNASSIGNED;
    if (count === 1) return 0;
    if (key !== null) return partitionOfKey(key, count);
    const sticky = this.#sticky.get(topic) ?? stickyPartition(this.#call, this.#terms, count);
    this.#sticky.set(topic, sticky);
    return sticky;
  }
}

const encoder = new TextEncoder();

/**
 * Where a request's records without key and partition go: anywhere, but for a request that may be repeated always the same
 * place, since that is where it is known.
 */
export function stickyPartition(call: Call, terms: ProduceTerms, count: number): number {
  const { idempotence } = terms;
  if (idempotence === null) return Math.floor(call.door.random.next() * count);
  const name = idempotence.type === "key" ? idempotence.key : idempotence.producerId;
  return partitionOfKey(encoder.encode(name), count);
}

/** Makes the topic if it is asked for and missing. */
export async function createIfAsked(call: Call, topic: string, terms: ProduceTerms): Promise<void> {
  if (terms.create && isMissing(call, topic)) await createTopic(call, topic);
}

export function isMissing({ door, context }: Call, topic: string): boolean {
  try {
    door.broker.partitionCount(context, topic);
    return false;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "unknown_topic_or_partition") throw error;
    return true;
  }
}

/** Makes the topic with the node's defaults; one that came meanwhile is fine. */
export async function createTopic({ door, context }: Call, topic: string): Promise<void> {
  try {
    const topics = { name: topic, partitions: -1, replicationFactor: -1, configs: {} };
    await door.broker.createTopic(context, topics);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "topic_already_exists") throw error;
  }
}

/** Appends a whole request's records and tells the outcome. Throws invalid_request for more than `topicsMax` topics. */
export async function produceAll(
  call: Call,
  terms: ProduceTerms,
  incoming: readonly IncomingRecord[],
): Promise<Reply> {
  const topics = topicsOf(terms, incoming);
  const { topicsMax } = call.door.limits;
  if (topics.size > topicsMax)
    throw new Refusal(
      "invalid_request",
      `The records name ${topics.size} topics: at most ${topicsMax} a request; NDJSON may name any number.`,
    );
  for (const topic of topics) await createIfAsked(call, topic, terms);
  const groups = groupsOf(call, terms, incoming);
  const together = new Together();
  const outcomes = await mapAsync(groups, (group) => appendGroup(call, terms, group, together));
  return produceReply(call, terms, outcomes, incoming.length);
}

/** One append as the terms want it. */
export function appendRequest(
  terms: ProduceTerms,
  place: Place,
  payload: AppendRequest["payload"],
): AppendRequest {
  const { acks, expectOffset, idempotence, transaction } = terms;
  const { topic, partition } = place;
  return {
    topic,
    partition,
    acks,
    payload: transaction ? ownedBy(transaction, payload) : payload,
    ...(transaction && {
      transactional: { transactionalId: transaction.transactionalId, support: "joins" },
    }),
    ...(expectOffset === null ? {} : { expectOffset }),
    ...(idempotence === null ? {} : { idempotence }),
  };
}

function ownedBy(
  { producer }: TransactionToken,
  payload: AppendRequest["payload"],
): AppendRequest["payload"] {
  if (payload.type === "records") return { ...payload, transaction: producer };
  throw new Refusal("invalid_request", "Txn: a raw batch names its own producer; send records.");
}

function topicsOf(terms: ProduceTerms, incoming: readonly IncomingRecord[]): Set<string> {
  if (terms.topic !== null) return new Set([terms.topic]);
  return new Set(incoming.flatMap(({ topic }) => (topic === null ? [] : [topic])));
}

function groupsOf(call: Call, terms: ProduceTerms, incoming: readonly IncomingRecord[]): Group[] {
  const placer = new Placer(call, terms);
  const groups = new Map<string, Group>();
  let last: Group | undefined;
  for (const [index, each] of incoming.entries()) {
    const place = placer.place(each, `body.records.${index}`);
    if (!last || last.partition !== place.partition || last.topic !== place.topic) {
      const name = `${place.partition}/${place.topic}`;
      last = groups.get(name) ?? { ...place, records: [], indexes: [] };
      groups.set(name, last);
    }
    last.records.push(each.record);
    last.indexes.push(index);
  }
  return [...groups.values()];
}

async function appendGroup(
  call: Call,
  terms: ProduceTerms,
  group: Group,
  together: Together,
): Promise<Outcome> {
  const payload = { type: "records", records: group.records } as const;
  try {
    const request = appendRequest(terms, group, payload);
    const answer = await appendIn(call, terms.transaction, { ...request, together });
    return { group, answer };
  } catch (error) {
    return { group, error };
  }
}

/**
 * Whose timestamp a record has: its own or the one that the log gave. Where a request brings both kinds, the log's answer
 * alone cannot tell, so the topic is asked.
 */
function timestampOf(
  call: Call,
  group: Group,
  answer: AppendAnswer,
): (record: NewRecord) => number | null {
  const given = answer.timestampMs;
  const own = group.records.filter((record) => record.timestampMs !== null).length;
  if (own === 0 || own === group.records.length) return (record) => given ?? record.timestampMs;
  const { configs } = call.door.broker.describeTopic(call.context, group.topic);
  const type = configs.find(({ name }) => name === "message.timestamp.type")?.value;
  return type === "LogAppendTime" ? () => given : (record) => record.timestampMs ?? given;
}

function produceReply(
  call: Call,
  terms: ProduceTerms,
  outcomes: readonly Outcome[],
  count: number,
): Reply {
  const failed = outcomes.filter((outcome) => "error" in outcome);
  const first = failed[0];
  const alike = (outcome: { error: unknown }) =>
    problemOf(outcome.error, call.id).code === problemOf(first?.error, call.id).code;
  if (first && failed.length === outcomes.length && failed.every(alike)) throw first.error;
  if (terms.acks === 0 && !first) return jsonText("{}", 202);
  const results = Array.from({ length: count }, () => "");
  for (const outcome of outcomes) {
    const textAt = resultTexts(call, terms, outcome, first !== undefined);
    for (const [at, index] of outcome.group.indexes.entries()) results[index] = textAt(at);
  }
  const duplicate =
    !first && outcomes.every((outcome) => "answer" in outcome && outcome.answer.duplicate);
  const text = `{"results":[${results.join(",")}],"duplicate":${duplicate}${producerText(terms)}}`;
  return jsonText(text, first ? 207 : 200);
}

/** What to say of each record of one group, by its place in the group. */
function resultTexts(
  call: Call,
  terms: ProduceTerms,
  outcome: Outcome,
  mixed: boolean,
): (at: number) => string {
  const { topic, partition, records } = outcome.group;
  const name = terms.topic === null ? `"topic":${JSON.stringify(topic)},` : "";
  if ("error" in outcome) {
    const problem = problemOf(outcome.error, call.id);
    const text = `{${name}"partition":${partition},"status":${problem.status},"error":${JSON.stringify(problem)}}`;
    return () => text;
  }
  const { answer, group } = outcome;
  const status = mixed ? ',"status":200' : "";
  const timestamp = timestampOf(call, group, answer);
  return (at) => {
    const record = records[at];
    const offset = answer.baseOffset + at;
    return `{${name}"partition":${partition},"offset":${offset},"timestamp":${record ? timestamp(record) : null}${status}}`;
  };
}

export function producerText(terms: ProduceTerms): string {
  const { idempotence } = terms;
  if (idempotence?.type !== "sequence") return "";
  return `,"producer":{"epoch":${idempotence.epoch},"seq":${idempotence.sequence}}`;
}
