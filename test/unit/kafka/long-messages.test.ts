/** Requests and answers of very many elements: what comes of them, and the turns that others get meanwhile. */
import { alterClientQuotas } from "../../../src/kafka/apis/49-alter-client-quotas.ts";
import { describeClientQuotas } from "../../../src/kafka/apis/48-describe-client-quotas.ts";
import { writeTxnMarkers } from "../../../src/kafka/apis/27-write-txn-markers.ts";
import { expect, setDefaultTimeout, test } from "bun:test";
import { fetch } from "../../../src/kafka/apis/01-fetch.ts";
import { metadata } from "../../../src/kafka/apis/03-metadata.ts";
import { produce } from "../../../src/kafka/apis/00-produce.ts";
import { offsetCommit } from "../../../src/kafka/apis/08-offset-commit.ts";
import { apis } from "../../../src/kafka/apis/index.ts";
import type { Door } from "../../../src/kafka/call.ts";
import type { Api } from "../../../src/kafka/define-api.ts";
import { dispatcher } from "../../../src/kafka/dispatch.ts";
import type { Reply } from "../../../src/kafka/exchange.ts";
import { FetchSessions } from "../../../src/kafka/answers/fetch-sessions.ts";
import { decodeResponse, encodeRequest } from "../../../src/kafka/frames.ts";
import { kafkaLimits } from "../../../src/kafka/limits.ts";
import { MetadataCache } from "../../../src/kafka/answers/metadata-cache.ts";
import { UnsentAnswers } from "../../../src/kafka/unsent-answers.ts";
import { describeUsers } from "../../../src/kafka/answers/scram-users.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { Deadlines } from "../../../src/lib/deadlines.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import type { Decoded, Encodable, Fields } from "../../../src/wire/schema.ts";
import { zeroUuid } from "../../../src/wire/uuid.ts";
import { joined } from "../../../src/lib/bytes.ts";
import { openTestNode, somebody } from "../../simulation/test-node.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

class CountedClock extends VirtualClock {
  turns = 0;

  override turn(): Promise<void> {
    this.turns += 1;
    return super.turn();
  }
}

async function world() {
  const clock = new CountedClock();
  const { broker } = await openTestNode({ clock });
  const door: Door = {
    apis,
    broker,
    clock,
    limits: kafkaLimits,
    autoCreateTopics: false,
    sessions: new FetchSessions(kafkaLimits, clock, seededRandom(1)),
    metadata: new MetadataCache(),
    deadlines: new Deadlines(clock),
    unsent: new UnsentAnswers(clock, kafkaLimits),
  };
  const endpoint = { name: "PLAINTEXT", host: "here", port: 9092 };
  const service = dispatcher(door, silentLogger)(endpoint, "192.0.2.1");
  let holds = 0;
  const begin = <Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    request: Encodable<Req>,
  ): Reply | Promise<Reply> => {
    const header = { version, correlationId: 7, clientId: "test" };
    const bytes = joined(encodeRequest(api, header, request)).subarray(4);
    return service.begin({
      frame: { bytes, owned: false },
      signal: new AbortController().signal,
      holdNext() {
        holds += 1;
        return () => {
          holds -= 1;
        };
      },
    });
  };
  /** The answer, and how many turns were given for it. */
  const ask = async <Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    request: Encodable<Req>,
  ): Promise<{ readonly answer: Decoded<Res>; readonly turns: number }> => {
    const before = clock.turns;
    const begun = begin(api, version, request);
    await clock.settle();
    const reply = await begun;
    if (reply.type !== "answer") throw new Error(`${api.name} was not answered`);
    const bytes = joined(reply.pieces).subarray(4);
    const answer = decodeResponse(api, { version, correlationId: 7 }, bytes);
    return { answer, turns: clock.turns - before };
  };
  return { clock, broker, begin, ask, holds: () => holds };
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

/** What a client asks for beside the topics. */
const metadataAsk = {
  allowAutoTopicCreation: false,
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
};
const allTopics = { ...metadataAsk, topics: null };

const many = 10_000;
/** Reading, the handler and writing give a turn after about two thousand elements each, or sooner. */
const turnsMin = 3 * (many / 2_000);

function produceRequest(partitions: number) {
  const partitionData = numbers(partitions).map((index) => ({ index, records: null }));
  const topicData = [{ name: "no", topicId: zeroUuid, partitionData }];
  return { transactionalId: null, acks: -1, timeoutMs: 0, topicData };
}

test("a short request is read and begun at once", async () => {
  const { begin, holds, clock } = await world();
  const before = clock.turns;
  const reply = begin(produce, 9, produceRequest(10));
  expect(holds()).toBe(0);
  await clock.settle();
  expect((await reply).type).toBe("answer");
  expect(clock.turns).toBe(before);
});

test("Produce of very many partitions gives turns, and holds those behind it until all are called for", async () => {
  const { begin, ask, holds, clock } = await world();
  const { answer, turns } = await ask(produce, 9, produceRequest(many));
  expect(answer.responses[0]?.partitionResponses.map(({ index }) => index)).toEqual(numbers(many));
  expect(turns).toBeGreaterThanOrEqual(turnsMin);
  const reply = begin(produce, 9, produceRequest(many));
  expect(holds()).toBeGreaterThan(0);
  await clock.settle();
  await reply;
  expect(holds()).toBe(0);
});

test("OffsetCommit of very many offsets goes in several commits, and all of them are there", async () => {
  const { ask, broker, clock } = await world();
  const made = broker.createTopic(somebody, {
    name: "t",
    partitions: 5_000,
    replicationFactor: 1,
    configs: {},
  });
  await clock.settle();
  await made;
  const partitions = numbers(5_001).map((partitionIndex) => ({
    partitionIndex,
    committedOffset: partitionIndex,
    committedMetadata: "",
  }));
  const topics = [{ name: "t", topicId: zeroUuid, partitions }];
  const { answer, turns } = await ask(offsetCommit, 8, { groupId: "g", memberId: "", topics });
  const codes = answer.topics[0]?.partitions.map(({ errorCode }) => errorCode);
  expect(codes).toEqual([...numbers(5_000).map(() => 0), 3]);
  // Two to read the request, one after each commit, two to write the answer.
  expect(turns).toBeGreaterThanOrEqual(2 + 3 + 2);
  const wanted = { topics: null, requireStable: false, memberId: null, memberEpoch: -1 };
  const { topics: kept } = broker.groups.fetchOffsets(somebody, "g", wanted);
  expect(kept[0]?.partitions.map(({ offset }) => offset)).toEqual(numbers(5_000));
});

test("Metadata of very many names gives turns", async () => {
  const { ask } = await world();
  const names = numbers(many).map((at) => `t${at}`);
  const { answer, turns } = await ask(metadata, 9, {
    ...metadataAsk,
    topics: names.map((name) => ({ name, topicId: zeroUuid })),
  });
  expect(answer.topics.map(({ name }) => name)).toEqual(names);
  expect(turns).toBeGreaterThanOrEqual(turnsMin);
});

for (const sessionEpoch of [0, -1])
  test(`Fetch of very many unknown topics gives turns, with session epoch ${sessionEpoch}`, async () => {
    const { ask } = await world();
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }];
    const topics = numbers(many).map((at) => ({ topic: `t${at}`, topicId: zeroUuid, partitions }));
    const request = { maxWaitMs: 0, minBytes: 1, sessionEpoch, topics, forgottenTopicsData: [] };
    const { answer, turns } = await ask(fetch, 12, request);
    expect(answer.responses.map(({ topic }) => topic)).toEqual(topics.map(({ topic }) => topic));
    expect(turns).toBeGreaterThanOrEqual(turnsMin);
  });

test("Metadata of all topics is encoded once, in turns, for all who ask meanwhile", async () => {
  const { ask, begin, broker, clock } = await world();
  for (const at of numbers(300)) {
    const made = broker.createTopic(somebody, {
      name: `t${at}`,
      partitions: 6,
      replicationFactor: 1,
      configs: {},
    });
    await clock.settle();
    await made;
  }
  const asked = [begin(metadata, 12, allTopics), begin(metadata, 12, allTopics)];
  const before = clock.turns;
  await clock.settle();
  const replies = [await asked[0], await asked[1]];
  // Of 5,700 elements, replicas counted.
  expect(clock.turns - before).toBe(2);
  const [one, other] = replies.map((reply) => (reply?.type === "answer" ? reply.pieces : []));
  expect(one).toHaveLength(2);
  expect(other?.[1]?.buffer === one?.[1]?.buffer).toBe(true);
  const { answer, turns } = await ask(metadata, 12, allTopics);
  expect(answer.topics).toHaveLength(300);
  expect(turns).toBe(0);
});

test("quotas of very many clients give turns; more than Kafka takes at once are refused", async () => {
  const { ask } = await world();
  const entries = (count: number) =>
    numbers(count).map((at) => ({
      entity: [{ entityType: "client-id", entityName: `c${at}` }],
      ops: [{ key: "producer_byte_rate", value: 1_000, remove: false }],
    }));
  const send = async (count: number) => {
    const asked = { entries: entries(count), validateOnly: false };
    const { answer, turns } = await ask(alterClientQuotas, 1, asked);
    expect(turns).toBeGreaterThanOrEqual(3 * (count / 2_000));
    return new Set(answer.entries.map(({ errorCode }) => errorCode));
  };
  expect(await send(10_001)).toEqual(new Set([44]));
  expect(await send(10_000)).toEqual(new Set([0]));
  const everyClient = [{ entityType: "client-id", matchType: 2, match: null }];
  const described = { components: everyClient, strict: false };
  const { answer, turns } = await ask(describeClientQuotas, 1, described);
  expect(answer.entries).toHaveLength(10_000);
  expect(turns).toBeGreaterThanOrEqual(20);
});

test("WriteTxnMarkers of very many partitions gives turns", async () => {
  const { ask } = await world();
  const partitionIndexes = numbers(many);
  const marker = {
    producerId: 5n,
    producerEpoch: 0,
    transactionResult: false,
    coordinatorEpoch: 0,
  };
  const markers = [{ ...marker, topics: [{ name: "no", partitionIndexes }] }];
  const { answer, turns } = await ask(writeTxnMarkers, 1, { markers });
  const told = answer.markers[0]?.topics[0]?.partitions;
  expect(told?.map(({ partitionIndex }) => partitionIndex)).toEqual(partitionIndexes);
  expect(told?.every(({ errorCode }) => errorCode === 3)).toBe(true);
  expect(turns).toBeGreaterThanOrEqual(turnsMin);
});

test("very many SCRAM users cost no more than one look each", () => {
  const names = numbers(100_000).map((at) => `u${at % 90_000}`);
  const told = describeUsers(names);
  expect(told).toHaveLength(90_000);
  expect(told[0]?.errorMessage).toBe("The user is named twice.");
  expect(told[50_000]?.errorMessage).toBe("The user has no SCRAM credentials.");
});
