/**
 * The command line against a whole node in process: what it prints where, how it exits, what it refuses. Pipes, closed
 * pipes and signals of real processes are in `test/interop/cli.interop.ts`.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fetch } from "../../src/client/client.ts";
import { nodeUrl, openMemoryNode } from "./memory-node.ts";
import { type Given, jsonLines as lines, type Ran, runCli } from "./run-cli.ts";

let fetch: Fetch;

beforeAll(async () => {
  fetch = await openMemoryNode();
});

function kedge(args: readonly string[], given: Given = {}): Promise<Ran> {
  return runCli(args, { fetch, ...given });
}

async function values(topic: string, ...args: string[]): Promise<unknown[]> {
  const { out } = await kedge(["consume", topic, ...args]);
  return lines(out).map((record) => (record as { value: unknown }).value);
}

describe("usage", () => {
  const cases: readonly [args: string[], code: number, said: RegExp][] = [
    [[], 2, /Usage: kedge/],
    [["--help"], 0, /Usage: kedge/],
    [["--version"], 0, /^\d+\.\d+\.\d+$/m],
    [["topc", "list"], 2, /Did you mean topic/],
    [["topic", "lst"], 2, /Did you mean one of list, ls/],
    [["topic", "create", "t", "--partitons", "2"], 2, /Did you mean --partitions/],
    [["topic", "create"], 2, /missing required argument/],
    [["topic", "create", "t", "-p", "many"], 2, /whole number/],
    [["topic", "create", "t", "-c", "novalue"], 2, /name=value/],
    [["topic", "alter", "t"], 2, /Say what to change/],
    [["consume", "t", "--since", "soon"], 2, /span of time/],
    [["consume", "t", "--from-beginning", "--since", "1h"], 2, /one start/],
    [["consume", "t", "--follow", "--exit"], 2, /opposite/],
    [["consume", "t", "-o", "xml"], 2, /Allowed choices/],
    [["help", "topic"], 0, /^Usage: kedge topic/],
    [["help", "topic", "list"], 0, /^Usage: kedge topic list/],
    [["topic", "help", "list"], 0, /^Usage: kedge topic list/],
    [
      ["help", "topc"],
      2,
      /^error: unknown command 'topc'\n\(Did you mean topic\?\)\nTry "[^"]*"\.\n$/,
    ],
    [
      ["help", "topic", "bogus"],
      2,
      /^error: unknown command 'bogus'\nTry "[^"]* topic --help"\.\n$/,
    ],
    [["help", "produce", "bogus"], 2, /^error: unknown command 'bogus'/],
    [["export"], 2, /--all/],
    [["--url", "http://", "topic", "list"], 2, /--url must be/],
  ];
  test.each(cases)("%p exits %p", async (args, code, said) => {
    const ran = await kedge(args);
    expect([ran.code, ran.out + ran.err]).toEqual([code, expect.stringMatching(said)]);
  });
});

describe("exit codes", () => {
  test("6: what fails for one name keeps no other from being done", async () => {
    expect((await kedge(["topic", "create", "one", "two"])).code).toBe(0);
    const made = await kedge(["topic", "create", "two", "three"]);
    expect([made.code, made.err]).toEqual([6, expect.stringMatching(/two: .*\n.*three made/)]);
    const gone = await kedge(["topic", "delete", "no-such", "one", "two", "three", "--yes"]);
    expect([gone.code, gone.err.split("deleted").length]).toEqual([6, 4]);
    expect((await kedge(["topic", "delete", "one", "two", "--yes"])).code).toBe(3);
  });

  test("6: a line without the separator of keys; those before it are kept", async () => {
    await kedge(["topic", "create", "keyed"]);
    const stdin = "a:1\nb:2\nneither\nc:3\n";
    const ran = await kedge(["produce", "keyed", "-K", ":"], { stdin });
    expect([ran.code, ran.err]).toEqual([
      6,
      expect.stringMatching(/Line 3 has no ":".* 2 records before it are kept, nothing after it\./),
    ]);
    const first = await kedge(["produce", "keyed", "-K", ":"], { stdin: "neither\nc:3\n" });
    expect([first.code, first.err]).toEqual([2, expect.stringContaining('Line 1 has no ":"')]);
    expect(await values("keyed", "--from-beginning", "-o", "jsonl")).toEqual(["1", "2"]);
  });

  test("3: a topic that is not there, and which one may have been meant", async () => {
    await kedge(["topic", "create", "payments"]);
    const ran = await kedge(["topic", "describe", "paymnts"]);
    expect([ran.code, ran.err]).toEqual([
      3,
      "kedge: There is no topic paymnts. Did you mean payments?\n",
    ]);
    expect((await kedge(["produce", "nowhere", "x"])).code).toBe(3);
    expect((await kedge(["produce", "nowhere"], { stdin: "" })).code).toBe(3);
    expect((await kedge(["consume", "nowhere"])).code).toBe(3);
  });

  test("4: a node that wants a token", async () => {
    const guarded = await openMemoryNode({ auth: { token: "s3cret" } });
    const without = await kedge(["topic", "list"], { fetch: guarded });
    expect([without.code, without.err]).toEqual([4, expect.stringContaining("--token-file")]);
    const env = { KEDGE_TOKEN: "s3cret" };
    expect((await kedge(["topic", "list"], { fetch: guarded, env })).code).toBe(0);
    expect((await kedge(["topic", "list", "--token", "s3cret"], { fetch: guarded })).code).toBe(0);
  });

  test("5: nobody answers", async () => {
    const away: Fetch = async () => {
      throw new TypeError("connection refused");
    };
    const ran = await kedge(["topic", "list", "--patience", "10ms"], { fetch: away });
    expect([ran.code, ran.err]).toEqual([5, expect.stringContaining("Is a node running?")]);
  });

  test("5: its certificate is not trusted, and how to trust it", async () => {
    const selfSigned: Fetch = async () => {
      throw new TypeError("self signed certificate");
    };
    const ran = await kedge(["topic", "list", "--patience", "10ms"], { fetch: selfSigned });
    expect([ran.code, ran.err]).toEqual([5, expect.stringContaining("NODE_EXTRA_CA_CERTS")]);
    expect(ran.err).not.toContain("Is a node running?");
  });

  test("6: some records were refused, by their line", async () => {
    await kedge(["topic", "create", "tight", "-c", "max.message.bytes=500"]);
    const stdin = `a\n${"b".repeat(900)}\nc\n`;
    const ran = await kedge(["produce", "tight"], { stdin });
    expect([ran.code, ran.err]).toEqual([6, expect.stringContaining("record 2:")]);
    expect(await values("tight")).toEqual(["a", "c"]);
  });

  test("130: interrupted, with a word on how far it came", async () => {
    await kedge(["produce", "endless", "x", "--create"]);
    const controller = new AbortController();
    const ran = await kedge(["consume", "endless", "-f", "--from-beginning"], {
      interrupted: controller.signal,
      onOut: () => controller.abort(new Error("interrupted")),
    });
    expect([ran.code, ran.err]).toEqual([130, "1 record read.\n"]);
    expect(lines(ran.out).length).toBe(1);
  });

  test("0, and not a word, when the reader leaves", async () => {
    const stdin = Array.from({ length: 3_000 }, () => "x".repeat(100)).join("\n");
    await kedge(["produce", "long", "--create"], { stdin });
    const ran = await kedge(["consume", "long"], { closesAfter: 1 });
    expect([ran.code, ran.err]).toEqual([0, ""]);
  });
});

test("consume passes over aborted transactions, and waits on behind them", async () => {
  const ask = async (path: string, body: unknown, headers = {}) => {
    const response = await fetch(`${nodeUrl}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  await kedge(["produce", "fickle", "first", "--create"]);
  const begun = await ask("/v1/txns", { transactional_id: "fickle" });
  const txn = String(begun["txn"]);
  await ask("/v1/topics/fickle/records", { records: [{ value: "aborted" }] }, { txn });
  await ask(`/v1/txns/${txn}/abort`, {});
  expect(await values("fickle")).toEqual(["first"]);
  const controller = new AbortController();
  let outs = 0;
  const { code, out } = await kedge(["consume", "fickle", "-f", "--from-beginning"], {
    interrupted: controller.signal,
    onOut: () => {
      outs += 1;
      if (outs === 2) controller.abort(new Error("interrupted"));
      else void kedge(["produce", "fickle", "last"]);
    },
  });
  expect(code).toBe(130);
  expect(lines(out)).toMatchObject([{ value: "first" }, { value: "last" }]);
});

describe("topics", () => {
  test("are made, listed, altered, described and deleted", async () => {
    const made = await kedge(["topic", "create", "life", "-p", "2", "-c", "retention.ms=1000"]);
    expect([made.code, made.out, made.err]).toEqual([
      0,
      "",
      "Topic life made, with 2 partitions.\n",
    ]);
    expect((await kedge(["topic", "create", "life"])).code).toBe(1);
    expect((await kedge(["topic", "create", "life", "--if-not-exists"])).code).toBe(0);
    const list = await kedge(["topic", "list"]);
    expect(lines(list.out)).toContainEqual(
      expect.objectContaining({ name: "life", partitions: 2, replication_factor: 1 }),
    );
    await kedge([
      "topic",
      "alter",
      "life",
      "-p",
      "3",
      "-c",
      "cleanup.policy=compact",
      "-u",
      "retention.ms",
    ]);
    const described = await kedge(["topic", "describe", "life", "-o", "json"]);
    const topic = JSON.parse(described.out) as { configs: Record<string, unknown> };
    expect(topic).toMatchObject({ name: "life", partitions: 3 });
    const wire = await fetch("http://127.0.0.1:8080/v1/topics/life", {});
    expect(topic).toEqual(await wire.json());
    expect(topic.configs["cleanup.policy"]).toEqual({ value: "compact", source: "topic" });
    const refused = await kedge(["topic", "delete", "life"]);
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining("--yes")]);
    expect((await kedge(["topic", "delete", "life", "--yes"])).code).toBe(0);
    expect((await kedge(["topic", "describe", "life"])).code).toBe(3);
  });

  test("are counted in words by doctor", async () => {
    const alone = await openMemoryNode();
    await kedge(["topic", "create", "only"], { fetch: alone });
    const [node] = lines((await kedge(["doctor"], { fetch: alone })).out);
    expect(node).toMatchObject({ detail: expect.stringMatching(/: 1 topic, 1 partition$/) });
  });

  test("are a table on a terminal, and deleted there only after a yes", async () => {
    await kedge(["topic", "create", "shown", "-p", "2"]);
    const list = await kedge(["topic", "list"], { terminal: true });
    expect(list.out).toMatch(/^TOPIC +PARTITIONS +REPLICAS +ID\n/);
    expect(list.out).toMatch(/^shown +2 +1 +\S{22}$/m);
    const described = await kedge(["topic", "describe", "shown"], { terminal: true });
    expect(described.out).toMatch(/^PARTITION +LEADER/m);
    const no = await kedge(["topic", "delete", "shown"], { terminal: true, stdin: "n\n" });
    expect([no.code, no.err]).toEqual([1, expect.stringContaining("Nothing was changed.")]);
    expect((await kedge(["topic", "delete", "shown"], { terminal: true, stdin: "y\n" })).code).toBe(
      0,
    );
  });
});

describe("records", () => {
  test("go in by lines, with keys, headers and a partition, and come out as JSON", async () => {
    await kedge(["topic", "create", "piped", "-p", "3"]);
    const args = ["produce", "piped", "-K", "=", "-H", "source=test", "-p", "1"];
    const made = await kedge(args, { stdin: "a=1\nb=2=3\n=plain" });
    expect([made.code, made.out]).toEqual([0, ""]);
    expect(made.err).toContain("3 records");
    const { out } = await kedge(["consume", "piped"]);
    expect(lines(out)).toMatchObject([
      {
        topic: "piped",
        partition: 1,
        offset: 0,
        key: "a",
        value: "1",
        headers: [["source", "test"]],
      },
      { key: "b", value: "2=3" },
      { key: "", value: "plain" },
    ]);
  });

  test("what consume writes, produce reads back: bytes, tombstones, headers, timestamps", async () => {
    await kedge(["topic", "create", "origin", "copy"]);
    await kedge(["produce", "origin", "--format", "raw"], { stdin: Uint8Array.of(0, 10, 255) });
    await kedge(["produce", "origin", "--tombstone", "-k", "gone", "-t", "1700000000000"]);
    await kedge(["produce", "origin", "--format", "jsonl"], {
      stdin: '{"value":{"n":1},"key":"k","headers":{"h":null}}\n\n{"value":"x"}\n',
    });
    const first = await kedge(["consume", "origin"]);
    await kedge(["produce", "copy", "--format", "jsonl"], { stdin: first.out });
    const second = await kedge(["consume", "copy"]);
    expect(second.out).toBe(first.out.replaceAll('"origin"', '"copy"'));
    expect(lines(first.out)).toMatchObject([
      { value: { b64: "AAr/" } },
      { value: null, key: "gone", timestamp: 1_700_000_000_000 },
      { value: '{"n":1}', key: "k", headers: [["h", null]] },
      { value: "x" },
    ]);
  });

  test("receipts are data if asked for; a bad line says where", async () => {
    const ran = await kedge(["produce", "origin", "y", "-o", "jsonl"]);
    expect(lines(ran.out)).toMatchObject([{ partition: 0 }]);
    const bad = await kedge(["produce", "origin", "--format", "jsonl"], {
      stdin: '{"value":1}\n{"v":2}\n',
    });
    expect([bad.code, bad.err]).toEqual([6, expect.stringContaining('Line 2 has a field "v"')]);
    // What came before the bad line is kept, and told.
    expect(bad.err).toContain("1 record in");
    expect((await values("origin")).at(-1)).toBe("1");
  });

  test("are read from where one says, and as many", async () => {
    await kedge(["topic", "create", "places"]);
    await kedge(["produce", "places"], { stdin: "0\n1\n2\n3\n4\n" });
    const cases: readonly [args: string[], wanted: string[]][] = [
      [
        ["-n", "2"],
        ["0", "1"],
      ],
      [
        ["--from", "3"],
        ["3", "4"],
      ],
      [["--offset", "-1"], ["4"]],
      [["--from", "+4"], ["4"]],
      [["--from", "end"], []],
      [["--from", "@-1h", "-n", "1"], ["0"]],
      [
        ["--since", "1h", "-p", "0"],
        ["0", "1", "2", "3", "4"],
      ],
      [["-n", "0"], []],
      [
        ["-f", "--from-beginning", "-n", "3"],
        ["0", "1", "2"],
      ],
    ];
    for (const [args, wanted] of cases) expect(await values("places", ...args)).toEqual(wanted);
    expect((await kedge(["consume", "places", "--from", "9"])).code).toBe(1);
    expect((await kedge(["consume", "places", "-o", "raw", "-n", "2"])).out).toBe("0\n1\n");
    const array = await kedge(["consume", "places", "-o", "json", "-n", "2"]);
    expect(JSON.parse(array.out)).toMatchObject([{ value: "0" }, { value: "1" }]);
    expect((await kedge(["consume", "places", "--from", "end", "-o", "json"])).out).toBe("[]\n");
  });

  test("cannot steer the terminal they are shown on", async () => {
    await kedge(["produce", "rude", "\u001b[2Jgone\u0007", "-k", "a\tb", "--create"]);
    const { out } = await kedge(["consume", "rude"], { terminal: true });
    expect(out).toContain("\\x1b[2Jgone\\x07");
    expect(out).toContain("a\\tb");
  });
});

test("reading into a file is told as it goes on, on a terminal alone", async () => {
  await kedge(["produce", "watched", "--create"], { stdin: "1\n2\n" });
  const watched = await kedge(["consume", "watched"], { terminal: true, toFile: true });
  expect(lines(watched.out)).toHaveLength(2);
  expect(watched.err).toContain("1 record in ");
  expect(watched.err).toEndWith("\r\u001b[K");
  for (const given of [{ terminal: true }, { toFile: true }, {}])
    expect((await kedge(["consume", "watched"], given)).err).toBe("");
});

describe("export and import", () => {
  test("carry topics whole to another node, and add to what is there", async () => {
    const folder = await mkdtemp(join(tmpdir(), "kedge-cli-"));
    try {
      await kedge(["topic", "create", "whole", "-p", "2", "-c", "retention.ms=123456"]);
      await kedge(["produce", "whole", "-p", "1", "-k", "k", "-H", "h=1"], { stdin: "a\nb\n" });
      const file = join(folder, "whole.jsonl");
      expect((await kedge(["export", "whole", "-f", file])).code).toBe(0);
      expect((await kedge(["export", "whole", "-f", file])).code).toBe(1);
      expect((await kedge(["export", "whole", "-f", file, "--force"])).code).toBe(0);
      expect((await kedge(["export", "whole"])).out).toBe(await readFile(file, "utf8"));
      const other = await openMemoryNode();
      const imported = await kedge(["import", file], { fetch: other });
      expect([imported.code, imported.err]).toEqual([
        0,
        expect.stringContaining("Topic whole made."),
      ]);
      const again = await kedge(["export", "--all"], { fetch: other });
      expect(again.out).toBe(await readFile(file, "utf8"));
      await kedge(["import", "--topic", "renamed"], { stdin: again.out, fetch: other });
      await kedge(["import"], { stdin: again.out, fetch: other });
      const counts = async (topic: string) =>
        lines((await kedge(["consume", topic], { fetch: other })).out).length;
      expect([await counts("renamed"), await counts("whole")]).toEqual([2, 4]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("say what is wrong, and no more, where nothing was done", async () => {
    const missing = await kedge(["import", "nowhere.jsonl"]);
    expect([missing.code, missing.out]).toEqual([1, ""]);
    expect(missing.err).toBe("kedge: Cannot read nowhere.jsonl (FILE): there is no such file.\n");
  });

  test("refuse what does not fit, by its line", async () => {
    const bad = await kedge(["import"], { stdin: '{"value":"x"}\n' });
    expect([bad.code, bad.err]).toEqual([2, expect.stringContaining("Line 1 names no")]);
    await kedge(["topic", "create", "narrow"]);
    const stdin = '{"topic":{"name":"narrow","partitions":9,"configs":{}}}\n';
    const narrow = await kedge(["import"], { stdin });
    expect([narrow.code, narrow.err]).toEqual([2, expect.stringContaining("wants 9 partitions")]);
  });
});
