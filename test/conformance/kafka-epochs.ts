/**
 * What becomes of a transactional producer whose epochs are used up, frame by frame, and who may write markers: run against
 * Apache Kafka first, then against kedge. It takes 100,000 requests, so it is no part of the gate.
 */
import { describe, expect, test } from "bun:test";
import { writeTxnMarkers } from "../../src/kafka/apis/27-write-txn-markers.ts";
import { newTopic, valuesOf } from "./kafka-records.ts";
import { connectionTo, type Here, type OpenDoor } from "./kafka-suite.ts";
import { type Identity, patient, TransactionalClient } from "./kafka-transactional.ts";

/** One below the largest int16: the last that a producer is given. */
const LAST_EPOCH = 32_766;
/** Requests on their way at once. */
const AT_ONCE = 100;

export function kafkaEpochsSuite(name: string, open: OpenDoor): void {
  describe(`${name}: epochs`, () => {
    const here = connectionTo(open);
    markerTests(here);

    test("after the last epoch the next producer has another id", async () => {
      const client = new TransactionalClient(here());
      const last = await exhausted(client);
      const young = await client.init();
      expect(young).toMatchObject({ errorCode: 0, producerEpoch: 0 });
      expect(young.producerId).not.toBe(last.producerId);
      const topic = await newTopic(here());
      expect(await client.produce(last, topic, "late")).toBeLessThan(0);
      expect((await client.end(last, true)).errorCode).not.toBe(0);
      const { producerId } = young;
      expect(await client.produce({ producerId, producerEpoch: 0 }, topic, "a")).toBe(0);
      expect((await client.end({ producerId, producerEpoch: 0 }, true)).errorCode).toBe(0);
    });

    test("a producer at its last epoch may ask to go on, and gets another id", async () => {
      const client = new TransactionalClient(here());
      const last = await exhausted(client);
      const young = await client.init(last);
      expect(young).toMatchObject({ errorCode: 0, producerEpoch: 0 });
      expect(young.producerId).not.toBe(last.producerId);
      // Its answer was lost: it asks again.
      expect(await client.init(last)).toMatchObject({ ...young });
    });

    test("a transaction that ends at the last epoch moves its producer to another id", async () => {
      const client = new TransactionalClient(here());
      const last = await exhausted(client);
      const topic = await newTopic(here());
      expect(await client.produce(last, topic, "at the last epoch")).toBe(0);
      const ended = await client.end(last, true);
      expect(ended).toMatchObject({ errorCode: 0, producerEpoch: 0 });
      expect(ended.producerId).not.toBe(last.producerId);
      const again = await patient(() => client.end(last, true));
      const { producerId, producerEpoch } = ended;
      expect(again).toMatchObject({ errorCode: 0, producerId, producerEpoch });
      const young = { producerId, producerEpoch };
      const offset = await client.produce(young, topic, "at the first");
      expect(offset).toBe(2);
      expect(await patient(() => client.end(young, false))).toMatchObject({
        errorCode: 0,
        producerId,
        producerEpoch: 1,
      });
      await client.reach("CompleteAbort");
      expect(await client.produce(last, topic, "late", { sequence: 1 })).toBe(-47);
      const { records } = await client.read(topic, 0, 1);
      expect(valuesOf(records)[0]).toBe("at the last epoch");
    });
  });
}

/** Takes the id over until its epochs are used up. */
async function exhausted(client: TransactionalClient): Promise<Identity> {
  let last = await client.begin();
  while (last.producerEpoch < LAST_EPOCH) {
    const count = Math.min(AT_ONCE, LAST_EPOCH - last.producerEpoch);
    const answers = await Promise.all(Array.from({ length: count }, () => client.init()));
    const answer = answers.at(-1);
    expect(answer?.errorCode).toBe(0);
    expect(answer?.producerId).toBe(last.producerId);
    last = { producerId: last.producerId, producerEpoch: answer?.producerEpoch ?? -1 };
  }
  return last;
}

/** Without an authorizer everybody may act as a broker: that is Kafka's rule, and so it is kedge's until it has one. */
function markerTests(here: Here): void {
  test("where nobody is authorized anybody may write markers", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const producer = await client.begin();
    expect(await client.produce(producer, topic, "open")).toBe(0);
    const marker = async (name: string, partition: number, given: Partial<Identity> = {}) => {
      const { markers } = await here().send(writeTxnMarkers, 1, {
        markers: [
          {
            ...producer,
            ...given,
            transactionResult: false,
            topics: [{ name, partitionIndexes: [partition] }],
            coordinatorEpoch: 0,
          },
        ],
      });
      return markers[0]?.topics[0]?.partitions[0]?.errorCode;
    };
    expect(await marker("none-of-that-name", 0)).toBe(3);
    expect(await marker(topic.name, 9)).toBe(3);
    expect(await marker(topic.name, 0, { producerEpoch: -1 })).not.toBe(0);
    expect(await marker(topic.name, 0)).toBe(0);
    const { abortedTransactions } = await client.read(topic, 0, 1);
    expect(abortedTransactions).toMatchObject([{ firstOffset: 0 }]);
    expect(await marker(topic.name, 0)).toBe(0);
  });
}
