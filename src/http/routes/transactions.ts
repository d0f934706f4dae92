/**
 * Transactions: all of it in one call, or a session of several. A session's name carries Kafka's producer id and epoch; each
 * of its calls may be repeated.
 */
import type { InferOutput } from "valibot";
import type { TransactOffsets, TransactPart } from "../../broker/transactions/transact.ts";
import type { ProducerIdentity } from "../../coordinators/transactions/state.ts";
import { Refusal } from "../../lib/refusal.ts";
import { readBody } from "../bodies/body.ts";
import { Placer, type ProduceTerms } from "../producing/produce.ts";
import { HttpRefusal } from "../answers/problem.ts";
import { recordOf } from "../producing/record-in.ts";
import { json, type Reply } from "../answers/reply.ts";
import { type Call, defineRoute, type RouteResponse } from "../route.ts";
import { noQuery } from "../schema/shapes.ts";
import {
  beginBody,
  begun,
  ended,
  groupOffsets,
  offsetsAdded,
  transactBody,
  transacted,
  transactEnvelope,
  txnParams,
} from "../schema/transaction.ts";
import { readToken, tokenText } from "../producing/transaction-token.ts";
import { parseJson, validate } from "../bodies/validate.ts";
import { idempotenceOf } from "./produce.ts";

const TAG = "transactions";
const JSON_TYPE = "application/json";
const TIMEOUT_MS = 60_000;

const keyHeader = {
  "Idempotency-Key":
    "Any unique text: the same request again is answered with the first one's offsets.",
};

export const transact = defineRoute({
  method: "POST",
  path: "/v1/transact",
  tag: TAG,
  summary: "Append to several topics and commit a group's offsets, all or nothing",
  description:
    "Readers of committed records see all of it at once, or none. `expect` refuses the whole with 412 unless each of these " +
    "partitions' next offset is exactly this; a marker takes the offset after the last record. The refusal leaves nothing behind, " +
    "and its `topic`, `partition` and `actual` say what to expect in the next try. `settle` is refused: " +
    "there are no queues yet.",
  query: noQuery,
  headers: keyHeader,
  consumes: { [JSON_TYPE]: transactBody },
  responses: {
    200: { description: "Committed.", content: { [JSON_TYPE]: transacted } },
  },
  async handle(call): Promise<Reply> {
    const { door, context, request } = call;
    const body = await readBody(call);
    const envelope = validate(transactEnvelope, parseJson(body), "body");
    if (envelope.settle !== undefined) {
      throw new Refusal("invalid_request", "body.settle: there are no queues on this node yet.");
    }
    const idempotence = idempotenceOf(request);
    if (idempotence?.type === "sequence") {
      throw new Refusal("invalid_request", "Producer-Id: a transaction takes an Idempotency-Key.");
    }
    const offsets = envelope.offsets ? offsetsOf(envelope.offsets) : null;
    const { parts, places } = partsOf(call, envelope, idempotence);
    if (parts.length === 0 && !offsets) {
      throw new Refusal("invalid_request", "body: needs produce or offsets.");
    }
    const key = idempotence?.key ?? null;
    const answer = await door.broker.transactions.transact(context, { parts, offsets, key });
    const results = places.map(({ part, at }) => {
      const { topic, partition, records } = parts[part] as TransactPart;
      const { baseOffset = -1, timestampMs = null } = answer.appended[part] ?? {};
      const timestamp = timestampMs ?? records[at]?.timestampMs ?? null;
      return { topic, partition, offset: baseOffset + at, timestamp };
    });
    const { duplicate } = answer;
    return json({ results, duplicate } satisfies InferOutput<typeof transacted>);
  },
});

export const beginTransaction = defineRoute({
  method: "POST",
  path: "/v1/txns",
  tag: TAG,
  summary: "Begin a transaction",
  description:
    "Fences whoever used the transactional id before and aborts what it left open. Produce with the header `Txn: <txn>`, " +
    "then commit or abort; the answer names the next transaction. Past `timeout_ms` (60,000) it is aborted. Ids that begin with " +
    "`__kedge-transact-` are the node's own: 403.",
  query: noQuery,
  body: beginBody,
  responses: { 200: { description: "Begun.", content: { [JSON_TYPE]: begun } } },
  async handle({ door, context, body }) {
    const { transactional_id: transactionalId, timeout_ms = TIMEOUT_MS } = body;
    const producer = await door.broker.transactions.begin(context, transactionalId, timeout_ms);
    const answer = { ...opened(transactionalId, producer), timeout_ms };
    return json(answer satisfies InferOutput<typeof begun>);
  },
});

export const addOffsets = defineRoute({
  method: "POST",
  path: "/v1/txns/{txn}/add-offsets",
  tag: TAG,
  summary: "Commit a group's offsets with a transaction",
  params: txnParams,
  query: noQuery,
  body: groupOffsets,
  responses: {
    200: { description: "They count once it commits.", content: { [JSON_TYPE]: offsetsAdded } },
  },
  async handle({ door, context, params, body }) {
    const { transactionalId, producer } = readToken(params.txn, "txn");
    const { transactions } = door.broker;
    await transactions.addGroupOffsets(context, offsetsOf(body), transactionalId, producer);
    return json({ txn: params.txn, status: "ongoing" } satisfies InferOutput<typeof offsetsAdded>);
  },
});

const endResponses: Readonly<Record<number, RouteResponse>> = {
  200: {
    description: "The outcome stands; `next` is the transaction to go on with.",
    content: { [JSON_TYPE]: ended },
  },
};

export const commitTransaction = defineRoute({
  method: "POST",
  path: "/v1/txns/{txn}/commit",
  tag: TAG,
  summary: "Commit a transaction",
  params: txnParams,
  query: noQuery,
  responses: endResponses,
  handle: (call) => end(call, call.params.txn, true),
});

export const abortTransaction = defineRoute({
  method: "POST",
  path: "/v1/txns/{txn}/abort",
  tag: TAG,
  summary: "Abort a transaction",
  params: txnParams,
  query: noQuery,
  responses: endResponses,
  handle: (call) => end(call, call.params.txn, false),
});

async function end({ door, context }: Call, txn: string, commit: boolean): Promise<Reply> {
  const { transactionalId, producer } = readToken(txn, "txn");
  const next = await door.broker.transactions.endSession(
    context,
    transactionalId,
    producer,
    commit,
  );
  const answer: InferOutput<typeof ended> = {
    txn,
    status: commit ? "committed" : "aborted",
    next: opened(transactionalId, next),
  };
  return json(answer);
}

function opened(transactionalId: string, producer: ProducerIdentity) {
  return {
    txn: tokenText({ transactionalId, producer }),
    transactional_id: transactionalId,
    producer_id: Number(producer.producerId),
    producer_epoch: producer.producerEpoch,
  };
}

function offsetsOf(body: InferOutput<typeof groupOffsets>): TransactOffsets {
  const { group, member_id = "", member_epoch = -1, offsets } = body;
  return {
    groupId: group,
    memberId: member_id,
    memberEpoch: member_epoch,
    offsets: offsets.map(({ metadata = "", ...offset }) => ({ ...offset, metadata })),
  };
}

/** Records by partition, and where each record of the request went. */
function partsOf(
  call: Call,
  { produce = [], expect = [] }: InferOutput<typeof transactEnvelope>,
  idempotence: ProduceTerms["idempotence"],
) {
  const { recordsMax, topicsMax } = call.door.limits;
  if (new Set(produce.map(({ topic }) => topic)).size > topicsMax) {
    throw new Refusal("invalid_request", `body.produce: at most ${topicsMax} topics a request.`);
  }
  const parts: (TransactPart & { records: TransactPart["records"][number][] })[] = [];
  const known = new Map<string, number>();
  const places: { readonly part: number; readonly at: number }[] = [];
  for (const [index, { topic, records }] of produce.entries()) {
    const terms = { ...noTerms, topic, idempotence };
    const placer = new Placer(call, terms);
    for (const [at, value] of records.entries()) {
      const where = `body.produce.${index}.records.${at}`;
      const incoming = recordOf(value, where);
      const { partition } = placer.place(incoming, where);
      const name = `${partition}/${topic}`;
      const part = known.get(name) ?? parts.push({ topic, partition, records: [] }) - 1;
      known.set(name, part);
      const held = parts[part]?.records ?? [];
      places.push({ part, at: held.push(incoming.record) - 1 });
    }
  }
  if (places.length > recordsMax) {
    throw new HttpRefusal("body_too_large", `body.produce: at most ${recordsMax} records.`);
  }
  for (const [index, { topic, partition, offset }] of expect.entries()) {
    const part = known.get(`${partition}/${topic}`);
    const found = part === undefined ? undefined : parts[part];
    if (part === undefined || !found) {
      throw new Refusal(
        "invalid_request",
        `body.expect.${index}: only of partitions that the transaction writes to.`,
      );
    }
    parts[part] = { ...found, expectOffset: offset };
  }
  return { parts, places };
}

const noTerms: ProduceTerms = {
  topic: null,
  partition: null,
  acks: -1,
  create: false,
  expectOffset: null,
  idempotence: null,
  transaction: null,
};
