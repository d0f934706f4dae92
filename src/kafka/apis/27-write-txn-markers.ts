/**
 * WriteTxnMarkers (key 27): brokers write the end of transactions into partitions. No client sends it.
 *
 * - v2 tells the version of the transactions (KIP-1228).
 */
import { array, bool, int16, int32, int64, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

const writableTxnMarker = {
  producerId: int64({ big: true }),
  producerEpoch: int16(),
  transactionResult: bool(),
  topics: array({ name: string(), partitionIndexes: array(int32()) }),
  coordinatorEpoch: int32(),
  transactionVersion: int8({ versions: "2+", default: 0, ignorable: true }),
};

const writableTxnMarkerTopicResult = {
  name: string(),
  partitions: array({ partitionIndex: int32(), errorCode: int16() }),
};

const writableTxnMarkerResult = {
  producerId: int64({ big: true }),
  topics: array(writableTxnMarkerTopicResult),
};

export const writeTxnMarkers = defineApi({
  key: 27,
  name: "WriteTxnMarkers",
  versions: "1-2",
  flexible: "1+",
  request: { markers: array(writableTxnMarker) },
  response: { markers: array(writableTxnMarkerResult) },
});
