/**
 * NDJSON both ways over one request: a record a line up, a receipt a line down while the upload is still open.
 *
 * At most a bounded number of records is on its way without a receipt; past it the source is not read on.
 */
import { badAnswer, isObject, KedgeError, noAnswer } from "./errors.ts";
import { Linked } from "./linked.ts";
import { readLines } from "./lines.ts";
import { noReceipt, readResult } from "./produce-request.ts";
import type { SendOptions } from "./producer.ts";
import { encodeRecord, type Codec, type NewRecord, type Receipt } from "./records.ts";
import { parsed } from "./shape.ts";
import type { Transport } from "./transport.ts";

/** Records sent and not yet answered. */
const UNANSWERED_MAX = 10_000;

type Source = AsyncIterable<NewRecord<unknown, unknown>> | Iterable<NewRecord<unknown, unknown>>;

/** Receipts in order, until the source ends. Rejects with the first record's error; nothing after it was taken. */
export async function* produceLines(
  transport: Transport,
  codec: Codec,
  records: Source,
  { acks = "all", signal }: SendOptions,
): AsyncGenerator<Receipt, void, void> {
  const stop = new Linked(signal);
  const upload = new Upload(codec, records);
  try {
    const response = await transport.open({
      method: "POST",
      path: ["v1", "topics", codec.topic, "records"],
      query: acks === "all" ? {} : { acks },
      headers: { "content-type": "application/x-ndjson", accept: "application/x-ndjson" },
      body: upload.stream,
      repeatable: false,
      signal: stop.signal,
    });
    if (!response.body) throw badAnswer("The node answered without receipts.", response.status);
    for await (const line of readLines(response.body)) {
      upload.answered();
      yield receiptOf(line, acks);
    }
    if (upload.failure) throw upload.failure.error;
    if (upload.unanswered > 0)
      throw noAnswer(
        "unreachable",
        `The stream ended with ${upload.unanswered} records unsettled.`,
      );
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (upload.failure) throw upload.failure.error;
    if (cause instanceof KedgeError) throw cause;
    throw noAnswer("unreachable", "The stream of receipts broke.", cause);
  } finally {
    stop.close();
  }
}

/** The source as a body of lines that is pulled only as fast as receipts come. */
class Upload {
  readonly stream: ReadableStream<Uint8Array>;
  unanswered = 0;
  failure: { readonly error: unknown } | null = null;
  #wake: () => void = () => {};

  constructor(codec: Codec, records: Source) {
    const encoder = new TextEncoder();
    const lines = this.#lines(codec, records);
    this.stream = new ReadableStream({
      pull: async (controller) => {
        try {
          const next = await lines.next();
          if (next.done) controller.close();
          else controller.enqueue(encoder.encode(`${next.value}\n`));
        } catch (error) {
          this.failure = { error };
          controller.error(error);
        }
      },
      cancel: async () => {
        await lines.return();
      },
    });
  }

  answered(): void {
    this.unanswered -= 1;
    this.#wake();
  }

  async *#lines(codec: Codec, records: Source): AsyncGenerator<string, void, void> {
    for await (const record of records) {
      while (this.unanswered >= UNANSWERED_MAX)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      this.unanswered += 1;
      yield await encodeRecord(record, codec);
    }
  }
}

function receiptOf(line: string, acks: SendOptions["acks"]): Receipt {
  const result = parsed(line, isObject);
  if (acks === 0 && !isObject(result["error"])) return noReceipt;
  const outcome = readResult(result);
  if (outcome instanceof KedgeError) throw outcome;
  return outcome;
}
