/**
 * Publications of one WebSocket: appended in the order they came, their receipts sent in that order too.
 *
 * - Appends do not wait for each other, so that those of one turn share a commit. What is in flight is bounded; past it a
 *   publication is refused, and the client may send it again.
 */
import type { Idempotence } from "../../broker/verbs.ts";
import { Refusal } from "../../lib/refusal.ts";
import { produceAll, type ProduceTerms } from "../producing/produce.ts";
import { recordOf } from "../producing/record-in.ts";
import type { Call } from "../route.ts";
import type { PubMessage } from "../schema/socket.ts";

interface PublisherLimits {
  readonly publishingMax: number;
  readonly publishingLengthMax: number;
}

/** An answer as a produce route gives it, or why there is none. */
export type Outcome =
  | { readonly status: number; readonly body: string }
  | { readonly error: unknown };

export class Publisher {
  readonly #call: Call;
  readonly #limits: PublisherLimits;
  #receipts: Promise<void> = Promise.resolve();
  #count = 0;
  #length = 0;

  constructor(call: Call, limits: PublisherLimits) {
    this.#call = call;
    this.#limits = limits;
  }

  /** Appends what a message of `length` characters holds, and gives its outcome to `send` in its turn. */
  publish(message: PubMessage, length: number, send: (outcome: Outcome) => void): void {
    this.#count += 1;
    this.#length += length;
    const pending = this.#append(message).catch((error: unknown): Outcome => ({ error }));
    this.#receipts = this.#receipts.then(async () => {
      const outcome = await pending;
      this.#count -= 1;
      this.#length -= length;
      send(outcome);
    });
  }

  async #append(message: PubMessage): Promise<Outcome> {
    const { publishingMax, publishingLengthMax } = this.#limits;
    if (this.#count > publishingMax || this.#length > publishingLengthMax)
      throw new Refusal(
        "throttling_quota_exceeded",
        `At most ${publishingMax} publications of ${publishingLengthMax} characters in all may await their receipts.`,
      );
    const { recordsMax } = this.#call.door.limits;
    if (message.records.length > recordsMax)
      throw new Refusal("invalid_request", `message.records: at most ${recordsMax} a message.`);
    const incoming = message.records.map((record, at) => recordOf(record, `message.records.${at}`));
    const reply = await produceAll(this.#call, termsOf(message), incoming);
    return { status: reply.status, body: typeof reply.body === "string" ? reply.body : "{}" };
  }
}

function termsOf(message: PubMessage): ProduceTerms {
  const { topic, partition, acks, create, expect } = message;
  if (partition !== undefined && topic === undefined)
    throw new Refusal("invalid_request", "message.partition: only with a topic.");
  if (expect && partition === undefined)
    throw new Refusal("invalid_request", "message.expect: only with a partition.");
  return {
    topic: topic ?? null,
    partition: partition ?? null,
    acks: acks === 0 || acks === "0" ? 0 : acks === 1 || acks === "1" ? 1 : -1,
    create,
    expectOffset: expect?.offset ?? null,
    transaction: null,
    idempotence: idempotenceOf(message),
  };
}

function idempotenceOf({ idempotency_key: key, producer }: PubMessage): Idempotence | null {
  if (key !== undefined && producer)
    throw new Refusal("invalid_request", "message: idempotency_key or producer, not both.");
  if (key !== undefined) return { type: "key", key };
  if (!producer) return null;
  const { id, epoch, seq } = producer;
  return { type: "sequence", producerId: id, epoch, sequence: seq };
}
