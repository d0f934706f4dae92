/**
 * The commands that speak Kafka's protocol, against a node in this process: groups and transactions, and Kafka's own
 * spellings, whose output is held to what Kafka's tools print (`kafka-spellings.interop.ts` compares them).
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Node } from "../../src/node.ts";
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { type Given, jsonLines, runCli } from "./run-cli.ts";

let node: Node;
let server: string;

beforeAll(async () => {
  const quick = ["--group-initial-rebalance-delay-ms", "0"];
  node = await startInProcess(["--data", ":memory:", ...anyPorts, ...quick]);
  server = kafkaAddress(node);
});

afterAll(() => node.stop());

/** Runs a line against the node; words are cut at spaces. */
function kedge(line: string, given: Given = {}) {
  const env = { KEDGE_BOOTSTRAP_SERVER: server, ...given.env };
  return runCli(line.split(" "), { ...given, env });
}

const quiet = { code: 0, out: "", err: "" };

test("topics", async () => {
  const collides =
    "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both.\n";
  expect(
    await kedge("kafka-topics --create --topic t.a --partitions 2 --config retention.ms=5000"),
  ).toEqual({
    ...quiet,
    out: `${collides}Created topic t.a.\n`,
  });
  expect(await kedge("kafka-topics.sh --create --topic t.a")).toMatchObject({
    code: 1,
    out: expect.stringContaining("Error while executing topic command : "),
  });
  expect((await kedge("kafka-topics --create --topic t.a --if-not-exists")).code).toBe(0);
  await kedge("kafka-topics --create --topic tb");
  expect((await kedge("kafka-topics --list")).out).toBe("t.a\ntb\n");
  const { out } = await kedge("kafka-topics --describe --topic t\\..*");
  expect(out.replace(/TopicId: \S+/, "TopicId: ID")).toBe(
    [
      "Topic: t.a\tTopicId: ID\tPartitionCount: 2\tReplicationFactor: 1\tConfigs: retention.ms=5000\n",
      "\tTopic: t.a\tPartition: 0\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \tLastKnownElr: \n",
      "\tTopic: t.a\tPartition: 1\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \tLastKnownElr: \n",
    ].join(""),
  );
  expect(await kedge("kafka-topics --alter --topic t.a --partitions 3")).toEqual(quiet);
  expect((await kedge("kafka-get-offsets --topic t.a")).out).toBe("t.a:0:0\nt.a:1:0\nt.a:2:0\n");
  expect(await kedge("kafka-topics --delete --topic t.a,tb")).toEqual(quiet);
  expect(await kedge("kafka-topics --describe --topic t.a")).toEqual({
    code: 1,
    out: "Error while executing topic command : Topic 't.a' does not exist as expected\n",
    err: "",
  });
  expect((await kedge("kafka-topics --delete --topic t.a --if-exists")).code).toBe(0);
  expect((await kedge("kafka-topics --list --describe")).code).toBe(1);
});

test("configs", async () => {
  await kedge("kafka-topics --create --topic configured");
  const entity = "--entity-type topics --entity-name configured";
  const add = await kedge(
    `kafka-configs --alter ${entity} --add-config cleanup.policy=[compact,delete],segment.ms=9`,
  );
  expect(add).toEqual({ ...quiet, out: "Completed updating config for topic configured.\n" });
  const { out } = await kedge(`kafka-configs --describe ${entity}`);
  expect(out).toBe(
    [
      "Dynamic configs for topic configured are:\n",
      "  cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}\n",
      "  segment.ms=9 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:segment.ms=9}\n",
    ].join(""),
  );
  await kedge("kafka-configs --alter --topic configured --delete-config segment.ms,cleanup.policy");
  expect((await kedge("kafka-configs --describe --topic configured")).out).toBe(
    "Dynamic configs for topic configured are:\n",
  );
  const all = await kedge("kafka-configs --describe --topic configured --all");
  expect(all.out).toContain("\n  retention.ms=604800000 sensitive=false");
  const bad = await kedge("kafka-configs --alter --topic configured --add-config bogus=1");
  expect([bad.code, bad.out]).toEqual([1, ""]);
  expect(bad.err).toContain("bogus");
});

test("lines in, records out", async () => {
  await kedge("kafka-topics --create --topic lines");
  const keyed = "--reader-property parse.key=true --reader-property key.separator=:";
  const sent = await kedge(
    `kafka-console-producer --topic lines ${keyed} --reader-property null.marker=NULL`,
    {
      stdin: "a:1\r\nb:2:3\nc:NULL\n",
    },
  );
  expect(sent).toEqual(quiet);
  const headers = "--property parse.headers=true --compression-codec zstd";
  await kedge(`kafka-console-producer --topic lines ${headers}`, { stdin: "h:x,i:y\tv\n" });
  const bad = await kedge(`kafka-console-producer --topic lines ${keyed}`, { stdin: "none\n" });
  expect(bad.code).toBe(1);
  expect(bad.err).toContain("No key separator found on line number 1: 'none'");
  const shown = "print.key print.offset print.partition print.headers print.timestamp"
    .split(" ")
    .map((name) => `--formatter-property ${name}=true`)
    .join(" ");
  const read = await kedge(
    `kafka-console-consumer --topic lines --from-beginning --max-messages 4 ${shown}`,
  );
  expect(read.out.replaceAll(/CreateTime:\d+/g, "T")).toBe(
    [
      "T\tPartition:0\tOffset:0\tNO_HEADERS\ta\t1\n",
      "T\tPartition:0\tOffset:1\tNO_HEADERS\tb\t2:3\n",
      "T\tPartition:0\tOffset:2\tNO_HEADERS\tc\tnull\n",
      "T\tPartition:0\tOffset:3\th:x,i:y\tnull\tv\n",
    ].join(""),
  );
  expect([read.code, read.err]).toEqual([0, "Processed a total of 4 messages\n"]);
  const one = "kafka-console-consumer --topic lines --partition 0 --offset 3 --timeout-ms 300";
  expect(await kedge(one)).toMatchObject({ code: 0, out: "v\n" });
});

test("a group is as far behind by the command line and the metrics as by HTTP", async () => {
  await kedge("kafka-topics --create --topic unread --partitions 2");
  const url = `http://127.0.0.1:${node.port}`;
  const send = async (method: string, path: string, body: unknown): Promise<number> => {
    const headers = { "content-type": "application/json" };
    return (await fetch(url + path, { method, headers, body: JSON.stringify(body) })).status;
  };
  for (const partition of [0, 1]) {
    const records = [{ value: "a" }, { value: "b" }, { value: "c" }];
    await send("POST", `/v1/topics/unread/partitions/${partition}/records`, { records });
  }
  const joined = await send("PUT", "/v1/groups/new/members/m", { topics: ["unread"] });
  expect(joined).toBe(200);
  const described = async () => jsonLines((await kedge("group describe new")).out)[0];
  expect(await described()).toMatchObject({ lag: 6 });
  expect(await (await fetch(`${url}/v1/groups/new/lag`)).json()).toMatchObject({ lag: 6 });
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  const labels = 'consumergroup="new",topic="unread"';
  expect(await metrics()).toContain(`kafka_consumergroup_lag_sum{${labels}} 6\n`);
  const { member_epoch: epoch } = Object(await (await fetch(`${url}/v1/groups/new`)).json())
    .members[0];
  await send("POST", "/v1/groups/new/offsets", {
    member_id: "m",
    member_epoch: epoch,
    offsets: [{ topic: "unread", partition: 0, offset: 3 }],
  });
  expect(await described()).toMatchObject({
    lag: 3,
    offsets: [
      { partition: 0, committed: 3, lag: 0 },
      { partition: 1, committed: null, lag: 3 },
    ],
  });
  expect((await kedge("group describe new -o table")).out).toContain("  1 member  lag 3\n");
  const text = await metrics();
  expect(text).toContain(`kafka_consumergroup_lag{${labels},partition="1"} 3\n`);
  expect(text).toContain(`kafka_consumergroup_lag_sum{${labels}} 3\n`);
  // Kafka's own tool leaves it open.
  const kafkas = (await kedge("kafka-consumer-groups --describe --group new")).out;
  expect(kafkas).toMatch(/new +unread +1 +- +3 +- /);
  expect((await fetch(`${url}/v1/groups/new/members/m`, { method: "DELETE" })).status).toBe(204);
  expect((await kedge("group delete new --yes")).code).toBe(0);
});

test("a group reads on where it left off, and is moved, listed and deleted", async () => {
  await kedge("kafka-topics --create --topic read --partitions 2");
  const stdin = Array.from({ length: 10 }, (_, at) => `k${at}:${at}\n`).join("");
  const keyed = "--property parse.key=true --property key.separator=:";
  await kedge(`kafka-console-producer --topic read ${keyed}`, { stdin });
  const consume = "kafka-console-consumer --topic read --from-beginning --group readers";
  const first = await kedge(`${consume} --max-messages 6`);
  const rest = await kedge(`${consume} --max-messages 4`);
  expect(`${first.out}${rest.out}`.split("\n").toSorted().join("")).toBe("0123456789");
  const { out, err } = await kedge("kafka-consumer-groups --describe --group readers");
  expect(err).toBe("\nConsumer group 'readers' has no active members.\n");
  const [blank, head, ...lines] = out.split("\n");
  expect([blank, head]).toEqual([
    "",
    "GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID",
  ]);
  expect(
    lines.slice(0, 2).every((line) => /^readers +read +\d +\d +\d +0 +- +- +-$/.test(line)),
  ).toBe(true);
  expect((await kedge("kafka-consumer-groups --list")).out).toBe("readers\n");
  expect((await kedge("kafka-consumer-groups --list --state")).out).toBe(
    "GROUP                     STATE               \nreaders                   Empty               \n",
  );
  const moved = await kedge(
    "kafka-consumer-groups --reset-offsets --group readers --topic read:0 --to-earliest --execute",
  );
  expect(moved.out).toBe(
    "\nGROUP           TOPIC           PARTITION  NEW-OFFSET\nreaders         read            0          0\n",
  );
  const [group] = jsonLines((await kedge("group describe readers")).out);
  expect(group).toMatchObject({ group: "readers", state: "Empty", members: [] });
  expect(jsonLines((await kedge("group reset readers --to end --dry-run")).out).length).toBe(2);
  const unsaid = await kedge("group reset readers --to end");
  expect([unsaid.code, unsaid.err]).toEqual([2, expect.stringContaining("--yes")]);
  expect((await kedge("group reset readers --to end --yes")).code).toBe(0);
  expect(jsonLines((await kedge("group describe readers")).out)[0]).toMatchObject({ lag: 0 });
  expect((await kedge("group list -o table")).out).toMatch(/^GROUP +TYPE +STATE\nreaders /);
  expect(
    await kedge("kafka-consumer-groups --delete-offsets --group readers --topic read"),
  ).toEqual({
    ...quiet,
    out: "Request succeeded for deleting offsets from group readers.\n\nTOPIC           PARTITION  STATUS         \nread            0          Successful     \nread            1          Successful     \n",
  });
  await resetsByPlan();
  expect((await kedge("group delete readers")).code).toBe(2);
  await kedge(
    "kafka-consumer-groups --reset-offsets --group readers --topic read --to-latest --execute",
  );
  expect(await kedge("group delete readers --yes")).toMatchObject({ code: 0 });
  expect((await kedge("group describe readers")).code).toBe(3);
  expect((await kedge("kafka-consumer-groups --delete --group readers")).out).toContain(
    "\nError: Deletion of some consumer groups failed:\n* Group 'readers' could not be deleted due to: ",
  );
}, 30_000);

test("quotas of users and clients are set, shown and taken away", async () => {
  const both = "kafka-configs --entity-type users --entity-name u --entity-type clients";
  const limits = "--add-config producer_byte_rate=2048,consumer_byte_rate=12000000";
  expect(await kedge(`${both} --entity-default --alter ${limits}`)).toEqual({
    ...quiet,
    err: "Nodes of kedge keep and show quotas; they hold nobody to them yet.\n",
    out: "Completed updating config for user u.\n",
  });
  const { out } = await kedge(`${both} --describe`);
  expect(out).toStartWith("Quota configs for user-principal 'u', the default client-id are ");
  expect(out).toContain("producer_byte_rate=2048.0");
  expect(out).toContain("consumer_byte_rate=1.2E7");
  expect(await kedge("kafka-configs --entity-type users --describe")).toEqual(quiet);
  expect(
    await kedge("kafka-configs --client-defaults --alter --add-config consumer_byte_rate=b"),
  ).toMatchObject({
    code: 1,
    err: expect.stringContaining(
      "Cannot parse quota configuration value for consumer_byte_rate: b",
    ),
  });
  const gone = "--delete-config producer_byte_rate,consumer_byte_rate";
  expect((await kedge(`${both} --entity-default --alter ${gone}`)).code).toBe(0);
  expect(await kedge(`${both} --describe`)).toEqual(quiet);
});

test("what a deserializer or a property cannot be is told before anything is read", async () => {
  await kedge("kafka-topics --create --topic typed");
  const consume = "kafka-console-consumer --topic typed --from-beginning --timeout-ms 200";
  const produced = await kedge("kafka-console-producer --topic typed --max-block-ms 9", {
    stdin: "12345678\nshort\n",
  });
  expect(produced).toEqual({ ...quiet, err: "Without effect here: --max-block-ms\n" });
  const typed = await kedge(`${consume} --formatter-property value.deserializer=LongDeserializer`);
  expect(typed).toMatchObject({ code: 1, out: "3544952156018063160\n" });
  expect(typed.err).toContain("Size of data received by LongDeserializer is not 8: it is 5");
  const places = "kafka-console-consumer --topic typed --timeout-ms 200 --command-property";
  expect(await kedge(`${places} auto.offset.reset=first`)).toMatchObject({
    code: 1,
    err: expect.stringContaining("Invalid value `first` for configuration auto.offset.reset"),
  });
});

async function resetsByPlan() {
  const reset = "kafka-consumer-groups --reset-offsets --group readers";
  const plan = await kedge(`${reset} --topic read --to-earliest --export --dry-run`);
  expect(plan).toEqual({ ...quiet, out: "read,0,0\nread,1,0\n\n" });
  const path = join(await mkdtemp(join(tmpdir(), "kedge-plan-")), "plan.csv");
  await Bun.write(path, `readers,read,1,0\n"other ""group""",read,0,0\n`);
  expect(await kedge(`${reset} --from-file ${path} --execute --export`)).toEqual({
    ...quiet,
    out: "read,1,0\n\n",
  });
  await Bun.write(path, "read,one,0\n");
  expect(await kedge(`${reset} --from-file ${path} --dry-run`)).toMatchObject({
    code: 1,
    out: expect.stringContaining('line 1 of the plan is "read,one,0"'),
  });
}

test("replicas are assigned, and what has enough of them is told", async () => {
  const create = "kafka-topics --create --topic assigned --replica-assignment";
  expect((await kedge(`${create} 1;1`)).out).toContain("--replica-assignment takes node ids");
  expect((await kedge(`${create} 1,1 --partitions 2`)).code).toBe(1);
  expect(await kedge(`${create} 1,1`)).toMatchObject({ code: 0 });
  const grown = "kafka-topics --alter --topic assigned --partitions 3 --replica-assignment 1,1,1";
  expect(await kedge(grown)).toMatchObject({ code: 0 });
  const describe = "kafka-topics --describe --topic assigned";
  const { out } = await kedge(describe);
  const id = /TopicId: (\S+)/.exec(out)?.[1] ?? "";
  expect((await kedge(`kafka-topics --describe --topic-id ${id}`)).out).toBe(out);
  expect((await kedge(`kafka-topics --describe --topic-id ${id.slice(1)}A`)).out).toContain(
    "does not exist as expected",
  );
  const parts = out.slice(out.indexOf("\n") + 1);
  expect((await kedge(`${describe} --at-min-isr-partitions`)).out).toBe(parts);
  expect((await kedge(`${describe} --under-min-isr-partitions`)).out).toBe("");
});

test("two members share a topic's partitions", async () => {
  await kedge("kafka-topics --create --topic shared --partitions 4");
  const consume = "kafka-console-consumer --topic shared --group pair --max-messages 4";
  const interrupted = new AbortController();
  const both = [1, 2].map(() => kedge(consume, { interrupted: interrupted.signal }));
  const deadlineMs = performance.now() + 20_000;
  const shares = async () => {
    const [group] = jsonLines((await kedge("group describe pair")).out) as {
      members: { assignment: unknown[] }[];
    }[];
    return group?.members.map(({ assignment }) => assignment.length) ?? [];
  };
  let found: number[] = [];
  while (performance.now() < deadlineMs && found.join("") !== "22") found = await shares();
  interrupted.abort(new Error("enough"));
  expect(found).toEqual([2, 2]);
  expect((await Promise.all(both)).map(({ code }) => code)).toEqual([130, 130]);
}, 30_000);

test("a transaction is listed, described and aborted", async () => {
  const url = `http://127.0.0.1:${node.port}`;
  const post = async (path: string, body: unknown, headers = {}) => {
    const type = { "content-type": "application/json" };
    const init = { method: "POST", headers: { ...type, ...headers }, body: JSON.stringify(body) };
    return (await fetch(new URL(path, url), init)).json();
  };
  await kedge("kafka-topics --create --topic dealt");
  const { txn } = (await post("/v1/txns", { transactional_id: "dealer" })) as { txn: string };
  await post("/v1/topics/dealt/records", { records: [{ value: "card" }] }, { txn });
  const ongoing = { transactional_id: "dealer", coordinator: 1, state: "Ongoing" };
  expect(jsonLines((await kedge("txn list")).out)).toMatchObject([ongoing]);
  expect(jsonLines((await kedge("txn describe dealer")).out)).toMatchObject([
    {
      transactional_id: "dealer",
      state: "Ongoing",
      partitions: [{ topic: "dealt", partition: 0 }],
    },
  ]);
  const { out } = await kedge("txn describe dealer -o table");
  expect(out).toMatch(
    /^dealer {2}Ongoing {2}producer \d+, epoch \d+ {2}timeout 60000 ms {2}since \S+Z\n\nTOPIC {2}PARTITION\ndealt {10}0\n$/,
  );
  expect((await kedge("txn abort dealer")).code).toBe(2);
  expect(await kedge("txn abort dealer --yes")).toMatchObject({ code: 0, out: "" });
  expect(jsonLines((await kedge("txn describe dealer")).out)).toMatchObject([
    { state: "Empty", started_at: null, partitions: [] },
  ]);
  expect(await kedge("txn describe nobody")).toMatchObject({ code: 3, out: "" });
});

test("a broker that is not there is told, with what to do", async () => {
  const ran = await kedge("group list", { env: { KEDGE_BOOTSTRAP_SERVER: "127.0.0.1:1" } });
  expect(ran.code).toBe(5);
  expect(ran.err).toContain("--bootstrap-server");
  expect((await kedge("group list --bootstrap-server nonsense:x")).code).toBe(2);
});

test("a tool of Kafka's that is not spelled here is told, with what to do", async () => {
  expect(await kedge("kafka-transactions list")).toMatchObject({
    code: 2,
    err: expect.stringContaining("kafka-transactions is not spelled here; Kafka's own tool works"),
  });
  expect((await kedge("topics")).err).not.toContain("is not spelled here");
});
