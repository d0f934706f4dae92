/** Markers reach every partition, however often one fails; the coordinator hears of it once. */
import { expect, test } from "bun:test";
import {
  type MarkerPlace,
  TransactionMarkers,
} from "../../../../src/coordinators/transactions/markers.ts";
import type { Transaction } from "../../../../src/coordinators/transactions/state.ts";
import { silentLogger } from "../../../../src/lib/logger.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";
import { VirtualClock } from "../../../simulation/virtual-clock.ts";

const prepared: Transaction = {
  transactionalId: "id",
  status: "PrepareCommit",
  producerId: 1n,
  previousProducerId: 1n,
  nextProducerId: -1n,
  producerEpoch: 3,
  lastProducerEpoch: 2,
  timeoutMs: 1_000,
  partitions: [
    { topic: "a", partitions: [0, 1] },
    { topic: "gone", partitions: [0] },
  ],
  startMs: 1,
  updatedMs: 2,
  clientVersion: 2,
};

function world(write: (place: MarkerPlace) => "written" | "gone", takes = () => true) {
  const clock = new VirtualClock();
  const written: string[] = [];
  const done: string[] = [];
  const markers = new TransactionMarkers({
    clock,
    logger: silentLogger,
    write: async (place, { producerEpoch, commit }) => {
      const outcome = write(place);
      written.push(`${place.topic}-${place.index} ${producerEpoch} ${commit}`);
      return outcome;
    },
    done: (transactionalId, producer) => {
      if (!takes()) return false;
      done.push(`${transactionalId} ${producer.producerId}/${producer.producerEpoch}`);
      return true;
    },
  });
  return { clock, written, done, markers };
}

test("every partition gets one marker; a topic that is gone needs none", async () => {
  const { clock, written, done, markers } = world(({ topic }) =>
    topic === "gone" ? "gone" : "written",
  );
  markers.begin(prepared);
  markers.begin(prepared);
  await clock.settle();
  expect(written.sort()).toEqual(["a-0 3 true", "a-1 3 true", "gone-0 3 true"]);
  expect(done).toEqual(["id 1/3"]);
  expect(markers.size).toBe(0);
});

test("the next transaction's markers are written, though those of the one before are still tried", async () => {
  const { clock, written, done, markers } = world(
    () => "written",
    () => done.length > 0 || written.length > 3,
  );
  markers.begin(prepared);
  await clock.settle();
  markers.begin({ ...prepared, producerEpoch: 4 });
  await clock.advance(100);
  expect(written.filter((line) => line.includes(" 4 "))).toHaveLength(3);
  expect(done.toSorted()).toEqual(["id 1/3", "id 1/4"]);
  await markers.finished("id");
  expect(markers.size).toBe(0);
});

test("what fails is tried again until it works, also telling the coordinator", async () => {
  let failures = 3;
  let refusals = 2;
  const { clock, written, done, markers } = world(
    ({ index }) => {
      if (index === 1 && failures-- > 0) throw new Refusal("not_leader_or_follower", "not yet");
      return "written";
    },
    () => refusals-- <= 0,
  );
  markers.begin(prepared);
  let finished = false;
  void markers.finished("id").then(() => (finished = true));
  await clock.settle();
  expect(done).toEqual([]);
  expect(written).toHaveLength(2);
  await clock.advance(10_000);
  expect(written).toHaveLength(3);
  expect(done).toEqual(["id 1/3"]);
  expect(finished).toBe(true);
});

test("a node that stops leaves the rest to the next start", async () => {
  const { clock, done, markers } = world(() => {
    throw new Refusal("not_leader_or_follower", "never");
  });
  markers.begin(prepared);
  await clock.settle();
  markers.close();
  await clock.advance(10_000);
  expect(clock.timers).toBe(0);
  expect(done).toHaveLength(0);
});
