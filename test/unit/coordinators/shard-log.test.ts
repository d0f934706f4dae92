/**
 * How a coordinator's records come into its log: in slices where there are very many, and all of them or none.
 */
import { expect, test } from "bun:test";
import { present } from "../../../src/lib/assert.ts";
import { appendRecords } from "../../../src/coordinators/shard-log.ts";
import { lateRecord } from "../../../src/coordinators/step.ts";
import { openTestNode, somebody } from "../../simulation/test-node.ts";

async function world() {
  const node = await openTestNode();
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs: {} };
  const created = node.broker.createTopic(somebody, topic);
  await node.clock.settle();
  const { id } = await created;
  const log = present(node.logs.log(id, 0), "the topic has been made");
  let made = 0;
  const record = (at: number) =>
    lateRecord(() => {
      made += 1;
      return { key: Uint8Array.from([at & 255]), value: null };
    });
  const perTurn: number[] = [];
  /** Rejects as the log does. */
  const append = async (count: number, producerId: bigint | null) => {
    const records = Array.from({ length: count }, (_, at) => record(at));
    const owner = producerId === null ? null : { producerId, producerEpoch: 0 };
    const done = appendRecords(log, records, owner, node.clock);
    done.catch(() => {});
    for (let before = 0; made > before; await node.clock.nextTurn()) {
      perTurn.push(made - before);
      before = made;
    }
    await node.clock.settle();
    await done;
  };
  return { append, perTurn, log };
}

test("the bytes of thousands are made in slices, each once, and appended together", async () => {
  const { append, perTurn, log } = await world();
  await append(2_000, null);
  expect([perTurn, log.highWatermark]).toEqual([[500, 500, 500, 500], 2_000]);
});

test("those of a transaction at once, so that its marker cannot come between", async () => {
  const { append, perTurn } = await world();
  // Nobody has begun it: the log refuses what it was given.
  const refused = await append(2_000, 7n).catch((error: unknown) => String(error));
  expect([perTurn, refused]).toEqual([[2_000], expect.stringContaining("ongoing transaction")]);
});
