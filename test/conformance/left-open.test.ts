/**
 * What a node before left open of its own one-shot transactions holds up no reader: a started node ends it by itself. Records
 * with the identity of the node's first one-shot producer, which is known to be its next, stand in for a kill here.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { tokenText } from "../../src/http/producing/transaction-token.ts";
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
  const records = (value: string) => ({ records: [{ value }] });
  await post(before, "/v1/topics/t/records?create=true", records("first"));
  await post(before, "/v1/transact", { produce: [{ topic: "t", ...records("second") }] });
  const txn = tokenText({
    transactionalId: "__kedge-transact-1-1",
    producer: { producerId: 0n, producerEpoch: 1 },
  });
  await post(before, "/v1/topics/t/records", records("open"), { txn });
  await before.stop();
  const node = await start();
  await post(node, "/v1/topics/t/records", records("plain"));
  const from = 3; // Behind two records and a marker.
  const path = `/v1/topics/t/partitions/0/records?from=${from}&wait_ms=20000`;
  const answer = await fetch(`${node.url}${path}`);
  expect(await answer.json()).toMatchObject({ records: [{ value: "plain" }] });
  await node.stop();
  await folder.remove();
});
