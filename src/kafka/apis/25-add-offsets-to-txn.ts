/**
 * AddOffsetsToTxn (key 25): a transaction is going to commit a group's offsets.
 *
 * - v2 has PRODUCER_FENCED, v4 TRANSACTION_ABORTABLE (KIP-890).
 */
import { int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

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
});
