/**
 * Produce bodies that are not JSON: any bytes as the value of one record, and a raw v2 batch that a Kafka client made.
 *
 * - The record's headers come as `Kafka-Header-<name>`; HTTP carries header values as bytes and knows no case.
 * - One raw batch a request, as Kafka takes one a partition: two could not be appended as one. A batch as it was read may be sent
 *   on: whatever offset it had, Kafka's rule that a new one begins at 0 is kept for it.
 */
import { appendIn } from "./append.ts";
import { partitionOfKey } from "../../broker/partitioner.ts";
import type { AppendAnswer } from "../../broker/verbs.ts";
import { Refusal } from "../../lib/refusal.ts";
import { field, readBatchHeader } from "../../records/batch.ts";
import type { RecordHeader } from "../../records/record.ts";
import {
  appendRequest,
  createIfAsked,
  producerText,
  type ProduceTerms,
  stickyPartition,
} from "./produce.ts";
import { jsonText, type Reply } from "../answers/reply.ts";
import type { Call } from "../route.ts";

export const BATCH_TYPE = "application/vnd.kafka.recordbatch";

/** Each record is named in the answer; a compressed batch could hold ten million empty ones. */
const BATCH_RECORDS_MAX = 50_000;

const HEADER_PREFIX = "kafka-header-";
const noHeaders: readonly RecordHeader[] = [];

/** What a raw body's query says of its record. */
export interface RawQuery {
  readonly key?: string | undefined;
  readonly key_b64?: Uint8Array | undefined;
  readonly timestamp?: number | undefined;
}

const encoder = new TextEncoder();

/** Appends the body as one record; `{"results":[…]}` as for any other form. */
export async function produceRaw(
  call: Call,
  terms: ProduceTerms,
  query: RawQuery,
  value: Uint8Array,
): Promise<Reply> {
  if (query.key !== undefined && query.key_b64 !== undefined)
    throw new Refusal("invalid_request", "query: send key or key_b64, not both.");
  const topic = topicOf(terms);
  if (terms.create) await createIfAsked(call, topic, terms);
  const key = query.key_b64 ?? (query.key === undefined ? null : encoder.encode(query.key));
  const partition = terms.partition ?? choose(call, terms, topic, key);
  const timestampMs = query.timestamp ?? null;
  const records = [{ key, value, headers: headersOf(call.request), timestampMs }];
  const request = appendRequest(terms, { topic, partition }, { type: "records", records });
  const answer = await appendIn(call, terms.transaction, request);
  return bytesReply(terms, partition, answer, timestampMs);
}

/** Appends one v2 batch as it is; the broker checks its CRC and all else. */
export async function produceBatch(
  call: Call,
  terms: ProduceTerms,
  bytes: Uint8Array,
): Promise<Reply> {
  const topic = topicOf(terms);
  if (terms.create) await createIfAsked(call, topic, terms);
  if (bytes.length === 0)
    throw new Refusal("corrupt_message", "The body is empty; send one v2 batch.");
  const { sizeBytes, count } = readBatchHeader(bytes);
  if (sizeBytes !== bytes.length)
    throw new Refusal(
      "corrupt_message",
      `The batch ends after ${sizeBytes} of ${bytes.length} bytes; send one batch a request.`,
    );
  if (count > BATCH_RECORDS_MAX)
    throw new Refusal(
      "message_too_large",
      `The batch says it holds ${count} records; at most ${BATCH_RECORDS_MAX} a request are taken.`,
    );
  bytes.fill(0, field.baseOffset, field.batchLength);
  const partition = terms.partition ?? choose(call, terms, topic, null);
  const request = appendRequest(terms, { topic, partition }, { type: "batch", bytes });
  const answer = await appendIn(call, terms.transaction, request);
  return bytesReply(terms, partition, answer, null);
}

function topicOf(terms: ProduceTerms): string {
  if (terms.topic === null) throw new Refusal("invalid_request", "The path must name the topic.");
  return terms.topic;
}

function choose(call: Call, terms: ProduceTerms, topic: string, key: Uint8Array | null): number {
  const { door, context } = call;
  const count = door.broker.partitionCount(context, topic);
  if (count === 1) return 0;
  return key === null ? stickyPartition(call, terms, count) : partitionOfKey(key, count);
}

/** The record's headers, names in lower case. Runtimes give header values as one character a byte. */
function headersOf(request: Request): readonly RecordHeader[] {
  let headers: RecordHeader[] | null = null;
  request.headers.forEach((value, name) => {
    if (!name.startsWith(HEADER_PREFIX) || name.length === HEADER_PREFIX.length) return;
    headers ??= [];
    headers.push({ name: name.slice(HEADER_PREFIX.length), value: headerBytes(value) });
  });
  return headers ?? noHeaders;
}

function headerBytes(value: string): Uint8Array {
  const bytes = new Uint8Array(value.length);
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code > 255) return encoder.encode(value); // A runtime that decoded UTF-8 already.
    bytes[at] = code;
  }
  return bytes;
}

function bytesReply(
  terms: ProduceTerms,
  partition: number,
  answer: AppendAnswer,
  timestampMs: number | null,
): Reply {
  if (terms.acks === 0) return jsonText("{}", 202);
  const timestamp = answer.timestampMs ?? timestampMs;
  let results = "";
  for (let at = 0; at < answer.count; at++)
    results += `${at === 0 ? "" : ","}{"partition":${partition},"offset":${answer.baseOffset + at},"timestamp":${timestamp}}`;
  return jsonText(`{"results":[${results}],"duplicate":${answer.duplicate}${producerText(terms)}}`);
}
