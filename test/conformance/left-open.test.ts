/**
 * What a node before left open of its own one-shot transactions holds up no reader: a started node ends it by itself. A session
 * stands in for a kill here: it is opened under the transactional id of the node's first one-shot producer.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Node } from "../../src/node.ts";
import { anyPorts, startInProcess } from "./in-process-node.ts";
import { nodeFolder } from "./node.ts";

// Files are synced, which takes its time on a busy disk; a transaction that is left alone takes 60 s.
setDefaultTimeout(30_000);

async function post(node: Node, path: string, body: unknown, headers = {}) {
  const answer = await fetch(`${node.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  const json: Record<string, unknown> = await answer.json();
  return json;
}

test("a plain record behind a transaction that the node left open is read after a restart", async () => {
  const folder = await nodeFolder();
  const start = () => startInProcess(["--data", folder.path, ...anyPorts]);
  const before = await start();
  const nodeId = 1;
  const { txn } = await post(before, "/v1/txns", {
    transactional_id: `__kedge-transact-${nodeId}-1`,
    timeout_ms: 60_000,
  });
  const records = (value: string) => ({ records: [{ value }] });
  await post(before, "/v1/topics/t/records?create=true", records("open"), { txn: String(txn) });
  await before.stop();
  const node = await start();
  await post(node, "/v1/topics/t/records", records("plain"));
  const answer = await fetch(`${node.url}/v1/topics/t/partitions/0/records?wait_ms=20000`);
  expect(await answer.json()).toMatchObject({ records: [{ value: "plain" }] });
  await node.stop();
  await folder.remove();
});
