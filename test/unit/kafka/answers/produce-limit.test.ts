/** `timeoutMs` of Produce over a node whose disk hangs, on a virtual clock. */
import { expect, test } from "bun:test";
import { produce } from "../../../../src/kafka/apis/00-produce.ts";
import { dispatcher } from "../../../../src/kafka/dispatch.ts";
import { FetchSessions } from "../../../../src/kafka/answers/fetch-sessions.ts";
import { decodeResponse, encodeRequest } from "../../../../src/kafka/frames.ts";
import { kafkaLimits } from "../../../../src/kafka/limits.ts";
import { MetadataCache } from "../../../../src/kafka/answers/metadata-cache.ts";
import { UnsentAnswers } from "../../../../src/kafka/unsent-answers.ts";
import { silentLogger } from "../../../../src/lib/logger.ts";
import { seededRandom } from "../../../../src/lib/random.ts";
import type { Change } from "../../../../src/storage/storage.ts";
import { zeroUuid } from "../../../../src/wire/uuid.ts";
import { batchOf } from "../../../conformance/kafka-records.ts";
import { openTestNode, somebody } from "../../../simulation/test-node.ts";
import { VirtualClock } from "../../../simulation/virtual-clock.ts";

const VERSION = 12;

/** A node that can be told to let its commits hang, and to go on. */
async function world() {
  const clock = new VirtualClock();
  let held = Promise.withResolvers<void>();
  held.resolve();
  const node = await openTestNode({
    clock,
    wrap(storage) {
      const commit = storage.commit.bind(storage);
      return Object.assign(storage, {
        async commit(change: Change) {
          await held.promise;
          await commit(change);
        },
      });
    },
  });
  const { broker } = node;
  const creating = broker.createTopic(somebody, {
    name: "t",
    partitions: 2,
    replicationFactor: 1,
    configs: {},
  });
  await clock.settle();
  await creating;
  const door = {
    metadata: new MetadataCache(),
    apis: [produce],
    broker,
    clock,
    deadlines: node.node.deadlines,
    limits: kafkaLimits,
    autoCreateTopics: false,
    sessions: new FetchSessions(kafkaLimits, clock, seededRandom(1)),
    unsent: new UnsentAnswers(clock, kafkaLimits),
  };
  const service = dispatcher(door, silentLogger)({ name: "L", host: "h", port: 1 }, "192.0.2.1");
  const { signal } = new AbortController();
  const send = async (values: string[], sequence: number, timeoutMs: number, acks = -1) => {
    const records = batchOf(values, {
      timestampMs: clock.nowMs(),
      producerId: 7n,
      producerEpoch: 0,
      baseSequence: sequence,
    });
    const topicData = [{ name: "t", topicId: zeroUuid, partitionData: [{ index: 0, records }] }];
    const pieces = encodeRequest(
      produce,
      { version: VERSION, correlationId: 1, clientId: "c" },
      { acks, timeoutMs, topicData },
    );
    const frame = { bytes: Buffer.concat(pieces).subarray(4), owned: false };
    const reply = await service.begin({ frame, signal, holdNext: () => () => {} });
    if (reply.type !== "answer") throw new Error("there is an answer");
    const bytes = Buffer.concat(reply.pieces).subarray(4);
    const answer = decodeResponse(produce, { version: VERSION, correlationId: 1 }, bytes);
    return answer.responses[0]?.partitionResponses[0];
  };
  return {
    clock,
    node,
    send,
    hang: () => {
      held = Promise.withResolvers();
    },
    goOn: () => held.resolve(),
  };
}

const TIMED_OUT = 7;

test("a commit that hangs is answered in time; sent again it is a duplicate", async () => {
  const { clock, node, send, hang, goOn } = await world();
  hang();
  const first = send(["a", "b"], 0, 5_000);
  await clock.advance(4_990);
  const second = send(["c"], 2, 5_000);
  await clock.advance(20);
  expect(await first).toMatchObject({ errorCode: TIMED_OUT, baseOffset: -1 });
  expect((await first)?.errorMessage).toContain("5000 ms");
  const again = [send(["a", "b"], 0, 5_000), send(["c"], 2, 5_000)];
  goOn();
  await clock.settle();
  expect(await second).toMatchObject({ errorCode: 0, baseOffset: 2 });
  expect(await Promise.all(again)).toMatchObject([
    { errorCode: 0, baseOffset: 0 },
    { errorCode: 0, baseOffset: 2 },
  ]);
  const { offset } = await node.broker.findOffset(somebody, "t", 0, {
    at: "latest",
    isolation: "read_uncommitted",
  });
  expect(offset).toBe(3);
  expect(node.node.deadlines.size).toBe(0);
});

test("a commit of usual length succeeds whatever was asked, and acks=1 waits on", async () => {
  const { clock, send, hang, goOn } = await world();
  for (const timeoutMs of [0, -1]) {
    hang();
    const waiting = send(["a"], timeoutMs === 0 ? 0 : 1, timeoutMs);
    await clock.advance(900);
    goOn();
    await clock.settle();
    expect(await waiting).toMatchObject({ errorCode: 0 });
  }
  hang();
  const written = send(["c"], 2, 1_000, 1);
  await clock.advance(60_000);
  goOn();
  await clock.settle();
  expect(await written).toMatchObject({ errorCode: 0, baseOffset: 2 });
});
