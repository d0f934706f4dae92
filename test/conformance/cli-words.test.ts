/**
 * What the command line says of what went wrong: whose fault it was, what it was about, and what to do.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { tmpdir } from "node:os";
import type { Fetch } from "../../src/client/client.ts";
import type { Node } from "../../src/node.ts";
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { type Given, type Ran, runCli } from "./run-cli.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

let node: Node;

beforeAll(async () => {
  node = await startInProcess(["--data", ":memory:", ...anyPorts]);
  await kedge(["topic", "create", "uneven", "-p", "2"]);
  await kedge(["produce", "uneven", "-p", "0"], { stdin: "a\nb\nc\nd\n" });
});

afterAll(() => node.stop());

const kedge = (args: readonly string[], given?: Given): Promise<Ran> =>
  runCli([...args, "--url", node.url], given);

const byKafka = (...args: string[]): Promise<Ran> =>
  runCli([...args, "--bootstrap-server", kafkaAddress(node)]);

test.each([
  [["produce", "uneven", "-f", "/nope"], "-f"],
  [["import", "/nope"], "FILE"],
  [["topic", "list", "--token-file", "/nope"], "--token-file"],
])("%p: a file that is not there is told with what named it", async (args, asker) => {
  const ran = await kedge(args);
  expect([ran.code, ran.err]).toEqual([
    1,
    `kedge: Cannot read /nope (${asker}): there is no such file.\n`,
  ]);
});

test("a folder in place of a file is told as one", async () => {
  const { code, err } = await kedge(["produce", "uneven", "-f", tmpdir()]);
  expect([code, err]).toEqual([1, `kedge: Cannot read ${tmpdir()} (-f): it is a folder.\n`]);
});

test("an offset past the end of one of many partitions names it, and the ways out", async () => {
  const { code, err } = await kedge(["consume", "uneven", "--from", "3"]);
  expect([code, err]).toEqual([
    1,
    "kedge: Offset 3 is past the end of partition 1, whose next offset is 0.\n" +
      "Read one partition of uneven with -p, or begin in each with --from +N, -N or @TIME.\n",
  ]);
});

test("records whose topic is not there: how the command line makes it", async () => {
  const { code, err } = await kedge(["import"], { stdin: '{"topic":"absent","value":"x"}\n' });
  expect(code).toBe(3);
  expect(err).toMatch(/There is no topic absent\. Make it with ".*kedge topic create absent"\.\n$/);
});

test("configs of a broker that is not there: which are", async () => {
  const args = ["kafka-configs", "--alter", "--entity-type", "brokers", "--entity-name", "9"];
  const { code, err } = await byKafka(...args, "--add-config", "log.retention.ms=1000");
  expect(code).toBe(1);
  expect(err).toContain("There is no broker 9; there is 1.");
});

test("a group with members is not deleted: which, and what to do", async () => {
  const joined = await fetch(`${node.url}/v1/groups/busy/members/m`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ topics: ["uneven"] }),
  });
  expect(joined.ok).toBe(true);
  const { code, err } = await byKafka("group", "delete", "busy", "--yes");
  expect(code).toBe(1);
  expect(err).toContain("Group busy has members: stop them first");
});

test("a group that is to go on where nothing is goes to the end, which is told", async () => {
  const { code, err } = await byKafka(
    "group",
    "reset",
    "idle",
    "--topic",
    "uneven",
    "--to",
    "99999",
    "--yes",
  );
  expect(code).toBe(0);
  expect(err).toContain("offset 99999 is past the end of partition 0 of uneven; it is set to 4.");
});

test("where nobody listens, that is all that is said, whatever the runtime's words", async () => {
  for (const words of [
    "ECONNREFUSED: Unable to connect. Is the computer able to access the url?",
    "Unable to connect. Is the computer able to access the url?",
    "connect ECONNREFUSED 127.0.0.1:9",
  ]) {
    const refused: Fetch = () => Promise.reject(new TypeError(words));
    const args = ["topic", "list", "--patience", "10ms", "--url", "http://127.0.0.1:9"];
    const { code, err } = await runCli(args, { fetch: refused });
    expect(code).toBe(5);
    expect(err).toStartWith("kedge: Cannot reach http://127.0.0.1:9: nothing listens there.\n");
  }
});
