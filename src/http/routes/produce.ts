/**
 * Produce, in every form a body can have: a JSON envelope, lines, a raw batch, or any bytes as one record.
 */
import { nodeCrypto } from "../../lib/builtins.ts";
import type { InferOutput } from "valibot";
import type { Acks, Idempotence } from "../../broker/verbs.ts";
import { Refusal } from "../../lib/refusal.ts";
import { defaultLogLimits } from "../../log/limits.ts";
import { mediaTypeOf, readBody } from "../bodies/body.ts";
import { httpLimits } from "../limits.ts";
import { HttpRefusal } from "../answers/problem.ts";
import { BATCH_TYPE, produceBatch, produceRaw } from "../producing/produce-bytes.ts";
import { LINES_TYPE, produceLines } from "../producing/produce-stream.ts";
import { produceAll, type ProduceTerms } from "../producing/produce.ts";
import { recordOf } from "../producing/record-in.ts";
import type { Reply } from "../answers/reply.ts";
import { defineRoute, type Call, type MediaSchemas, type RouteResponse } from "../route.ts";
import {
  envelope,
  produceBody,
  produced,
  producedInPart,
  produceManyBody,
  produceManyQuery,
  produceQuery,
  produceTopicQuery,
  receipt,
} from "../schema/produce.ts";
import { recordIn, recordInWithTopic } from "../schema/record.ts";
import { partitionParams, topicParams } from "../schema/shapes.ts";
import { readToken } from "../producing/transaction-token.ts";
import { parseJson, validate } from "../bodies/validate.ts";

const TAG = "produce";
const JSON_TYPE = "application/json";

/** The log takes 256; a line's key has its number added. */
const NAME_MAX = 240;
const EPOCH_MAX = 32_767;

const idempotenceHeaders = {
  "Producer-Id":
    "The producer's own name; with Producer-Seq its requests are kept once and in order.",
  "Producer-Epoch": "Rises when a producer starts anew; an older epoch is refused with 403.",
  "Producer-Seq":
    "Counts the requests of this producer and partition (in NDJSON: lines) from 0. One that comes ahead is held " +
    `${defaultLogLimits.earlyRequestWaitMs / 1_000} s ` +
    "for those before it, then refused with 409 and `Producer-Expected-Seq`, the one that was awaited.",
  Txn: "The open transaction (`POST /v1/txns`) that the records become part of.",
  "Idempotency-Key":
    "Any unique text: the same request again is answered with the first one's offsets.",
};

const responses: Readonly<Record<number, RouteResponse>> = {
  200: {
    description:
      "Kept. NDJSON in gives one receipt a line, in order, while the upload is open; `side_effects` of a line's error is of this " +
      "line alone, and where the upload itself ended badly it is `unknown`, since lines before may be kept.",
    content: { [JSON_TYPE]: produced, [LINES_TYPE]: receipt },
  },
  202: { description: "Queued (`acks=0`): `{}`, or `{}` a line." },
  207: {
    description: "Some partitions took their records, others refused: a status per record.",
    content: { [JSON_TYPE]: producedInPart },
  },
};

const consumes: MediaSchemas = {
  [JSON_TYPE]: produceBody,
  [LINES_TYPE]: recordIn,
  [BATCH_TYPE]: "binary",
  "application/octet-stream": "binary",
  "*/*": "binary",
};

const description =
  "Content-Type decides: `application/json` is an envelope of records (with `?raw=1`: one value); `application/x-ndjson` " +
  "is one record a line; `application/vnd.kafka.recordbatch` is one v2 batch; any other body is the value of one record, " +
  "its key in `?key=` or `?key_b64=`, its headers in `Kafka-Header-<name>`, whose names arrive in lower case, as HTTP has it (the envelope keeps them as they are). `acks`: `all` (synced on every in-sync " +
  "replica), `1` (written by the leader), `0` (queued).";

export const produceToTopic = defineRoute({
  method: "POST",
  path: "/v1/topics/{topic}/records",
  tag: TAG,
  summary: "Append records",
  otherMethods:
    "To read: GET /v1/topics/{topic}/partitions/{partition}/records, POST /v1/fetch for many partitions at once, or GET /v1/tail.",
  description,
  params: topicParams,
  query: produceTopicQuery,
  headers: idempotenceHeaders,
  consumes,
  responses,
  handle: (call) => produce(call, call.query, call.params.topic, null),
});

export const produceToPartition = defineRoute({
  method: "POST",
  path: "/v1/topics/{topic}/partitions/{partition}/records",
  tag: TAG,
  summary: "Append records to one partition",
  description: `${description} \`expect\` refuses with 412 unless the next offset is exactly this.`,
  params: partitionParams,
  query: produceQuery,
  headers: idempotenceHeaders,
  consumes,
  responses,
  handle: (call) => produce(call, call.query, call.params.topic, call.params.partition),
});

export const produceToMany = defineRoute({
  method: "POST",
  path: "/v1/produce",
  tag: TAG,
  summary: "Append records to several topics",
  description:
    "As for one topic, each record naming its own; JSON envelope or NDJSON. An envelope may name at most " +
    `${httpLimits.topicsMax} topics, else 400; NDJSON any number, of which \`create=true\` makes at most ` +
    `${httpLimits.topicsMax}: a line past that gets a receipt that says so.`,
  query: produceManyQuery,
  headers: idempotenceHeaders,
  consumes: { [JSON_TYPE]: produceManyBody, [LINES_TYPE]: recordInWithTopic },
  responses,
  handle: (call) => produce(call, call.query, null, null),
});

function produce(
  call: Call,
  query: InferOutput<typeof produceQuery>,
  topic: string | null,
  partition: number | null,
): Reply | Promise<Reply> {
  const { request } = call;
  const terms: ProduceTerms = {
    topic,
    partition,
    acks: acksOf(query.acks),
    create: query.create ?? false,
    expectOffset: query.expect ?? null,
    ...ownerOf(request),
  };
  if (terms.expectOffset !== null && partition === null) throw unpinned("query.expect");
  const type = mediaTypeOf(request);
  const raw =
    type !== LINES_TYPE && type !== BATCH_TYPE && (type !== JSON_TYPE || query.raw === true);
  if (!raw || topic === null) refuseRecordQuery(query);
  if (type === LINES_TYPE) return produceLines(call, terms);
  if (topic === null && type !== JSON_TYPE)
    throw new HttpRefusal(
      "unsupported_media_type",
      `Send ${JSON_TYPE} or ${LINES_TYPE} here; other bodies go to /v1/topics/{topic}/records.`,
      { accept: `${JSON_TYPE}, ${LINES_TYPE}` },
    );
  const body = readBody(call);
  if (raw) return body.then((bytes) => produceRaw(call, terms, query, bytes));
  if (type === BATCH_TYPE) return body.then((bytes) => produceBatch(call, terms, bytes));
  return body.then((bytes) => produceEnvelope(call, terms, bytes));
}

function produceEnvelope(call: Call, terms: ProduceTerms, bytes: Uint8Array): Promise<Reply> {
  const { records, acks, expect } = validate(envelope, parseJson(bytes), "body");
  const { recordsMax } = call.door.limits;
  if (records.length > recordsMax)
    throw new HttpRefusal(
      "body_too_large",
      `body.records: at most ${recordsMax} a request; NDJSON has no limit.`,
    );
  if (expect !== undefined && terms.partition === null) throw unpinned("body.expect");
  const incoming = records.map((record, index) => recordOf(record, `body.records.${index}`));
  const own: ProduceTerms = {
    ...terms,
    acks: acks === undefined ? terms.acks : acksOf(String(acks)),
    expectOffset: expect?.offset ?? terms.expectOffset,
  };
  return produceAll(call, own, incoming);
}

function acksOf(acks: string | undefined): Acks {
  if (acks === "0") return 0;
  return acks === "1" ? 1 : -1;
}

function unpinned(where: string): Refusal {
  return new Refusal(
    "invalid_request",
    `${where}: only with a pinned partition: POST …/partitions/{p}/records.`,
  );
}

/** `key`, `key_b64` and `timestamp` say something of one record only. */
function refuseRecordQuery(query: InferOutput<typeof produceQuery>): void {
  for (const name of ["key", "key_b64", "timestamp"] as const)
    if (query[name] !== undefined)
      throw new Refusal(
        "invalid_request",
        `query.${name}: only where the body is one record's value; here each record brings its own.`,
      );
}

/** The transaction of the request, and what makes it safe to repeat: its key means nothing in another transaction. */
function ownerOf(request: Request): Pick<ProduceTerms, "idempotence" | "transaction"> {
  const idempotence = idempotenceOf(request);
  const txn = request.headers.get("txn");
  if (txn === null) return { idempotence, transaction: null };
  const transaction = readToken(txn, "Txn");
  if (idempotence === null) return { idempotence, transaction };
  if (idempotence.type === "sequence")
    throw new Refusal("invalid_request", "Producer-Id: a transaction takes an Idempotency-Key.");
  const key = nodeCrypto()
    .createHash("sha256")
    .update(`${txn} ${idempotence.key}`)
    .digest("base64url");
  return { idempotence: { type: "key", key: `txn:${key}` }, transaction };
}

/** What makes the request safe to repeat. Throws invalid_request on half of it. */
export function idempotenceOf(request: Request): Idempotence | null {
  const { headers } = request;
  const key = headers.get("idempotency-key");
  const producerId = headers.get("producer-id");
  if (key !== null) {
    if (producerId !== null)
      throw new Refusal("invalid_request", "Send Idempotency-Key or Producer-Id, not both.");
    return { type: "key", key: nameOf(key, "Idempotency-Key") };
  }
  if (producerId === null) {
    for (const name of ["producer-epoch", "producer-seq"])
      if (headers.has(name))
        throw new Refusal("invalid_request", `${name} means nothing without Producer-Id.`);
    return null;
  }
  const sequence = headers.get("producer-seq");
  if (sequence === null) throw new Refusal("invalid_request", "Producer-Seq is missing.");
  return {
    type: "sequence",
    producerId: nameOf(producerId, "Producer-Id"),
    epoch: integerOf(headers.get("producer-epoch") ?? "0", "Producer-Epoch", EPOCH_MAX),
    sequence: integerOf(sequence, "Producer-Seq", Number.MAX_SAFE_INTEGER),
  };
}

function nameOf(text: string, header: string): string {
  if (text.length === 0 || text.length > NAME_MAX)
    throw new Refusal("invalid_request", `${header} must have 1 to ${NAME_MAX} characters.`);
  return text;
}

function integerOf(text: string, header: string, max: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= max))
    throw new Refusal("invalid_request", `${header} must be an integer from 0 to ${max}.`);
  return value;
}
