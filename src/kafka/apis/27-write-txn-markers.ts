/**
 * WriteTxnMarkers (key 27): brokers write the end of transactions into partitions. No client sends it.
 *
 * - It is Kafka's ClusterAction, which without an authorizer everybody may do: so here, until security is built.
 * - v2 tells the version of the transactions (KIP-1228).
 */
import { array, bool, int16, int32, int64, int8, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { mapInTurns, mapNestedInTurns, mapSlices } from "../../lib/async.ts";
import { partitionsOf } from "../../coordinators/transactions/partitions.ts";
import type { Decoded } from "../../wire/schema.ts";
import { codeOf, NONE } from "../error-codes.ts";

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

  async handle({ markers }, { broker, context, door }) {
    const results = await mapInTurns(door.clock, markers, async (marker) => {
      const { producerId, producerEpoch, coordinatorEpoch, topics } = marker;
      const named = topics.map(({ name, partitionIndexes }) => ({
        topic: name,
        partitions: partitionIndexes,
      }));
      const outcomes = await broker.transactions.writeMarkers(
        context,
        {
          producerId,
          producerEpoch,
          coordinatorEpoch,
          commit: marker.transactionResult,
          version: marker.transactionVersion >= 2 ? 2 : 0,
        },
        partitionsOf(named),
      );
      const failed = new Map<string, number>();
      await mapSlices(door.clock, outcomes, (some) => {
        for (const { topic, index, refusal } of some)
          if (refusal) failed.set(`${index} ${topic}`, codeOf(refusal));
        return [];
      });
      const partitions = await mapNestedInTurns(
        door.clock,
        topics,
        ({ partitionIndexes }) => partitionIndexes,
        (partitionIndex, { name }) => ({
          partitionIndex,
          errorCode: failed.get(`${partitionIndex} ${name}`) ?? NONE,
        }),
      );
      const answers = topics.map(({ name }, at) => ({ name, partitions: partitions[at] ?? [] }));
      return { producerId, topics: answers };
    });
    // Those without a partition are left out, as in Kafka.
    return { markers: results.filter((_, at) => hasPartitions(markers[at])) };
  },
});

function hasPartitions(marker: Decoded<typeof writableTxnMarker> | undefined): boolean {
  return marker?.topics.some(({ partitionIndexes }) => partitionIndexes.length > 0) ?? false;
}
