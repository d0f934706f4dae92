/**
 * A node that is killed on a disk without one free byte: it starts again, as often as it is killed, and serves reads by both
 * doors; what writes is refused as it was before. Once there is room, writes come back without a restart.
 *
 * - A consumer goes on as the member that it was: it beats, reads on, is told to commit later.
 * - `taken`: a neighbour takes what SQLite gives back at a start, too; then its index of the write-ahead log is in memory.
 */
import { expect, test } from "bun:test";
import { rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { heartbeat } from "../../src/kafka/apis/12-heartbeat.ts";
import { offsetCommit } from "../../src/kafka/apis/08-offset-commit.ts";
import { offsetFetch } from "../../src/kafka/apis/09-offset-fetch.ts";
import { freePort } from "../bench/server.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import { connectKafka, type KafkaConnection } from "../conformance/kafka-connection.ts";
import { joinRequest, stable } from "../conformance/kafka-members.ts";
import { batchOf, fetchPart, produceTo, valuesOf } from "../conformance/kafka-records.ts";
import { joinGroup } from "../../src/kafka/apis/11-join-group.ts";
import { DiskWriter, expectRefusal } from "./disk-writer.ts";
import { root, spawnNode, type NodeProcess } from "./node-process.ts";
import { canMount, fillUp, withSmallDisk } from "./small-disk.ts";

const diskMb = 64;
const records = 200;
const kept = { name: "kept", topicId: zeroUuid };
const topic = { name: kept.name, id: kept.topicId };
const COORDINATOR_NOT_AVAILABLE = 15;
const KAFKA_STORAGE_ERROR = 56;

interface Member {
  readonly group: string;
  readonly memberId: string;
}

class Node {
  readonly writer: DiskWriter;
  readonly data: string;
  readonly #directory: string;
  readonly #ports: { readonly http: number; readonly kafka: number };
  #process: NodeProcess | null = null;

  constructor(directory: string, data: string, ports: { http: number; kafka: number }) {
    this.#directory = directory;
    this.data = data;
    this.#ports = ports;
    this.writer = new DiskWriter(`http://127.0.0.1:${this.#ports.http}`, "kept");
  }

  async start(): Promise<void> {
    const kafka = `127.0.0.1:${this.#ports.kafka}`;
    this.#process = spawnNode(this.#directory, this.#ports.http, { data: this.data, kafka });
    await this.#process.ready();
  }

  /** What a second one on the same folder says as it ends, and the first one's process id. */
  async second(): Promise<{ said: string; firstPid: number | undefined }> {
    const command = ["serve", "--data", this.data, "--http", "127.0.0.1:0", "--kafka", "none"];
    const child = Bun.spawn([process.execPath, join(root, "src/main.ts"), ...command], {
      cwd: this.#directory,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const said = await new Response(child.stderr).text();
    expect(await child.exited).toBe(1);
    return { said, firstPid: this.#process?.child.pid };
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const running = this.#process;
    this.#process = null;
    return running ? running.end(signal) : null;
  }

  async kafka<T>(work: (connection: KafkaConnection) => Promise<T>): Promise<T> {
    const connection = await connectKafka(`127.0.0.1:${this.#ports.kafka}`);
    try {
      return await work(connection);
    } finally {
      connection.close();
    }
  }
}

/** Commits as the member, and gives the code. */
async function commit(connection: KafkaConnection, member: Member, offset: number) {
  const place = { partitionIndex: 0, committedOffset: offset, committedMetadata: "" };
  const { topics } = await connection.send(offsetCommit, 8, {
    groupId: member.group,
    memberId: member.memberId,
    generationIdOrMemberEpoch: 1,
    topics: [{ ...kept, partitions: [place] }],
  });
  return topics[0]?.partitions[0]?.errorCode;
}

async function committed(connection: KafkaConnection, member: Member): Promise<bigint | number> {
  const topics = [{ ...kept, partitionIndexes: [0] }];
  const groups = [{ groupId: member.group, topics }];
  for (;;) {
    const answer = await connection.send(offsetFetch, 8, { groupId: "", topics: [], groups });
    const [found] = answer.groups;
    const offset = found?.topics[0]?.partitions[0]?.committedOffset;
    if (found?.errorCode === 0 && offset !== undefined) return offset;
    await Bun.sleep(20); // The coordinator loads.
  }
}

async function readAll(connection: KafkaConnection): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const part = await fetchPart(connection, topic, values.length);
    expect(part.errorCode).toBe(0);
    const found = valuesOf(part.records);
    if (found.length === 0) return values;
    values.push(...found);
  }
}

/** What goes on while the disk is full, and what is refused. */
async function expectReading(node: Node, member: Member): Promise<void> {
  await node.writer.check();
  await expectRefusal(await node.writer.write());
  await node.kafka(async (connection) => {
    expect(Number(await committed(connection, member))).toBe(7);
    const beat = { groupId: member.group, memberId: member.memberId, generationId: 1 };
    expect((await connection.send(heartbeat, 3, beat)).errorCode).toBe(0);
    expect(await readAll(connection)).toEqual(node.writer.acked);
    expect(await commit(connection, member, 9)).toBe(COORDINATOR_NOT_AVAILABLE);
    const refused = await produceTo(connection, topic, batchOf(["x"]));
    expect(refused.errorCode).toBe(KAFKA_STORAGE_ERROR);
  });
  const created = await fetch(`${node.writer.origin}/v1/topics`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "another" }),
  });
  await expectRefusal(created);
}

/** Takes every byte, and those that SQLite gives back as it opens a file that a killed process left. */
async function takeAll(path: string, data: string, taken: boolean): Promise<string[]> {
  if (taken)
    for (const name of ["log.db-shm", "raft.db-shm"]) await rm(join(data, name), { force: true });
  const greedy = fillUp(join(path, `greedy-${Date.now()}`));
  expect((await statfs(path)).bavail).toBe(0);
  return [greedy];
}

test.if(canMount).each([
  ["as it was left", false],
  ["with its last pages taken by a neighbour", true],
] as const)(
  "a node killed on a full disk starts, %s, and serves reads",
  (_name, taken) =>
    withSmallDisk(diskMb, async ({ directory, path }) => {
      const node = new Node(directory, join(path, "data"), {
        http: await freePort(),
        kafka: await freePort(),
      });
      try {
        await node.start();
        const { writer } = node;
        await writer.create();
        for (let count = 0; count < records; count += 1) await writer.write();
        const member = await node.kafka(async (connection) => {
          const joined = await stable(connection, { sessionTimeoutMs: 120_000 });
          expect(await commit(connection, joined, 7)).toBe(0);
          return joined;
        });
        const greedy = await takeAll(path, node.data, false);
        await expectReading(node, member);
        for (let kills = 0; kills < 3; kills += 1) {
          await node.end("SIGKILL");
          greedy.push(...(await takeAll(path, node.data, taken)));
          await node.start();
          await expectReading(node, member);
        }
        const { said, firstPid } = await node.second();
        expect(said).toContain(`is in use by process ${firstPid} `);
        // A stop ends well, though its mark has no room.
        expect(await node.end("SIGTERM")).toBe(0);
        greedy.push(...(await takeAll(path, node.data, taken)));
        await node.start();
        await expectReading(node, member);

        for (const name of greedy) await rm(name);
        const tookMs = Math.round(await writer.recover());
        console.log(`writes came back ${tookMs} ms after there was room`);
        await node.kafka(async (connection) => {
          expect(await commit(connection, member, 11)).toBe(0);
          const fresh = await connection.send(joinGroup, 3, joinRequest("another"));
          expect(fresh.errorCode).toBe(0);
        });
        const other = new DiskWriter(writer.origin, "other");
        await other.create();
        for (let count = 0; count < 20; count += 1) await other.recover();
        await node.end("SIGKILL");
        await node.start();
        await writer.check();
        await other.check();
        await node.kafka(async (connection) => {
          expect(Number(await committed(connection, member))).toBe(11);
        });
        expect(await node.end("SIGTERM")).toBe(0);
      } finally {
        await node.end("SIGKILL");
      }
    }),
  120_000,
);
