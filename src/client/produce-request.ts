/**
 * One produce request, from its first try until it is settled: what became of each of its records.
 *
 * Every try carries the same `Idempotency-Key`, so that the node answers for what already stands instead of writing it
 * again, also where some partitions took their records and others did not (207).
 */
import { badAnswer, isObject, KedgeError, refusalOf } from "./errors.ts";
import type { Receipt } from "./records.ts";
import { pauseMs, randomKey, sleep } from "./retry.ts";
import { isWhole, listOf, membersOf, shaped } from "./shape.ts";
import type { Call, Transport } from "./transport.ts";

/** `all`: synced on the leader and every in-sync replica. `1`: written. `0`: nobody says. */
export type Acks = "all" | 1 | 0;

/** Records that stand together or not at all, and only if the partition's next offset is the expected one. */
export interface Sealed {
  readonly partition: number;
  readonly expectOffset: number;
}

export interface ProduceRequest {
  readonly topic: string;
  /** Make the topic if there is none. */
  readonly create: boolean;
  /** JSON of each record. */
  readonly texts: readonly string[];
  readonly acks: Acks;
  readonly sealed: Sealed | null;
  readonly onRetry: (error: KedgeError) => void;
}

export type Outcome = Receipt | KedgeError;

/** One outcome a record, in order. Never rejects. */
export async function produceOnce(
  transport: Transport,
  request: ProduceRequest,
): Promise<Outcome[]> {
  const count = request.texts.length;
  const call = callOf(request);
  const started = performance.now();
  for (let tries = 1; ; tries++) {
    let outcomes: Outcome[];
    try {
      outcomes =
        request.acks === 0
          ? (await transport.done(call), Array.from({ length: count }, () => noReceipt))
          : readResults(await transport.json(call, isAnswered), count);
    } catch (error) {
      const known = error instanceof KedgeError ? error : badAnswer(String(error), 0, error);
      return Array.from({ length: count }, () => known);
    }
    const passing = outcomes.find((outcome) => outcome instanceof KedgeError && outcome.retryable);
    if (!(passing instanceof KedgeError)) return outcomes;
    const pause = pauseMs(passing, true, tries, performance.now() - started, transport.retry);
    if (pause === null) return outcomes;
    transport.retrying(passing, request);
    await sleep(pause);
  }
}

function callOf({ topic, create, texts, acks, sealed, onRetry }: ProduceRequest): Call {
  const expect = sealed ? `,"expect":{"offset":${sealed.expectOffset}}` : "";
  const where = sealed ? ["partitions", sealed.partition, "records"] : ["records"];
  return {
    method: "POST",
    path: ["v1", "topics", topic, ...where],
    query: {
      acks: acks === "all" ? undefined : acks,
      create: create ? true : undefined,
    },
    headers: { "idempotency-key": randomKey() },
    body: `{"records":[${texts.join(",")}]${expect}}`,
    repeatable: true,
    onRetry,
  };
}

type WireResult = Readonly<Record<string, unknown>>;

export interface WireAnswered {
  readonly results: readonly WireResult[];
}

export const isAnswered = membersOf<WireAnswered>({ results: listOf(isObject) });
const isPlaced = membersOf({ partition: isWhole, offset: isWhole });

/** `acks=0` is answered before anything has an offset. */
export const noReceipt: Receipt = { partition: -1, offset: -1, timestamp: null };

/** What the answer says of each of `count` records, in their order. */
export function readResults({ results }: WireAnswered, count: number): Outcome[] {
  if (results.length !== count)
    throw badAnswer(`The node was sent ${count} records and answered for others.`, 200);
  return results.map(readResult);
}

export function readResult(result: WireResult): Outcome {
  const error = result["error"];
  if (isObject(error)) return refusalOf(error, error["status"] ?? result["status"]);
  const { partition, offset } = shaped(result, isPlaced);
  const timestamp = result["timestamp"];
  return { partition, offset, timestamp: typeof timestamp === "number" ? timestamp : null };
}
