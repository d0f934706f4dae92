/**
 * AddOffsetsToTxn (key 25): a transaction is going to commit a group's offsets.
 *
 * - v2 has PRODUCER_FENCED, v4 TRANSACTION_ABORTABLE (KIP-890).
 */
import { int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { codeOf, NONE } from "../error-codes.ts";
import { fencedAs } from "../answers/transaction-errors.ts";

export const addOffsetsToTxn = defineApi({
  key: 25,
  name: "AddOffsetsToTxn",
  versions: "0-4",
  flexible: "3+",
  request: {
    transactionalId: string(),
    producerId: int64({ big: true }),
    producerEpoch: int16(),
    groupId: string(),
  },
  response: { throttleTimeMs: int32(), errorCode: int16() },

  async handle(request, { broker, context, version }) {
    const { transactionalId, producerId, producerEpoch, groupId } = request;
    const producer = { producerId, producerEpoch };
    try {
      const ask = { transactionalId, producer, clientVersion: 0 } as const;
      await broker.transactions.addOffsets(context, groupId, ask);
      return { throttleTimeMs: 0, errorCode: NONE };
    } catch (error) {
      return { throttleTimeMs: 0, errorCode: codeOf(fencedAs(error, version >= 2)) };
    }
  },
});
