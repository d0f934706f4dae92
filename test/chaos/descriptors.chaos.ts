/**
 * More clients than the process has file descriptors, on both doors: those that were there before are served, others are cut off
 * or wait, and once the crowd has left all is as before.
 */
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { metadata } from "../../src/kafka/apis/03-metadata.ts";
import { freePort } from "../bench/server.ts";
import { connectKafka } from "../conformance/kafka-connection.ts";
import { batchOf, metadataRequest, newTopic, produceTo } from "../conformance/kafka-records.ts";
import { spawnNode } from "./node-process.ts";

const DESCRIPTORS = 256;
const CROWD = 400;

/** A busy machine may take its time. */
async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let at = 0; at < 300 && !(await what()); at += 1) await Bun.sleep(50);
}

/** Opens connections that say nothing, and gives how many were cut off. */
async function crowd(port: number): Promise<{ cutOff(): number; leave(): void }> {
  let cutOff = 0;
  const sockets: Socket[] = Array.from({ length: CROWD }, () => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.on("close", () => (cutOff += 1));
    return socket;
  });
  await until(() => sockets.every((socket) => !socket.connecting));
  await Bun.sleep(500);
  return {
    cutOff: () => cutOff,
    leave: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

test.skipIf(process.platform !== "linux")(
  "a node with few descriptors outlives a crowd at either door",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "kedge-descriptors-"));
    const [http, kafka] = [await freePort(), await freePort()];
    const limited = ["sh", "-c", `ulimit -n ${DESCRIPTORS}; exec "$0" "$@"`, process.execPath];
    const node = spawnNode(directory, http, { runtime: limited, kafka: `127.0.0.1:${kafka}` });
    try {
      await node.ready();
      const before = await connectKafka(`127.0.0.1:${kafka}`);
      const topic = await newTopic(before);
      const isServed = async (): Promise<void> => {
        const part = await produceTo(before, topic, batchOf(["a"]));
        expect(part.errorCode).toBe(0);
      };
      const clients = await crowd(kafka);
      await until(() => clients.cutOff() > CROWD - DESCRIPTORS);
      expect(clients.cutOff()).toBeGreaterThan(CROWD - DESCRIPTORS);
      await isServed();
      // The other door, and the log's files, have descriptors left.
      expect((await fetch(`http://127.0.0.1:${http}/readyz`)).status).toBe(200);
      const created = await fetch(`http://127.0.0.1:${http}/v1/topics/x/records?create=true`, {
        method: "POST",
        body: "hi",
      });
      expect(created.status).toBe(200);
      clients.leave();
      const browsers = await crowd(http);
      await isServed();
      browsers.leave();
      const ready = () => fetch(`http://127.0.0.1:${http}/readyz`).catch(() => null);
      await until(async () => (await ready())?.status === 200);
      expect((await ready())?.status).toBe(200);
      const after = await connectKafka(`127.0.0.1:${kafka}`);
      expect((await after.send(metadata, 9, metadataRequest([]))).brokers).toHaveLength(1);
      before.close();
      after.close();
      expect(await node.end("SIGTERM")).toBe(0);
    } finally {
      node.child.kill("SIGKILL");
      await rm(directory, { recursive: true, force: true });
    }
  },
  60_000,
);
