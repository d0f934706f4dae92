/**
 * Commands that were given the wrong door, a wrong address or a wrong word: each is told what to do, by its exit code too.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Node } from "../../src/node.ts";
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { runCli } from "./run-cli.ts";

let node: Node;

beforeAll(async () => {
  node = await startInProcess(["--data", ":memory:", ...anyPorts]);
});

afterAll(() => node.stop());

function kedge(line: string) {
  const doors = { HTTP: `127.0.0.1:${node.port}`, KAFKA: kafkaAddress(node) };
  const words = line.replaceAll(/HTTP|KAFKA/g, (door) => doors[door as keyof typeof doors]);
  return runCli(words.split(" "));
}

test.each([
  ["topic list --patience 100ms --url KAFKA", 5, "What listens there does not speak HTTP"],
  ["topic list --patience 100ms --url https://HTTP", 5, "What listens there does not speak TLS"],
  ["topic list --patience 100ms --url 127.0.0.1:1", 5, 'Start one with "bun run start"'],
  ["topic list --url ftp://HTTP", 2, "--url must be an address such as"],
  ["topic list --url HTTP/elsewhere", 3, "--url is its address alone"],
  ["group list --bootstrap-server HTTP", 5, "speaks HTTP, not Kafka's protocol"],
  ["group list --bootstrap-server HTTP", 5, "the address that Kafka clients connect to"],
  ["kafka-topics --list --bootstrap-server HTTP", 1, "the address that Kafka clients connect to"],
  ["group list --bootstrap-server 127.0.0.1:1", 5, "or name another with --bootstrap-server"],
  ["topic delete gone --yes --url HTTP", 3, "kedge: There is no topic gone.\n"],
  ["group reset g --to end --topic gone --bootstrap-server KAFKA", 3, "Topic gone does not exist."],
  ["txn abort gone --yes --bootstrap-server KAFKA", 3, "no such transactional id"],
  ["topic crate", 2, 'Try "bun run kedge topic --help".'],
  ["topic create --bogus x", 2, 'Try "bun run kedge topic create --help".'],
  ["bogus", 2, 'Try "bun run kedge --help".'],
])("%s", async (line, code, words) => {
  const ran = await kedge(line);
  expect([ran.code, ran.err]).toEqual([code, expect.stringContaining(words)]);
  expect(ran.err).not.toContain("verbose: true");
});

test("an id that was asked for in vain is not made", async () => {
  await kedge("txn abort never --yes --bootstrap-server KAFKA");
  expect(await kedge("txn list --bootstrap-server KAFKA")).toMatchObject({ code: 0, out: "" });
});
