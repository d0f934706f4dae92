/**
 * Fetch: the records of one partition, or of many at once, from any place; by long poll if asked.
 *
 * - `Accept: application/x-ndjson` gives one record a line, `application/vnd.kafka.recordbatch` whole v2 batches as stored;
 *   what JSON says around the records is then in `Kafka-*` headers.
 * - Below the log start: 410; beyond its end: 416; `clamp` goes on at the nearest end instead.
 */
import type { InferOutput } from "valibot";
import { readBytesOf } from "../../broker/traffic.ts";
import type { Isolation, ReadAnswer, ReadOptions } from "../../broker/verbs.ts";
import { mapAsync } from "../../lib/async.ts";
import { type Ask, readAsks } from "../reading/asks.ts";
import { endsHeaders, endsText, pageOf, upToDate, type PageTerms } from "../reading/page.ts";
import { offsetOf, type PartitionName } from "../reading/places.ts";
import { problemOf } from "../answers/problem.ts";
import { BATCH_TYPE } from "../producing/produce-bytes.ts";
import { LINES_TYPE } from "../producing/produce-stream.ts";
import { LongText } from "../answers/long-text.ts";
import { jsonText, type Reply } from "../answers/reply.ts";
import { defineRoute, type Call } from "../route.ts";
import { batchesReply, type Span } from "../reading/raw-batches.ts";
import { inLines, listed, RecordsText } from "../reading/records-text.ts";
import { fetched, fetchedMany, fetchManyBody, fetchQuery } from "../schema/fetch.ts";
import { recordOut } from "../schema/record.ts";
import { noQuery, partitionParams } from "../schema/shapes.ts";
import { turnOf } from "../reading/turn.ts";

const TAG = "fetch";
const RECORDS_DEFAULT = 500;
const BYTES_DEFAULT = 1024 * 1024;

const live = { "cache-control": "no-store" };

type Terms = InferOutput<typeof fetchQuery> | InferOutput<typeof fetchManyBody>;

export const fetchPartition = defineRoute({
  method: "GET",
  path: "/v1/topics/{topic}/partitions/{partition}/records",
  tag: TAG,
  summary: "Read records of one partition",
  description:
    "`from` is an offset, `earliest` (default), `latest`, `ts:<ISO 8601 or ms>` or `tail:<count>`; `to` is exclusive. With " +
    "`wait_ms` it is a long poll: answers once `min_bytes` are there or the time is over, then with `records: []`. `as=json` " +
    "gives values parsed, `text` and `b64` as they say, `auto` text where it is UTF-8. `turn` is for caches alone.",
  params: partitionParams,
  query: fetchQuery,
  responses: {
    200: {
      description: "Records, ascending; ask on from `next`.",
      content: { "application/json": fetched, [LINES_TYPE]: recordOut, [BATCH_TYPE]: "binary" },
      headers: { "Kafka-Next": "For lines and batches: the offset to ask for next." },
    },
  },
  async handle(call) {
    const { query, params } = call;
    const spec = query.from ?? { at: "earliest" };
    const bytesMax = query.max_bytes ?? BYTES_DEFAULT;
    const ask: Ask = { ...params, spec, bytesMax, from: 0 };
    const to = query.to ?? Number.MAX_SAFE_INTEGER;
    ask.from = await offsetOf(call, ask, spec, isolationOf(query));
    // Nothing below `to` can come any more: a wait would be in vain.
    const waits = (query.wait_ms ?? 0) > 0 && ask.from < to;
    const readWith = (options: ReadOptions) =>
      readAsks(call, [ask], options, query.clamp === true, to);
    return answered(call, query, waits, readWith, async ([answer], granted) => {
      if (!answer) return jsonText("{}"); // One answer a request.
      if (answer.refusal) throw answer.refusal;
      return pageReply(call, query, answer, { from: ask.from, to, bytesMax: granted });
    });
  },
});

async function pageReply(
  call: Call,
  query: InferOutput<typeof fetchQuery>,
  answer: ReadAnswer,
  span: Span,
): Promise<Reply> {
  const accept = call.request.headers.get("accept") ?? "";
  const turn = turnOf(call.door.clock.nowMs(), query.turn);
  const besides = { "kafka-turn": turn, ...live };
  if (accept.includes(BATCH_TYPE)) return batchesReply(answer, span, isolationOf(query), besides);
  const isLines = accept.includes(LINES_TYPE);
  const text = new LongText();
  if (!isLines) text.add(`{"records":[`);
  const records = new RecordsText(text, isLines ? inLines : listed);
  const terms = pageTerms(call, query, span.bytesMax);
  const page = await pageOf(answer, span.from, span.to, terms, records);
  if (isLines) {
    const headers = { ...endsHeaders(answer, page.next, page.upToDate), ...besides };
    return { status: 200, type: LINES_TYPE, body: text.finish(), headers };
  }
  text.add(
    `],"next":${page.next},"up_to_date":${page.upToDate},${endsText(answer)},"turn":"${turn}"}`,
  );
  return jsonText(text.finish(), 200, live);
}

export const fetchMany = defineRoute({
  method: "POST",
  path: "/v1/fetch",
  tag: TAG,
  summary: "Read records of many partitions",
  description:
    "As one partition's fetch, over up to 1,000; limits and `min_bytes` count over all of them. 207 where some refuse.",
  query: noQuery,
  body: fetchManyBody,
  responses: {
    200: { description: "Every partition answered.", content: { "application/json": fetchedMany } },
    207: { description: "Some partitions refused.", content: { "application/json": fetchedMany } },
  },
  async handle(call) {
    const { body } = call;
    const bytesMax = body.max_bytes ?? BYTES_DEFAULT;
    const isolation = isolationOf(body);
    const places = await mapAsync(body.partitions, async (each) => {
      const spec = each.from ?? ({ at: "earliest" } as const);
      const ask: Ask = { ...each, spec, bytesMax: each.max_bytes ?? bytesMax, from: 0 };
      try {
        ask.from = await offsetOf(call, ask, spec, isolation);
        return { ask };
      } catch (error) {
        return { ask, error };
      }
    });
    const asks = places.flatMap((place) => ("error" in place ? [] : [place.ask]));
    const anyFailed = asks.length < places.length;
    const waits = (body.wait_ms ?? 0) > 0 && !anyFailed;
    const readWith = (options: ReadOptions) => readAsks(call, asks, options, body.clamp === true);
    return answered(call, body, waits, readWith, (answers, granted) => {
      const byAsk = new Map(asks.map((ask, index) => [ask, answers[index]]));
      const found = places.map((place) => ({ ...place, answer: byAsk.get(place.ask) }));
      return pagesReply(call, body, found, granted);
    });
  },
});

/** One partition's place in a fetch of many. */
interface Found {
  readonly ask: Ask;
  readonly error?: unknown;
  readonly answer: ReadAnswer | undefined;
}

async function pagesReply(
  call: Call,
  body: InferOutput<typeof fetchManyBody>,
  places: readonly Found[],
  bytesMax: number,
): Promise<Reply> {
  const isolation = isolationOf(body);
  const text = new LongText();
  let between = `{"partitions":[`;
  let recordsLeft = body.max_records ?? RECORDS_DEFAULT;
  let bytesLeft = bytesMax;
  let failed = 0;
  let firstError: unknown;
  for (const { ask, answer, error: placeError } of places) {
    const error = placeError ?? answer?.refusal;
    if (error) {
      failed++;
      firstError ??= error;
      const problem = problemOf(error, call.id);
      text.add(
        `${between}{${nameText(ask)},"status":${problem.status},"error":${JSON.stringify(problem)}}`,
      );
      between = ",";
    } else if (answer) {
      text.add(`${between}{${nameText(ask)},"records":[`);
      between = ",";
      const terms = { ...pageTerms(call, body, bytesLeft), recordsMax: recordsLeft };
      const page =
        recordsLeft > 0 && bytesLeft > 0
          ? await pageOf(
              answer,
              ask.from,
              Number.MAX_SAFE_INTEGER,
              terms,
              new RecordsText(text, listed),
            )
          : {
              records: 0,
              bytes: 0,
              next: answer.from,
              upToDate: upToDate(answer, answer.from, isolation),
            };
      recordsLeft -= page.records;
      bytesLeft -= page.bytes;
      text.add(`],"next":${page.next},"up_to_date":${page.upToDate},${endsText(answer)}}`);
    }
  }
  if (failed > 0 && places.length === 1) throw firstError;
  const turn = turnOf(call.door.clock.nowMs(), undefined);
  if (places.length === 0) text.add(between);
  text.add(`],"turn":"${turn}"}`);
  return jsonText(text.finish(), failed > 0 ? 207 : 200, live);
}

/** Makes the reply to what was read, within so many bytes. */
type MakeReply = (answers: readonly ReadAnswer[], bytesMax: number) => Promise<Reply>;

/** Reads, and makes the reply: at once where there is room to do so, as almost always. */
async function answered(
  call: Call,
  terms: Terms,
  waits: boolean,
  readWith: (options: ReadOptions) => Promise<ReadAnswer[]>,
  reply: MakeReply,
): Promise<Reply> {
  const bytesMax = terms.max_bytes ?? BYTES_DEFAULT;
  const { untaken } = call.door;
  let size = 0;
  // Nothing is set aside for as long as a reader waits.
  let making = waits ? null : untaken.begin(bytesMax);
  if (waits || making) {
    try {
      const fitting = making?.bytes ?? untaken.fitting(bytesMax);
      const options = readOptions(call, terms, fitting, waits);
      const answers = await readWith(
        making ? { ...options, firstBytesMax: making.weight } : options,
      );
      size = refusedBytesOf(answers);
      const found = bytesOf(answers);
      making ??= untaken.begin(found > 0 ? bytesMax : 0, found);
      if (making && size === 0) {
        const given = givenOf(answers);
        const made = await reply(answers, making.bytes || bytesMax);
        size = untaken.sizeToWaitFor(made, making.bytes);
        if (size === 0) {
          countOut(call, given);
          return made;
        }
      } else {
        for (const { done } of answers) done?.();
        // A small one waits for its turn, and for no room.
        if (size === 0 && found >= call.door.limits.answerPiecesMin) size = found;
      }
    } finally {
      if (making) untaken.end(making);
    }
  }
  // What was found meanwhile is read again when it is its turn, rather than held until then.
  return untaken.make(bytesMax, size, call, async (granted, firstBytesMax) => {
    const options = { ...readOptions(call, terms, granted, false), firstBytesMax };
    const answers = await readWith(options);
    const refused = refusedBytesOf(answers);
    if (refused > 0) return refused;
    const given = givenOf(answers);
    const made = await reply(answers, granted);
    countOut(call, given);
    return made;
  });
}

function bytesOf(answers: readonly ReadAnswer[]): number {
  return answers.reduce((sum, answer) => sum + readBytesOf(answer), 0);
}

/** The size of the batch for which there was no room, or 0. */
function refusedBytesOf(answers: readonly ReadAnswer[]): number {
  return answers.find(({ refusedBytes }) => refusedBytes !== undefined)?.refusedBytes ?? 0;
}

function readOptions(call: Call, terms: Terms, bytesMax: number, waits: boolean): ReadOptions {
  const waitMs = waits ? (terms.wait_ms ?? 0) : 0;
  return {
    bytesMin: terms.min_bytes ?? 1,
    bytesMax,
    waitMs,
    isolation: isolationOf(terms),
    ...(waitMs > 0 ? { signal: call.request.signal } : {}),
  };
}

function isolationOf(terms: Terms): Isolation {
  return terms.isolation ?? "read_committed";
}

function pageTerms(call: Call, terms: Terms, bytesMax: number): PageTerms {
  return {
    recordsMax: terms.max_records ?? RECORDS_DEFAULT,
    bytesMax,
    isolation: isolationOf(terms),
    form: terms.as ?? "auto",
    opener: call.door.opener,
  };
}

interface Given {
  readonly topic: string;
  readonly bytes: number;
}

/** What of the log goes out; to be asked before it is done with. */
function givenOf(answers: readonly ReadAnswer[]): Given[] {
  return answers.flatMap((answer) =>
    answer.refusal ? [] : [{ topic: answer.topic, bytes: readBytesOf(answer) }],
  );
}

function countOut({ door }: Call, given: readonly Given[]): void {
  for (const { topic, bytes } of given) door.broker.traffic.fetched(topic, bytes);
}

function nameText({ topic, partition }: PartitionName): string {
  return `"topic":${JSON.stringify(topic)},"partition":${partition}`;
}
