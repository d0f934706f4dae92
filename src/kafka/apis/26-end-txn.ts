/**
 * EndTxn (key 26): commit or abort a transaction.
 *
 * - v5 raises the producer's epoch with every transaction and tells the new one; a repeat with the old epoch is answered
 *   again (KIP-890).
 */
import { bool, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { codeOf, NONE } from "../error-codes.ts";
import { fencedAs } from "../answers/transaction-errors.ts";

export const endTxn = defineApi({
  key: 26,
  name: "EndTxn",
  versions: "0-5",
  flexible: "3+",
  request: {
    transactionalId: string(),
    producerId: int64({ big: true }),
    producerEpoch: int16(),
    committed: bool(),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    producerId: int64({ versions: "5+", big: true, default: -1n, ignorable: true }),
    producerEpoch: int16({ versions: "5+", default: -1, ignorable: true }),
  },

  async handle(request, { broker, context, version }) {
    const { transactionalId, producerId, producerEpoch, committed: commit } = request;
    const clientVersion = version >= 5 ? 2 : 0;
    const ask = {
      transactionalId,
      producer: { producerId, producerEpoch },
      clientVersion,
    } as const;
    try {
      const next = await broker.transactions.end(context, { ...ask, commit });
      return { throttleTimeMs: 0, errorCode: NONE, ...next };
    } catch (error) {
      return { throttleTimeMs: 0, errorCode: codeOf(fencedAs(error, version >= 2)) };
    }
  },
});
