/**
 * What Kafka's tools ask and change of a cluster as a whole, frame by frame against an address: replicas and their folders,
 * leaders, features, the quorum, topics in portions. Holds of Apache Kafka itself and of a node of this house.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createTopics } from "../../src/kafka/apis/19-create-topics.ts";
import { saslHandshake } from "../../src/kafka/apis/17-sasl-handshake.ts";
import { apiVersions } from "../../src/kafka/apis/18-api-versions.ts";
import { deleteTopics } from "../../src/kafka/apis/20-delete-topics.ts";
import { alterReplicaLogDirs } from "../../src/kafka/apis/34-alter-replica-log-dirs.ts";
import { describeLogDirs } from "../../src/kafka/apis/35-describe-log-dirs.ts";
import { saslAuthenticate } from "../../src/kafka/apis/36-sasl-authenticate.ts";
import { createDelegationToken } from "../../src/kafka/apis/38-create-delegation-token.ts";
import { renewDelegationToken } from "../../src/kafka/apis/39-renew-delegation-token.ts";
import { expireDelegationToken } from "../../src/kafka/apis/40-expire-delegation-token.ts";
import { describeDelegationToken } from "../../src/kafka/apis/41-describe-delegation-token.ts";
import { electLeaders } from "../../src/kafka/apis/43-elect-leaders.ts";
import { alterPartitionReassignments } from "../../src/kafka/apis/45-alter-partition-reassignments.ts";
import { listPartitionReassignments } from "../../src/kafka/apis/46-list-partition-reassignments.ts";
import { describeUserScramCredentials } from "../../src/kafka/apis/50-describe-user-scram-credentials.ts";
import { alterUserScramCredentials } from "../../src/kafka/apis/51-alter-user-scram-credentials.ts";
import { describeQuorum } from "../../src/kafka/apis/55-describe-quorum.ts";
import { updateFeatures } from "../../src/kafka/apis/57-update-features.ts";
import { unregisterBroker } from "../../src/kafka/apis/64-unregister-broker.ts";
import { describeTopicPartitions } from "../../src/kafka/apis/75-describe-topic-partitions.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import { type KafkaWire, connectWire } from "../peers/kafka-wire.ts";

/** `open` gives the port of a broker with one node, whose id is 1. */
export function kafkaClusterSuite(name: string, open: () => Promise<number>): void {
  describe(`Kafka's cluster, ${name}`, () => {
    const run = `c${Date.now().toString(36)}`;
    const t = `${run}-t`;
    const u = `${run}-u`;
    const nope = `${run}-nope`;
    let wire: KafkaWire;
    beforeAll(async () => {
      wire = await connectWire(await open());
      const topics = [t, u].map((topic) => ({
        name: topic,
        numPartitions: topic === t ? 2 : 1,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      }));
      await wire.ask(createTopics, { topics, timeoutMs: 5_000, validateOnly: false });
      await untilKnown();
    });
    afterAll(async () => {
      const topics = [t, u].map((topic) => ({ name: topic, topicId: zeroUuid }));
      await wire.ask(deleteTopics, { topics, topicNames: [], timeoutMs: 5_000 });
      wire.close();
    });

    /** Kafka's brokers learn of a topic a moment after it is made. */
    const untilKnown = async (): Promise<void> => {
      for (let tries = 0; tries < 400; tries += 1) {
        const { results } = await wire.ask(describeLogDirs, { topics: all });
        if (results.flatMap(({ topics }) => topics).length === 2) return;
        await Bun.sleep(50);
      }
    };
    const all = [
      { topic: t, partitions: [0, 1, 7] },
      { topic: u, partitions: [0] },
      { topic: nope, partitions: [0] },
    ];

    test("the folder tells what each partition takes, and of its disk", async () => {
      const answer = await wire.ask(describeLogDirs, { topics: all });
      expect(answer.errorCode).toBe(0);
      const [directory, ...others] = answer.results;
      expect(others).toEqual([]);
      expect(directory?.topics.flatMap((one) => one.partitions)).toEqual(
        Array.from({ length: 3 }, () => ({
          partitionIndex: expect.any(Number),
          partitionSize: 0,
          offsetLag: 0,
          isFutureKey: false,
        })),
      );
      expect(directory?.totalBytes).toBeGreaterThanOrEqual(directory?.usableBytes ?? 0);
      const none = await wire.ask(describeLogDirs, { topics: [] });
      expect(none.results[0]?.topics).toEqual([]);
      const every = await wire.ask(describeLogDirs, { topics: null });
      expect(every.results[0]?.topics.map((one) => one.name)).toContain(u);
    });

    test("replicas stay where they are", async () => {
      const { results } = await wire.ask(describeLogDirs, { topics: [] });
      const move = async (path: string) => {
        const topics = [
          { name: t, partitions: [0, 9] },
          { name: nope, partitions: [0] },
        ];
        const answer = await wire.ask(alterReplicaLogDirs, { dirs: [{ path, topics }] });
        const found = answer.results.flatMap(({ partitions }) => partitions);
        return found.map(({ errorCode }) => errorCode).toSorted((one, other) => one - other);
      };
      expect(await move("/no/such/folder")).toEqual([57, 57, 57]);
      expect(await move(results[0]?.logDir ?? "")).toEqual([0, 3, 3]);
    });

    test("leaders are elected where it is needed, which it is not", async () => {
      const elect = async (electionType: number, topicPartitions: typeof all | null) => {
        const asked = { electionType, topicPartitions, timeoutMs: 5_000 };
        const answer = await wire.ask(electLeaders, asked);
        const found = answer.replicaElectionResults.flatMap(({ partitionResult }) =>
          partitionResult.map(({ errorCode }) => errorCode),
        );
        return [answer.errorCode, ...found.toSorted((one, other) => one - other)];
      };
      expect(await elect(0, all)).toEqual([0, 3, 3, 84, 84, 84]);
      expect(await elect(1, [{ topic: t, partitions: [0] }])).toEqual([0, 84]);
      expect(await elect(0, null)).toEqual([0]);
      expect(await elect(2, null)).toEqual([42]);
    });

    test("partitions are moved to where they are, and nowhere else", async () => {
      const move = async (
        ...asked: [topic: string, index: number, replicas: number[] | null][]
      ) => {
        const topics = asked.map(([topic, partitionIndex, replicas]) => ({
          name: topic,
          partitions: [{ partitionIndex, replicas }],
        }));
        const answer = await wire.ask(alterPartitionReassignments, { timeoutMs: 5_000, topics });
        expect(answer.errorCode).toBe(0);
        return answer.responses.flatMap(({ partitions }) => partitions.map((one) => one.errorCode));
      };
      expect(await move([t, 0, [1]])).toEqual([0]);
      expect(await move([t, 0, null])).toEqual([85]);
      expect(await move([t, 7, [1]])).toEqual([3]);
      expect(await move([nope, 0, [1]])).toEqual([3]);
      for (const replicas of [[2], [], [1, 1], [1, 2], [-1]]) {
        expect(await move([t, 0, replicas])).toEqual([39]);
      }
      const asked = { timeoutMs: 5_000, topics: [{ name: t, partitionIndexes: [0, 9] }] };
      const listed = await wire.ask(listPartitionReassignments, asked);
      expect(listed).toMatchObject({ errorCode: 0, topics: [] });
    });

    test("topics are told in portions, from a cursor on", async () => {
      const page = async (
        names: string[],
        limit: number,
        cursor: { topicName: string; partitionIndex: number } | null = null,
      ) => {
        const answer = await wire.ask(describeTopicPartitions, {
          topics: names.map((each) => ({ name: each })),
          responsePartitionLimit: limit,
          cursor,
        });
        const told = answer.topics.map((one) => [
          one.name?.replace(`${run}-`, ""),
          one.errorCode,
          ...one.partitions.map(({ partitionIndex }) => partitionIndex),
        ]);
        return { told, next: answer.nextCursor };
      };
      const names = [u, t, nope];
      expect(await page(names, 2_000)).toEqual({
        told: [
          ["nope", 3],
          ["t", 0, 0, 1],
          ["u", 0, 0],
        ],
        next: null,
      });
      const second = { topicName: t, partitionIndex: 1 };
      const first = { told: [["t", 0, 0]], next: second };
      expect(await page([t], 0)).toEqual(first);
      expect(await page([t, u], 1)).toEqual(first);
      expect(await page(names, 9, second)).toEqual({
        told: [
          ["t", 0, 1],
          ["u", 0, 0],
        ],
        next: null,
      });
      expect(await page([t], 1, { topicName: t, partitionIndex: 2 })).toEqual({
        told: [["t", 0]],
        next: null,
      });
      expect((await page([t], 1, { topicName: u, partitionIndex: 0 })).told).toEqual([["t", 42]]);
      expect((await page([t], 1, { topicName: t, partitionIndex: -1 })).told).toEqual([["t", 42]]);
      const portions: unknown[] = [];
      let cursor: { topicName: string; partitionIndex: number } | null = null;
      do {
        const portion = await page([], 1, cursor);
        portions.push(...portion.told.filter(([topic]) => topic === "t" || topic === "u"));
        cursor = portion.next;
      } while (cursor && portions.length < 100);
      expect(portions).toEqual(
        expect.arrayContaining([
          ["t", 0, 0],
          ["t", 0, 1],
          ["u", 0, 0],
        ]),
      );
    });

    test("the quorum is the node itself", async () => {
      const asked = (topicName: string, partitionIndex = 0) => ({
        topics: [{ topicName, partitions: [{ partitionIndex }] }],
      });
      const answer = await wire.ask(describeQuorum, asked("__cluster_metadata"));
      const [partition] = answer.topics[0]?.partitions ?? [];
      expect(partition).toMatchObject({ errorCode: 0, leaderId: 1, observers: [] });
      expect(partition?.currentVoters).toMatchObject([
        { replicaId: 1, logEndOffset: partition?.highWatermark ?? -1 },
      ]);
      expect(answer.nodes.map(({ nodeId }) => nodeId)).toEqual([1]);
      for (const other of [asked(t), asked("__cluster_metadata", 1)]) {
        const { topics } = await wire.ask(describeQuorum, other);
        expect(topics[0]?.partitions[0]?.errorCode).toBe(3);
      }
    });

    test("features go up and, where it is asked for, down", async () => {
      const update = async (
        asked: readonly (readonly [feature: string, level: number, type?: number])[],
        validateOnly = false,
      ) => {
        const featureUpdates = asked.map(([feature, maxVersionLevel, upgradeType = 1]) => ({
          feature,
          maxVersionLevel,
          upgradeType,
          allowDowngrade: false,
        }));
        const request = { timeoutMs: 5_000, featureUpdates, validateOnly };
        return (await wire.ask(updateFeatures, request)).errorCode;
      };
      const transactions = "transaction.version";
      expect(await update([["no.such", 1]])).toBe(95);
      expect(await update([[transactions, 9]])).toBe(95);
      expect(await update([[transactions, -1]])).toBe(95);
      expect(await update([[transactions, 2, 9]])).toBe(95);
      expect(await update([[transactions, 1]])).toBe(95);
      expect(await update([[transactions, 1, 2]], true)).toBe(0);
      expect(await update([[transactions, 2]], true)).toBe(0);
      expect(
        await update([
          [transactions, 1, 2],
          ["no.such", 1],
        ]),
      ).toBe(95);
      expect(await update([[transactions, 1, 2]])).toBe(0);
      expect(await update([[transactions, 2]])).toBe(0);
      expect(await update([])).toBe(0);
      expect(await update([["metadata.version", 29, 2]], true)).toBe(95);
      for (const off of ["kraft", "share", "streams", "eligible.leader.replicas"]) {
        expect(await update([[`${off}.version`, 2]], true)).toBe(95);
        expect(await update([[`${off}.version`, 0, 2]], true)).toBe(0);
      }
    });

    test("a node that is not there cannot be forgotten", async () => {
      expect((await wire.ask(unregisterBroker, { brokerId: 9 })).errorCode).toBe(102);
    });

    test("tokens are not for listeners without security", async () => {
      const hmac = new Uint8Array(4);
      const made = { ownerPrincipalType: null, ownerPrincipalName: null, renewers: [] };
      expect(
        await Promise.all([
          wire.ask(createDelegationToken, { ...made, maxLifetimeMs: -1 }),
          wire.ask(renewDelegationToken, { hmac, renewPeriodMs: -1 }),
          wire.ask(expireDelegationToken, { hmac, expiryTimePeriodMs: -1 }),
          wire.ask(describeDelegationToken, { owners: null }),
        ]),
      ).toMatchObject(Array.from({ length: 4 }, () => ({ errorCode: 64 })));
    });

    test("SASL on a plain listener is refused, and the connection stays", async () => {
      for (const version of [0, 1])
        expect(await wire.ask(saslHandshake, { mechanism: "PLAIN" }, version)).toEqual({
          errorCode: 34,
          mechanisms: [],
        });
      for (const version of [0, 1, 2])
        expect(
          await wire.ask(saslAuthenticate, { authBytes: new Uint8Array(3) }, version),
        ).toMatchObject({ errorCode: 34, authBytes: new Uint8Array(0) });
      const { apiKeys } = await wire.ask(apiVersions, {
        clientSoftwareName: "kedge",
        clientSoftwareVersion: "1",
      });
      const versionsOf = (key: number) => {
        const api = apiKeys.find((each) => each.apiKey === key);
        return api && [api.minVersion, api.maxVersion];
      };
      expect([versionsOf(17), versionsOf(36)]).toEqual([
        [0, 1],
        [0, 2],
      ]);
    });

    test("users without passwords have none", async () => {
      const users = ["a", "a", "b"].map((user) => ({ name: `${run}-${user}` }));
      const told = await wire.ask(describeUserScramCredentials, { users });
      const codesOf = (results: readonly { user: string; errorCode: number }[]) =>
        Object.fromEntries(results.map((one) => [one.user.replace(`${run}-`, ""), one.errorCode]));
      expect(codesOf(told.results)).toEqual({ a: 92, b: 91 });
      const password = { salt: new Uint8Array(8), saltedPassword: new Uint8Array(32) };
      const altered = await wire.ask(alterUserScramCredentials, {
        deletions: [{ name: `${run}-a`, mechanism: 1 }],
        upsertions: [
          { name: `${run}-b`, mechanism: 9, iterations: 4_096, ...password },
          { name: `${run}-c`, mechanism: 1, iterations: 1, ...password },
          { name: "", mechanism: 1, iterations: 4_096, ...password },
        ],
      });
      expect(codesOf(altered.results)).toEqual({ a: 91, b: 33, c: 93, "": 93 });
    });
  });
}
