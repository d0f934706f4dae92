/** Listeners of a node in this process: names, what they advertise, ports that are taken, and a stop with clients there. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { metadata } from "../../src/kafka/apis/03-metadata.ts";
import { joinGroup } from "../../src/kafka/apis/11-join-group.ts";
import { syncGroup } from "../../src/kafka/apis/14-sync-group.ts";
import type { Node } from "../../src/node.ts";
import { StartError } from "../../src/runtime/start-error.ts";
import { kafkaAddress, startInProcess } from "./in-process-node.ts";
import { connectKafka } from "./kafka-connection.ts";
import { freshGroup, joinRequest } from "./kafka-members.ts";
import { batchOf, fetchPart, metadataRequest, newTopic, produceTo } from "./kafka-records.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

function start(...flags: readonly string[]): Promise<Node> {
  return startInProcess(["--data", ":memory:", "--http", "127.0.0.1:0", ...flags]);
}

test("each listener tells its own address, one log stands behind them", async () => {
  const advertised = ["--kafka-advertised", "LAN://broker.example:19092"];
  const node = await start("--kafka", "127.0.0.1:0,LAN://127.0.0.1:0", ...advertised);
  const [plain = 0, lan = 0] = [...node.kafkaPorts.values()];
  expect([...node.kafkaPorts.keys()]).toEqual(["PLAINTEXT", "LAN"]);
  const [one, other] = [
    await connectKafka(`127.0.0.1:${plain}`),
    await connectKafka(`127.0.0.1:${lan}`),
  ];
  const told = async (connection: typeof one) =>
    (await connection.send(metadata, 9, metadataRequest(null))).brokers[0];
  expect(await told(one)).toMatchObject({ host: "127.0.0.1", port: plain });
  expect(await told(other)).toMatchObject({ host: "broker.example", port: 19092 });
  const topic = await newTopic(one);
  await produceTo(one, topic, batchOf(["a"]));
  expect((await fetchPart(other, topic, 0)).highWatermark).toBe(1);
  one.close();
  other.close();
  await node.stop();
});

test("a port that is taken is told, and nothing is left open", async () => {
  const node = await start("--kafka", "127.0.0.1:0");
  const taken = kafkaAddress(node);
  const second = await start("--kafka", "FREE://127.0.0.1:0", "--kafka", taken).catch(
    (error: unknown) => error,
  );
  expect(second).toBeInstanceOf(StartError);
  expect(String(second)).toContain("choose another with --kafka HOST:PORT");
  await node.stop();
});

test("none serves Kafka's protocol nowhere", async () => {
  const node = await start("--kafka", "none");
  expect(node.kafkaPorts.size).toBe(0);
  await node.stop();
});

test("a stop answers who waits, and what was accepted", async () => {
  const node = await start("--kafka", "127.0.0.1:0");
  const address = kafkaAddress(node);
  const [writer, reader] = [await connectKafka(address), await connectKafka(address)];
  const [topic, quiet] = [await newTopic(writer), await newTopic(writer)];
  const waiting = fetchPart(reader, quiet, 0, { maxWaitMs: 60_000 });
  // One more answer on the way when the node stops.
  await fetchPart(writer, quiet, 0);
  const accepted = produceTo(writer, topic, batchOf(["a"]));
  await Bun.sleep(20);
  const stopped = node.stop();
  expect((await waiting).errorCode).toBe(0);
  expect((await accepted).errorCode).toBe(0);
  await Promise.all([stopped, writer.closed, reader.closed]);
});

test("a stop does not wait for members that wait for others", async () => {
  // Far longer than this test may take.
  const patient = ["--group-initial-rebalance-delay-ms", "0", "--drain-ms", "60000"];
  const node = await start("--kafka", "127.0.0.1:0", ...patient);
  const address = kafkaAddress(node);
  const first = await connectKafka(address);
  const quiet = await newTopic(first);
  const join = (connection: typeof first, group: string, memberId = "") =>
    connection.send(joinGroup, 3, joinRequest(group, { memberId, rebalanceTimeoutMs: 60_000 }));
  const sync = (connection: typeof first, groupId: string, memberId: string, generationId = 1) =>
    connection.send(syncGroup, 2, { groupId, memberId, generationId, assignments: [] });
  const waiting: Promise<number>[] = [];
  const readers: (typeof first)[] = [];
  for (let at = 0; at < 100; at += 1) {
    const group = freshGroup();
    const leader = await join(first, group);
    expect(leader.errorCode).toBe(0);
    const [member, reader] = [await connectKafka(address), await connectKafka(address)];
    readers.push(member, reader);
    // Until the leader has joined again; every tenth does, and then does not share out.
    const joined = join(member, group);
    const fetched = fetchPart(reader, quiet, 0, { maxWaitMs: 60_000 });
    waiting.push(fetched.then(({ errorCode }) => errorCode));
    if (at % 10 > 0) {
      waiting.push(joined.then(({ errorCode }) => errorCode));
      continue;
    }
    await join(first, group, leader.memberId);
    const { memberId, generationId } = await joined;
    waiting.push(sync(member, group, memberId, generationId).then(({ errorCode }) => errorCode));
  }
  // By the answer to this the node has come to all of them.
  await fetchPart(first, quiet, 0);
  await Bun.sleep(20);
  const ended = node.stop();
  const codes = await Promise.all(waiting);
  const coordinatorNotAvailable = 15;
  expect(codes.filter((code) => code === 0)).toHaveLength(100);
  expect(codes.filter((code) => code === coordinatorNotAvailable)).toHaveLength(100);
  await Promise.all([ended, first.closed, ...readers.map(({ closed }) => closed)]);
});
