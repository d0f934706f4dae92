/**
 * What every Kafka door owes idempotent producers: part of `kafka-door.ts`. Producer ids are made up, since brokers take any.
 */
import { expect, test } from "bun:test";
import type { KafkaConnection } from "./kafka-connection.ts";
import {
  batchOf,
  fetchPart,
  newTopic,
  produceRequest,
  produceTo,
  type Topic,
} from "./kafka-records.ts";
import type { Here } from "./kafka-suite.ts";
import { produce } from "../../src/kafka/apis/00-produce.ts";

const OUT_OF_ORDER = 45;
const INVALID_EPOCH = 47;
const NOT_AUTHORIZED = 53;
const SEQUENCE_MAX = 2 ** 31 - 1;

/** A batch's first sequence, its records, its epoch, and what is said: its offset, or an error code above 40. */
type Step = readonly [sequence: number, records: number, epoch: number, said: number];

let producers = 0;

function batch(producerId: bigint, sequence: number, records: number, producerEpoch: number) {
  const values = Array.from({ length: records }, (_, at) => `${sequence + at}`);
  return batchOf(values, {
    producerId,
    producerEpoch,
    baseSequence: sequence,
    timestampMs: 1_700_000_000_000,
  });
}

function newProducer(): bigint {
  producers += 1;
  return BigInt(Date.now()) * 1000n + BigInt(producers);
}

const cases: readonly (readonly [string, readonly Step[]])[] = [
  [
    "go on in order",
    [
      [0, 3, 0, 0],
      [3, 2, 0, 3],
      [5, 1, 0, 5],
    ],
  ],
  [
    "a gap",
    [
      [0, 3, 0, 0],
      [4, 1, 0, OUT_OF_ORDER],
      [3, 1, 0, 3],
    ],
  ],
  [
    "the same again",
    [
      [0, 3, 0, 0],
      [3, 1, 0, 3],
      [0, 3, 0, 0],
      [3, 1, 0, 3],
      [4, 1, 0, 4],
    ],
  ],
  [
    "the same again, five later at most",
    [
      [0, 1, 0, 0],
      [1, 1, 0, 1],
      [2, 1, 0, 2],
      [3, 1, 0, 3],
      [4, 1, 0, 4],
      [0, 1, 0, 0],
      [5, 1, 0, 5],
      [0, 1, 0, OUT_OF_ORDER],
      [1, 1, 0, 1],
    ],
  ],
  [
    "other cuts of the same",
    [
      [0, 3, 0, 0],
      [0, 2, 0, OUT_OF_ORDER],
      [0, 4, 0, OUT_OF_ORDER],
    ],
  ],
  [
    "an unknown producer begins anywhere",
    [
      [17, 2, 3, 0],
      [19, 1, 3, 2],
    ],
  ],
  [
    "0 follows the greatest",
    [
      [SEQUENCE_MAX, 1, 0, 0],
      [0, 1, 0, 1],
      [SEQUENCE_MAX, 1, 0, 0],
    ],
  ],
  [
    "0 follows the greatest within a batch",
    [
      [SEQUENCE_MAX - 1, 4, 0, 0],
      [2, 1, 0, 4],
      [SEQUENCE_MAX - 1, 4, 0, 0],
    ],
  ],
  [
    "a newer epoch begins at 0",
    [
      [0, 1, 0, 0],
      [1, 1, 1, OUT_OF_ORDER],
      [0, 1, 1, 1],
      [1, 1, 0, INVALID_EPOCH],
      [0, 1, 0, INVALID_EPOCH],
      [0, 1, 1, 1],
      [1, 1, 1, 2],
    ],
  ],
];

export function idempotenceTests(here: Here): void {
  test.each(cases)("a producer's sequences: %s", async (_name, steps) => {
    const topic = await newTopic(here());
    const id = newProducer();
    const said: number[] = [];
    for (const [sequence, records, epoch] of steps) {
      said.push(await send(here(), topic, batch(id, sequence, records, epoch)));
    }
    expect(said).toEqual(steps.map(([, , , expected]) => expected));
  });

  test("each producer, and each partition, has sequences of its own", async () => {
    const [topic, other] = [await newTopic(here()), await newTopic(here())];
    const [one, two] = [newProducer(), newProducer()];
    expect(await send(here(), topic, batch(one, 0, 1, 0))).toBe(0);
    expect(await send(here(), topic, batch(two, 0, 1, 0))).toBe(1);
    expect(await send(here(), other, batch(one, 0, 1, 0))).toBe(0);
    expect(await send(here(), topic, batch(one, 1, 1, 0))).toBe(2);
  });

  test("five batches under way at once, some twice, are written once, in order", async () => {
    const topic = await newTopic(here());
    const id = newProducer();
    const order = [0, 1, 0, 2, 3, 2, 4, 4];
    const said = await Promise.all(
      order.map((sequence) => send(here(), topic, batch(id, sequence, 1, 0))),
    );
    expect(said).toEqual(order);
    expect((await fetchPart(here(), topic, 0)).highWatermark).toBe(5);
  });

  test("a duplicate is told the log start too; a transactional batch without a transactional id is refused", async () => {
    const topic = await newTopic(here());
    const id = newProducer();
    for (const _ of [1, 2]) {
      const part = await produceTo(here(), topic, batch(id, 0, 2, 0));
      expect(part).toMatchObject({ errorCode: 0, baseOffset: 0, logStartOffset: 0 });
    }
    const transactional = batchOf(["a"], {
      producerId: id,
      producerEpoch: 0,
      baseSequence: 2,
      transactional: true,
    });
    const request = produceRequest(topic, transactional);
    const { responses } = await here().send(produce, 12, request);
    expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(NOT_AUTHORIZED);
  });
}

/** The offset that was given, or the error code. */
async function send(
  connection: KafkaConnection,
  topic: Topic,
  records: Uint8Array,
): Promise<number> {
  const { errorCode, baseOffset } = await produceTo(connection, topic, records);
  return errorCode === 0 ? baseOffset : errorCode;
}
