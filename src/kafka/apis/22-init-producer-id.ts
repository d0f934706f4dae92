/**
 * InitProducerId (key 22): an id and epoch for an idempotent or transactional producer.
 *
 * - A transactional id keeps its producer id; each call raises the epoch, ends what was open and fences who was before.
 * - v3 lets a producer go on with its own id and epoch (KIP-360), v4 has PRODUCER_FENCED, v5 TRANSACTION_ABORTABLE (KIP-890).
 * - Ids that the node keeps for its own one-shot transactions are TRANSACTIONAL_ID_AUTHORIZATION_FAILED, which clients do not try
 *   again.
 * - Left out: v6, two-phase commit (KIP-939), which Kafka does not serve yet either.
 */
import { int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { codeFor, codeOf, NONE } from "../error-codes.ts";
import { fencedAs } from "../answers/transaction-errors.ts";

export const initProducerId = defineApi({
  key: 22,
  name: "InitProducerId",
  versions: "0-5",
  flexible: "2+",
  request: {
    transactionalId: string({ nullable: "0+" }),
    transactionTimeoutMs: int32(),
    producerId: int64({ versions: "3+", big: true, default: -1n }),
    producerEpoch: int16({ versions: "3+", default: -1 }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    producerId: int64({ big: true, default: -1n }),
    producerEpoch: int16(),
  },

  async handle(request, { broker, context, version }) {
    const { transactionalId, transactionTimeoutMs: timeoutMs, producerId, producerEpoch } = request;
    const expected = producerId === -1n ? null : { producerId, producerEpoch };
    const none = { throttleTimeMs: 0, producerId: -1n, producerEpoch: -1 };
    if ((producerId === -1n) !== (producerEpoch === -1)) {
      return { ...none, errorCode: codeFor("invalid_request") };
    }
    try {
      const init = { transactionalId, timeoutMs, expected };
      const producer = await broker.transactions.initProducerId(context, init);
      return { ...none, ...producer, errorCode: NONE };
    } catch (error) {
      return { ...none, errorCode: codeOf(fencedAs(error, version >= 4)) };
    }
  },
});
