/** Nodes in this process: several beside each other, and nothing of them left when they stop. */
import { expect, test } from "bun:test";
import { rename } from "node:fs/promises";
import type { Node } from "../../src/node.ts";
import { StartError } from "../../src/runtime/start-error.ts";
import { anyPorts, startInProcess } from "./in-process-node.ts";
import { nodeFolder } from "./node.ts";

function start(data: string, ...flags: readonly string[]): Promise<Node> {
  return startInProcess(["--data", data, ...anyPorts, ...flags]);
}

const produce = (node: Node, body: string) =>
  fetch(`${node.url}/v1/topics/t/records?create=true`, { method: "POST", body });

async function read(node: Node): Promise<string[]> {
  const response = await fetch(`${node.url}/v1/topics/t/partitions/0/records`);
  const { records }: { records: { value: string }[] } = await response.json();
  return records.map(({ value }) => value);
}

test("two nodes share nothing but the process", async () => {
  const folder = await nodeFolder();
  const [one, other] = await Promise.all([start(folder.path), start(":memory:")]);
  await Promise.all([produce(one, "one"), produce(other, "other")]);
  expect([await read(one), await read(other)]).toEqual([["one"], ["other"]]);
  expect(one.clusterId).not.toBe(other.clusterId);
  await Promise.all([one.stop(), other.stop(), one.stop()]);
  expect(await fetch(one.url).catch(() => "refused")).toBe("refused");
  await folder.remove();
});

test("a folder is free again after stop, and after a start that failed", async () => {
  const folder = await nodeFolder();
  for (const body of ["a", "b"]) {
    const node = await start(folder.path);
    await produce(node, body);
    const second = await start(folder.path).catch((error: unknown) => error);
    expect(second).toBeInstanceOf(StartError);
    await node.stop();
  }
  const last = await start(folder.path);
  expect(await read(last)).toEqual(["a", "b"]);
  await last.stop();
  await folder.remove();
});

test.each(["raft.db", "log.db"])("a folder without its %s is refused, and kept", async (name) => {
  const folder = await nodeFolder();
  const node = await start(folder.path);
  await produce(node, "kept");
  await node.stop();
  const path = `${folder.path}/${name}`;
  await rename(path, `${path}.away`);
  for (const _attempt of [1, 2]) {
    const refused = await start(folder.path).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StartError);
    expect(String(refused)).toContain(`no ${name}`);
  }
  await rename(`${path}.away`, path);
  const again = await start(folder.path);
  expect(await read(again)).toEqual(["kept"]);
  await again.stop();
  await folder.remove();
});

test("past connections-max a client gets a problem that says so, until another leaves", async () => {
  const node = await start(":memory:", "--connections-max", "1");
  await produce(node, "x");
  const gone = new AbortController();
  const tail = await fetch(`${node.url}/v1/tail?topic=t`, { signal: gone.signal });
  const refused = await fetch(`${node.url}/livez`);
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(await refused.json()).toMatchObject({
    code: "throttling_quota_exceeded",
    retryable: true,
  });
  gone.abort();
  await tail.body?.cancel().catch(() => {});
  let status = 0;
  for (let at = 0; at < 200 && status !== 200; at++) {
    await Bun.sleep(5);
    status = (await fetch(`${node.url}/livez`)).status;
  }
  expect(status).toBe(200);
  await node.stop();
});
