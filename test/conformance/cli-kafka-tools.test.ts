/**
 * Kafka's own spellings as their users type them: exit codes, what is told on stderr, properties, and what they wait for; against
 * a node in this process.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Node } from "../../src/node.ts";
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { type Given, runCli } from "./run-cli.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

let node: Node;
let folder: string;

beforeAll(async () => {
  node = await startInProcess(["--data", ":memory:", ...anyPorts]);
  folder = await mkdtemp(join(tmpdir(), "kedge-tools-"));
});

afterAll(() => node.stop());

/** Runs a line against the node; words are cut at spaces. */
function kedge(line: string, given: Given = {}) {
  const env = { KEDGE_BOOTSTRAP_SERVER: kafkaAddress(node), ...given.env };
  return runCli(line.split(" "), { ...given, env });
}

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await Bun.write(path, text);
  return path;
}

test.each([
  "kafka-topics",
  "kafka-topics --list --bogus",
  "kafka-topics --list extra",
  "kafka-topics --list --topic a --topic b",
  "kafka-topics --list --command-config /nowhere/client.properties",
  "kafka-topics --list --bootstrap-server no:port:here",
  "kafka-configs --describe",
  "kafka-consumer-groups --list --state bogus",
  "kafka-consumer-groups --reset-offsets --group g --topic t:x --to-latest",
  "kafka-console-producer",
  "kafka-console-producer --topic t --batch-size x",
  "kafka-console-consumer --topic t --max-messages x",
  "kafka-get-offsets",
  "kafka-delete-records --offset-json-file /nowhere/offsets.json",
])("%s is refused as Kafka's tool does: exit 1, and words on stderr alone", async (line) => {
  const { code, out, err } = await kedge(line);
  expect([code, out]).toEqual([1, ""]);
  expect(err).not.toBe("");
});

test("help is no failure, and a bad word points to it", async () => {
  expect(await kedge("kafka-topics --help")).toMatchObject({ code: 0, err: "" });
  const { err } = await kedge("kafka-topics --list --describ");
  expect(err).toContain("Did you mean --describe?");
  expect(err).toContain('Try "bun run kedge kafka-topics --help".');
});

test("a wrong address in the environment is told", async () => {
  const env = { KEDGE_BOOTSTRAP_SERVER: "no:port:here" };
  const { code, err } = await kedge("kafka-topics --list", { env });
  expect(code).toBe(1);
  expect(err).toContain('A broker is host:port, not "no:port:here".');
});

test("where nobody listens, what to do is told", async () => {
  const ran = await kedge("kafka-topics --list --bootstrap-server 127.0.0.1:1");
  expect(ran.code).toBe(1);
  expect(ran.out).toStartWith("Error while executing topic command : 127.0.0.1:1 cannot be");
  expect(ran.err).toContain("Is a node running?");
});

test("unknown properties and older spellings are told beside the data", async () => {
  await kedge("kafka-topics --create --topic told");
  const path = await file("client.properties", "client.id=me\nlinger.ms=5\nlingr.ms=5\n");
  const produced = await kedge(
    `kafka-console-producer --topic told --producer.config ${path} --sync`,
    { stdin: "a\n" },
  );
  expect(produced).toEqual({
    code: 0,
    out: "",
    err: [
      "Warning: --producer.config is deprecated and will be removed in a future version. Use --command-config instead.\n",
      "The configuration 'lingr.ms' was supplied but isn't a known config.\n",
      "Without effect here: linger.ms\n",
    ].join(""),
  });
});

test("no answer at all is not to be had, and that is told", async () => {
  const produced = await kedge("kafka-console-producer --topic told --request-required-acks 0", {
    stdin: "b\n",
  });
  expect(produced).toMatchObject({ code: 0, err: expect.stringContaining("as acks=1 does") });
});

test("lines before one that cannot be read are sent", async () => {
  await kedge("kafka-topics --create --topic kept");
  const reader = await file("reader.properties", "parse.key=true\nkey.separator=\\:\n");
  const produced = await kedge(`kafka-console-producer --topic kept --reader-config ${reader}`, {
    stdin: "k:v\nnone\n",
  });
  expect(produced).toMatchObject({
    code: 1,
    err: "No key separator found on line number 2: 'none'\n",
  });
  const format = await file("format.properties", "print.key=true\nkey.separator=\\ = \n");
  const consume = `kafka-console-consumer --topic kept --formatter-config ${format}`;
  const read = await kedge(`${consume} --from-beginning --max-messages 1`);
  expect(read.out).toBe("k = v\n");
});

test("a record that cannot be shown is skipped where that is asked for", async () => {
  await kedge("kafka-topics --create --topic mixed");
  await kedge("kafka-console-producer --topic mixed", { stdin: "short\n12345678\n" });
  const long = "--value-deserializer org.apache.kafka.common.serialization.LongDeserializer";
  const consume = `kafka-console-consumer --topic mixed --from-beginning --max-messages 2 ${long}`;
  expect(await kedge(consume)).toMatchObject({ code: 1, out: "" });
  const read = await kedge(`${consume} --skip-message-on-error`);
  expect(read).toMatchObject({ code: 0, out: "3544952156018063160\n" });
  expect(read.err).toContain("Error processing message, skipping this message: Size of data");
});

test("without an offset one begins where one is told, or not at all", async () => {
  const consume = "kafka-console-consumer --topic mixed --timeout-ms 300 --command-property";
  expect(await kedge(`${consume} auto.offset.reset=none`)).toMatchObject({
    code: 1,
    err: expect.stringContaining("Undefined offset with no reset policy for partitions: [mixed-0]"),
  });
  const young = await kedge(`${consume} auto.offset.reset=by_duration:PT1H`);
  expect(young).toMatchObject({ code: 0, out: "short\n12345678\n" });
});

test("a pattern waits for topics without holding up anything, and finds those that come", async () => {
  const consume = "kafka-console-consumer --include late.* --from-beginning --max-messages 1";
  const reading = kedge(consume);
  // The reader has nothing yet: were it to spin, nothing here would ever run.
  await kedge("kafka-topics --create --topic later");
  await kedge("kafka-console-producer --topic later", { stdin: "found\n" });
  expect(await reading).toMatchObject({ code: 0, out: "found\n" });
}, 30_000);

test("ends of logs are told in Kafka's order, and records are deleted", async () => {
  await kedge("kafka-topics --create --topic cut --partitions 11");
  const ends = await kedge("kafka-get-offsets --topic cut");
  expect(ends.out.split("\n").slice(0, 4)).toEqual(["cut:0:0", "cut:1:0", "cut:10:0", "cut:2:0"]);
  expect(await kedge("kafka-get-offsets --topic cut --time 1")).toMatchObject({ code: 0, out: "" });
  const offset = (text: number, topic = "mixed") =>
    JSON.stringify({ partitions: [{ topic, partition: 0, offset: text }], version: 1 });
  const run = async (text: string) =>
    kedge(`kafka-delete-records --offset-json-file ${await file("offsets.json", text)}`);
  const begun = "Executing records delete operation\nRecords delete operation completed:\n";
  expect(await run(offset(1))).toEqual({
    code: 0,
    out: `${begun}partition: mixed-0\tlow_watermark: 1\n`,
    err: "",
  });
  expect(await run(offset(9))).toMatchObject({
    code: 1,
    out: expect.stringContaining("partition: mixed-0\terror: "),
  });
  expect(await run(offset(9, "nowhere"))).toMatchObject({ code: 1 });
  expect(await run("{}")).toMatchObject({ code: 1, out: "" });
  expect((await kedge("kafka-get-offsets --topic mixed --time earliest")).out).toBe("mixed:0:1\n");
});

test("configs tell what is not there, and the default of brokers", async () => {
  expect(await kedge("kafka-configs --describe --topic nowhere")).toMatchObject({
    code: 0,
    out: "The topic 'nowhere' doesn't exist and doesn't have dynamic config.\n",
  });
  expect(await kedge("kafka-configs --describe --broker-defaults")).toMatchObject({
    code: 0,
    out: "Default configs for brokers in the cluster are:\n",
  });
  const credentials = "--add-config SCRAM-SHA-256=[password=secret]";
  expect(await kedge(`kafka-configs --alter --user u ${credentials}`)).toMatchObject({
    code: 1,
    err: "SCRAM credentials cannot be kept: security is not built yet. Leave out SCRAM-SHA-256\n",
  });
  const gone = "kafka-configs --alter --user u --delete-config producer_byte_rate";
  expect((await kedge(gone)).err).toBe("Invalid config(s): producer_byte_rate\n");
});

test("hours of retention are what the node began with, as in Kafka, whatever was set since", async () => {
  const hours = async () => {
    const { out } = await kedge("kafka-configs --describe --broker 1 --all");
    return /^  log\.retention\.hours=.*$/m.exec(out)?.[0];
  };
  const begun = await hours();
  expect(begun).toBe(
    "  log.retention.hours=168 sensitive=false synonyms={DEFAULT_CONFIG:log.retention.hours=168}",
  );
  const change = (words: string) => kedge(`kafka-configs --alter --broker-defaults ${words}`);
  expect((await change("--add-config log.retention.ms=1000000")).code).toBe(0);
  expect(await hours()).toBe(begun);
  expect((await change("--delete-config log.retention.ms")).code).toBe(0);
});

test("patterns are told good or bad, and what groups lack fails", async () => {
  const validate = "kafka-consumer-groups --validate-regex";
  expect((await kedge(`${validate} a.*`)).out).toBe("The regular expression `a.*` is valid.\n");
  expect((await kedge(`${validate} [a`)).out).toBe(
    "The regular expression `[a` is invalid: missing closing ].\n",
  );
  const reset = "kafka-consumer-groups --reset-offsets --group g --dry-run --to-offset 99 --topic";
  expect(await kedge(`${reset} mixed`)).toMatchObject({
    code: 0,
    err: "WARN New offset (99) is higher than latest offset for topic partition mixed-0. Value will be set to 2\n",
  });
  expect(await kedge(`${reset} mixed:7`)).toMatchObject({
    code: 1,
    out: expect.stringContaining('The partitions "mixed-7" do not exist'),
  });
  expect((await kedge("kafka-consumer-groups --describe --group nobody")).code).toBe(1);
  expect((await kedge("group reset nobody --topic nowhere --to end")).err).toBe(
    "kedge: Topic nowhere does not exist.\n",
  );
});
