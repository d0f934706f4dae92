/**
 * What every Kafka door owes its clients, by the declarations: run against Apache Kafka first, then against kedge. What only
 * one of the two does is not asserted.
 */
import { describe, expect, test } from "bun:test";
import { fetch } from "../../src/kafka/apis/01-fetch.ts";
import { metadata } from "../../src/kafka/apis/03-metadata.ts";
import { deleteTopics } from "../../src/kafka/apis/20-delete-topics.ts";
import { apiVersions } from "../../src/kafka/apis/18-api-versions.ts";
import { offsetForLeaderEpoch } from "../../src/kafka/apis/23-offset-for-leader-epoch.ts";
import { encodeResponse } from "../../src/kafka/frames.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import { connectKafka } from "./kafka-connection.ts";
import { idempotenceTests } from "./kafka-idempotence.ts";
import { fetchTests, produceTests } from "./kafka-records-door.ts";
import {
  askedTopic,
  batchOf,
  fetchFrom,
  fetchRequest,
  metadataRequest,
  newTopic,
  noId,
  produceTo,
  range,
  valuesOf,
} from "./kafka-records.ts";
import { connectionTo, type Here, type OpenDoor } from "./kafka-suite.ts";

export function kafkaDoorSuite(name: string, open: OpenDoor): void {
  describe(`${name}: Kafka's protocol`, () => {
    const here = connectionTo(open);
    apiVersionsTests(here);
    metadataTests(here);
    produceTests(here);
    idempotenceTests(here);
    fetchTests(here);
    sessionTests(here);
    epochTests(here);
  });
}

function apiVersionsTests(here: Here): void {
  const software = { clientSoftwareName: "conformance", clientSoftwareVersion: "1.0" };

  test("ApiVersions: every version tells the APIs, old Produce among them", async () => {
    for (const version of range(0, 4)) {
      const request = version < 3 ? {} : software;
      const asked = { clientSoftwareName: "", clientSoftwareVersion: "", ...request };
      const { errorCode, apiKeys } = await here().send(apiVersions, version, asked);
      expect(errorCode).toBe(0);
      const of = (key: number) => apiKeys.find(({ apiKey }) => apiKey === key);
      expect(of(0)).toMatchObject({ minVersion: 0, maxVersion: 13 });
      expect(of(1)).toMatchObject({ minVersion: 4, maxVersion: 18 });
      expect(of(18)).toMatchObject({ minVersion: 0, maxVersion: 4 });
      expect(of(4)).toBeUndefined();
    }
  });

  test("ApiVersions: features whose lowest level is 0 are told from v4 on", async () => {
    const older = await here().send(apiVersions, 3, software);
    expect(older.supportedFeatures.map(({ minVersion }) => minVersion)).not.toContain(0);
    const newer = await here().send(apiVersions, 4, software);
    const features = new Map(newer.supportedFeatures.map((each) => [each.name, each]));
    expect(features.get("transaction.version")).toMatchObject({ minVersion: 0, maxVersion: 2 });
    expect([...features.keys()].toSorted()).toEqual([
      "eligible.leader.replicas.version",
      "group.version",
      "kraft.version",
      "metadata.version",
      "share.version",
      "streams.version",
      "transaction.version",
    ]);
    expect(newer.finalizedFeaturesEpoch).toBeGreaterThanOrEqual(0);
    const finalized = new Map(newer.finalizedFeatures.map((each) => [each.name, each]));
    expect(finalized.get("transaction.version")?.maxVersionLevel).toBe(2);
  });

  test("ApiVersions: software that has no proper name is an invalid request", async () => {
    const request = { clientSoftwareName: "-", clientSoftwareVersion: "" };
    const { errorCode } = await here().send(apiVersions, 3, request);
    expect(errorCode).toBe(42);
  });

  test("ApiVersions: an unknown version is answered in version 0's layout, 16 bytes", async () => {
    const other = await connectKafka(here().address);
    other.raw(Uint8Array.from([0, 0, 0, 11, 0, 18, 0, 99, 0, 0, 0, 7, 255, 255, 0]));
    const expected = encodeResponse(
      apiVersions,
      { version: 0, correlationId: 7 },
      {
        errorCode: 35,
        apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
        throttleTimeMs: 0,
      },
    );
    const frame = await other.frame();
    expect(frame).toHaveLength(16);
    expect(Buffer.from(frame ?? [])).toEqual(Buffer.concat(expected).subarray(4));
    other.close();
  });
}

function metadataTests(here: Here): void {
  test("Metadata: every version tells the topic, its leader and who serves", async () => {
    const topic = await newTopic(here());
    for (const version of range(0, 13)) {
      const answer = await here().send(
        metadata,
        version,
        metadataRequest([askedTopic(topic.name)]),
      );
      expect(answer.brokers).toMatchObject([{ nodeId: 1, host: "127.0.0.1" }]);
      expect(answer.topics).toMatchObject([{ errorCode: 0, name: topic.name, isInternal: false }]);
      const [partition] = answer.topics[0]?.partitions ?? [];
      expect(partition).toMatchObject({ errorCode: 0, partitionIndex: 0, leaderId: 1 });
      expect(partition).toMatchObject({ replicaNodes: [1], isrNodes: [1], offlineReplicas: [] });
      if (version >= 1) expect(answer.controllerId).toBe(1);
      if (version >= 2) expect(answer.clusterId).toMatch(/^[\w-]{22}$/);
      if (version >= 7) expect(partition?.leaderEpoch).toBeGreaterThanOrEqual(0);
      if (version >= 10) expect(answer.topics[0]?.topicId).toBe(topic.id);
    }
  });

  test("Metadata: all topics by null, or by nothing in v0; none by nothing later", async () => {
    const topic = await newTopic(here());
    for (const version of [0, 1, 5, 12]) {
      const asked = metadataRequest(version === 0 ? [] : null);
      const { topics } = await here().send(metadata, version, asked);
      expect(topics.map((each) => each.name)).toContain(topic.name);
    }
    const { topics, brokers } = await here().send(metadata, 9, metadataRequest([]));
    expect([topics.length, brokers.length]).toEqual([0, 1]);
  });

  test("Metadata: a name that no topic can have is told, whether topics may be made or not", async () => {
    for (const allowAutoTopicCreation of [true, false]) {
      const asked = metadataRequest([askedTopic("a b"), askedTopic("..")]);
      const { topics } = await here().send(metadata, 12, { ...asked, allowAutoTopicCreation });
      expect(topics.map(({ errorCode }) => errorCode)).toEqual([17, 17]);
    }
  });

  test("Metadata: topics by id; an id that is not known; ids go before names", async () => {
    const topic = await newTopic(here());
    const ask = async (name: string | null, id: string) => {
      const { topics } = await here().send(metadata, 12, metadataRequest([askedTopic(name, id)]));
      return topics[0];
    };
    expect(await ask(null, topic.id)).toMatchObject({ errorCode: 0, name: topic.name });
    expect(await ask("other", topic.id)).toMatchObject({ errorCode: 0, name: topic.name });
    const unknown = await ask(null, noId);
    expect(unknown).toMatchObject({ errorCode: 100, name: null, topicId: noId });
    const asked = metadataRequest([askedTopic(topic.name, topic.id)]);
    const { topics } = await here().send(metadata, 10, asked);
    expect(topics[0]?.errorCode).toBe(42);
  });

  test.each([
    ["not there", "not-there", 3],
    ["a name with a space", "a b", 17],
    ["an empty name", "", 17],
    ["too long a name", "x".repeat(250), 17],
  ])("Metadata: %s", async (_, name, code) => {
    const asked = metadataRequest([askedTopic(name)]);
    const allowAutoTopicCreation = code !== 3;
    const answer = await here().send(metadata, 12, { ...asked, allowAutoTopicCreation });
    expect(answer.topics).toMatchObject([{ errorCode: code, name, topicId: zeroUuid }]);
    expect(answer.topics[0]?.partitions).toEqual([]);
  });

  test("Metadata: what the caller may do, when asked", async () => {
    const topic = await newTopic(here());
    const asked = metadataRequest([askedTopic(topic.name)]);
    const include = {
      includeClusterAuthorizedOperations: true,
      includeTopicAuthorizedOperations: true,
    };
    const answer = await here().send(metadata, 8, { ...asked, ...include });
    expect(answer.topics[0]?.topicAuthorizedOperations).toBe(3576);
    expect(answer.clusterAuthorizedOperations).toBe(8096);
    const without = await here().send(metadata, 8, asked);
    expect(without.topics[0]?.topicAuthorizedOperations).toBe(-(2 ** 31));
  });
}

function sessionTests(here: Here): void {
  test("a fetch session tells what is new, and forgets what it is told to forget", async () => {
    const [topic, other] = [await newTopic(here()), await newTopic(here())];
    await produceTo(here(), topic, batchOf(["a"]));
    const [one, two] = [fetchRequest(topic, 0), fetchRequest(other, 0)];
    const both = { ...one, topics: [...one.topics, ...two.topics], sessionEpoch: 0 };
    const full = await here().send(fetch, 12, both);
    const { sessionId } = full;
    expect(sessionId).toBeGreaterThan(0);
    expect(full.responses.map((each) => each.topic)).toEqual([topic.name, other.name]);
    const next = (sessionEpoch: number, options = {}) =>
      fetchFrom(here(), topic, 1, { sessionId, sessionEpoch, unchanged: true, ...options });
    // The first partition's position has not moved: it is told again.
    const again = await next(1);
    expect(again.responses.map((each) => each.topic)).toEqual([topic.name]);
    const moved = await next(2, { unchanged: false });
    expect([moved.errorCode, moved.sessionId, moved.responses]).toEqual([0, sessionId, []]);
    await produceTo(here(), other, batchOf(["b"]));
    const news = await next(3);
    expect(news.responses.map((each) => each.topic)).toEqual([other.name]);
    const forgotten = await fetchFrom(here(), other, 0, {
      sessionId,
      sessionEpoch: 4,
      forget: true,
    });
    expect(forgotten.responses).toEqual([]);
  });

  test("a fetch session that is not there, at another epoch, or by ids", async () => {
    const topic = await newTopic(here());
    const unchanged = true;
    const { sessionId } = await fetchFrom(here(), topic, 0, { sessionEpoch: 0 });
    const ask = async (options: Parameters<typeof fetchFrom>[3]) =>
      (await fetchFrom(here(), topic, 0, { unchanged, ...options })).errorCode;
    expect(await ask({ sessionId: sessionId ^ 1, sessionEpoch: 1 })).toBe(70);
    expect(await ask({ sessionId, sessionEpoch: 5 })).toBe(71);
    expect(await ask({ sessionId, sessionEpoch: 1, version: 13 })).toBe(106);
    expect(await ask({ sessionId, sessionEpoch: 1 })).toBe(0);
    // A full fetch with its id ends it.
    expect(await ask({ sessionId, sessionEpoch: -1 })).toBe(0);
    expect(await ask({ sessionId, sessionEpoch: 2 })).toBe(70);
  });

  test("a session keeps a topic that was deleted, and waits for the others all the same", async () => {
    for (const version of [12, 13]) {
      const [topic, other] = [await newTopic(here()), await newTopic(here())];
      const [one, two] = [fetchRequest(topic, 0, { version }), fetchRequest(other, 0, { version })];
      const both = { ...one, topics: [...one.topics, ...two.topics], sessionEpoch: 0 };
      const { sessionId } = await here().send(fetch, version, both);
      const reader = await connectKafka(here().address);
      const next = async (sessionEpoch: number, maxWaitMs: number) => {
        const asked = { version, maxWaitMs, sessionId, sessionEpoch, unchanged: true };
        const { responses } = await fetchFrom(reader, topic, 0, asked);
        const parts = responses.flatMap(({ partitions }) => partitions);
        return parts.map(({ errorCode, records }) => [errorCode, valuesOf(records)]);
      };
      expect(await next(1, 0)).toEqual([]);
      const named = [{ name: topic.name, topicId: zeroUuid }];
      await here().send(deleteTopics, 6, { topics: named, topicNames: [], timeoutMs: 5_000 });
      // Kafka's brokers learn of it a moment later.
      for (let epoch = 2; ; epoch += 1) {
        const told = await next(epoch, 50);
        if (told.length === 0) continue;
        expect(told).toEqual([[3, []]]);
        const waiting = next(epoch + 1, 60_000);
        await produceTo(here(), other, batchOf(["a"]));
        const both = await waiting;
        expect(both).toHaveLength(2);
        expect(both).toContainEqual([0, ["a"]]);
        expect(both).toContainEqual([3, []]);
        break;
      }
      reader.close();
    }
  });

  test("an error is told again in a session for as long as it lasts", async () => {
    const nowhere = { name: "not-there", id: noId };
    const first = await fetchFrom(here(), nowhere, 0, { sessionEpoch: 0 });
    const { sessionId } = first;
    const second = await fetchFrom(here(), nowhere, 0, {
      sessionId,
      sessionEpoch: 1,
      unchanged: true,
    });
    for (const { responses } of [first, second]) {
      expect(responses[0]?.partitions[0]?.errorCode).toBe(3);
    }
  });
}

function epochTests(here: Here): void {
  test("OffsetForLeaderEpoch: the epoch's end, and what is not known", async () => {
    const topic = await newTopic(here());
    await produceTo(here(), topic, batchOf(["a", "b"]));
    const ask = async (leaderEpoch: number, currentLeaderEpoch = -1, name = topic.name) => {
      const partitions = [{ partition: 0, leaderEpoch, currentLeaderEpoch }];
      const asked = [{ topic: name, partitions }];
      const request = { replicaId: -1, topics: asked };
      const answers = await Promise.all(
        [2, 3, 4].map((version) => here().send(offsetForLeaderEpoch, version, request)),
      );
      const parts = answers.map(({ topics }) => topics[0]?.partitions[0]);
      expect(parts[1]).toEqual(parts[0]);
      expect(parts[2]).toEqual(parts[0]);
      return [parts[0]?.errorCode, parts[0]?.leaderEpoch, parts[0]?.endOffset];
    };
    expect(await ask(0)).toEqual([0, 0, 2]);
    expect(await ask(0, 0)).toEqual([0, 0, 2]);
    expect(await ask(1)).toEqual([0, -1, -1]);
    expect(await ask(0, 5)).toEqual([75, -1, -1]);
    expect(await ask(0, -1, "not-there")).toEqual([3, -1, -1]);
  });
}
