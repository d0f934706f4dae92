/**
 * A transaction of more partitions than a record of its topic can tell: the request that would make it so is told
 * UNKNOWN_SERVER_ERROR for each of its partitions, and the transaction goes on as it was.
 *
 * - The door is opened with `message.max.bytes` of 1,000, so that a few hundred partitions are too many.
 */
import { expect, test } from "bun:test";
import { OddWorld } from "./kafka-odd.ts";
import { range } from "./kafka-records.ts";
import { connectKafka } from "./kafka-connection.ts";
import type { OpenDoor } from "./kafka-suite.ts";
import { TransactionalClient } from "./kafka-transactional.ts";

export const smallStates = { "message.max.bytes": "1000" };

const UNKNOWN_SERVER_ERROR = -1;
const PARTITIONS = 300;
/** Apache Kafka makes hundreds of folders meanwhile. */
const SUITE_MS = 150_000;

export function kafkaLargeTransactionSuite(name: string, open: OpenDoor): void {
  test(
    `${name}: a transaction of too many partitions`,
    async () => {
      const door = await open();
      const connection = await connectKafka(door.address);
      try {
        const topic = await new OddWorld(connection).topic(PARTITIONS);
        const client = new TransactionalClient(connection);
        const producer = await client.begin();
        const codes = async (partitions: readonly number[], version: number) =>
          new Set(await client.add(producer, topic.name, partitions, version));
        const [all, few] = [range(0, PARTITIONS - 1), range(0, 9)];
        for (const version of [1, 3])
          expect(await codes(all, version)).toEqual(new Set([UNKNOWN_SERVER_ERROR]));
        expect(await client.state()).toMatchObject({ state: "Empty", topics: [] });
        expect(await codes(few, 3)).toEqual(new Set([0]));
        expect(await codes(all, 3)).toEqual(new Set([UNKNOWN_SERVER_ERROR]));
        expect(await client.state()).toMatchObject({ state: "Ongoing", topics: [topic.name] });
        expect(await client.produce(producer, topic, "a")).toBe(0);
        expect((await client.end(producer, true, 3)).errorCode).toBe(0);
        await client.reach("CompleteCommit");
        const next = await client.begin();
        expect(new Set(await client.add(next, topic.name, few))).toEqual(new Set([0]));
      } finally {
        connection.close();
        await door.close();
      }
    },
    SUITE_MS,
  );
}
