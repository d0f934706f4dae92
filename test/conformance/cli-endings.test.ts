/**
 * How command lines end where something is in the way: Ctrl-C at whatever a command waits for, a node that comes late, lines
 * that say what nobody would hear.
 */
import { describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fetch } from "../../src/client/client.ts";
import { openMemoryNode } from "./memory-node.ts";
import { jsonLines, runCli } from "./run-cli.ts";

/** Nobody answers, and nobody says so. */
const silent: Fetch = () => new Promise(() => {});

/** Bytes that never come. */
const quiet = () => new ReadableStream<Uint8Array>();

const interrupted = () => {
  const controller = new AbortController();
  setImmediate(() => controller.abort(new Error("interrupted")));
  return controller.signal;
};

describe("Ctrl-C ends with 130", () => {
  test.each([
    [["topic", "list"]],
    [["topic", "create", "a", "b"]],
    [["topic", "describe", "a"]],
    [["consume", "a"]],
    [["produce", "a", "x"]],
    [["export", "a", "-f", "/nowhere/a"]],
    [["doctor"]],
    [["backup", "/nowhere/a"]],
  ])("%p while the node says nothing", async (args) => {
    const ran = await runCli(args, { fetch: silent, interrupted: interrupted() });
    expect([ran.code, ran.out]).toEqual([130, ""]);
  });

  test.each([
    [["topic", "delete", "a"]],
    [["group", "delete", "a"]],
    [["txn", "abort", "a"]],
    [["produce", "a"]],
  ])("%p while the person says nothing", async (args) => {
    const given = { fetch: silent, terminal: true, stdin: quiet(), interrupted: interrupted() };
    const ran = await runCli(args, given);
    expect(ran.code).toBe(130);
    expect(ran.err).not.toContain("Nothing was changed.");
  });

  test("and records that were not answered for are told", async () => {
    const given = { fetch: silent, stdin: "a\nb\n", interrupted: interrupted() };
    const ran = await runCli(["produce", "a"], given);
    expect([ran.code, ran.err]).toEqual([130, expect.stringContaining("no answer yet")]);
  });
});

describe("a node that comes late", () => {
  /** Refuses the first connections, as a node does that is not up yet. */
  const late = (fetch: Fetch, failuresMax: number): Fetch => {
    let failures = 0;
    return async (url, init) => {
      if (failures === failuresMax) return fetch(url, init);
      failures += 1;
      throw Object.assign(new Error("Unable to connect."), { code: "ECONNREFUSED" });
    };
  };

  test("is waited for by topic create, as by the others", async () => {
    const fetch = late(await openMemoryNode(), 2);
    const ran = await runCli(["topic", "create", "late"], { fetch });
    expect([ran.code, ran.err]).toEqual([0, expect.stringContaining("Topic late made")]);
  });

  test("is waited for by backup", async () => {
    let tries = 0;
    const fetch: Fetch = async () => {
      tries += 1;
      throw Object.assign(new Error("Unable to connect."), { code: "ECONNREFUSED" });
    };
    const ran = await runCli(["--patience", "400ms", "backup", "-"], { fetch });
    expect(ran.code).toBe(5);
    expect(tries).toBeGreaterThan(1);
  });
});

describe("what a record is given", () => {
  test("a header's name may come twice, and goes with lines of JSON too", async () => {
    const fetch = await openMemoryNode();
    await runCli(["produce", "h", "x", "--create", "-H", "a=1", "-H", "b=0", "-H", "a=2"], {
      fetch,
    });
    const stdin = '{"value":"y"}\n{"value":"z","headers":[["own","1"]]}\n';
    await runCli(["produce", "h", "--format", "jsonl", "-H", "a=3"], { fetch, stdin });
    const { out } = await runCli(["consume", "h"], { fetch });
    expect(jsonLines(out)).toMatchObject([
      {
        headers: [
          ["a", "1"],
          ["b", "0"],
          ["a", "2"],
        ],
      },
      { headers: [["a", "3"]] },
      { headers: [["own", "1"]] },
    ]);
  });

  test.each([
    ['{"value":"x","Key":"k"}', 'Line 1 has a field "Key" that no record has; did you mean "key"?'],
    ['{"value":"x","ttl":1}', 'Line 1 has a field "ttl" that no record has; there are topic,'],
    ['{"value":"x","partition":"1"}', 'Line 1 "partition" must be a whole number.'],
  ])("a line %p is refused", async (stdin, said) => {
    const fetch = await openMemoryNode();
    await runCli(["topic", "create", "t"], { fetch });
    const ran = await runCli(["produce", "t", "--format", "jsonl"], { fetch, stdin });
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining(said)]);
    const imported = await runCli(["import", "--topic", "t"], { fetch, stdin });
    expect([imported.code, imported.err]).toEqual([2, expect.stringContaining(said)]);
  });

  test("a bad line of an import leaves what came before it, and says so", async () => {
    const fetch = await openMemoryNode();
    await runCli(["topic", "create", "t"], { fetch });
    const given = { fetch, stdin: '{"value":"x"}\n{"v":1}\n' };
    const ran = await runCli(["import", "--topic", "t"], given);
    expect([ran.code, ran.err]).toEqual([6, expect.stringMatching(/1 record in.*\n.*Line 2 /)]);
  });
});

describe("what would be passed over is refused", () => {
  test.each([
    [["produce", "t", "v", "-f", "/nope"], 2, "Give one: a value, --file or --tombstone."],
    [["produce", "t", "v", "--tombstone"], 2, "Give one: a value, --file or --tombstone."],
    [["consume", "nowhere", "-n", "0"], 3, "There is no topic nowhere."],
    [["consume", "t", "-p", "-1"], 2, "It must be a whole number, 0 or more."],
    [["consume", "t,u"], 2, "Several topics are not joined by commas."],
  ])("%p", async (args, code, said) => {
    const fetch = await openMemoryNode();
    await runCli(["topic", "create", "t", "u"], { fetch });
    const ran = await runCli(args, { fetch });
    expect([ran.code, ran.out, ran.err]).toEqual([code, "", expect.stringContaining(said)]);
  });

  test.each([
    [["consume"]],
    [["produce"]],
    [["topic", "describe"]],
    [["topic", "create", "fine"]],
    [["topic", "delete", "--yes", "t"]],
    [["topic", "alter", "-p", "2"]],
    [["export"]],
    [["import", "--topic"]],
  ])("%p with what no topic can be called, before a node is asked", async (args) => {
    const fetch: Fetch = () => Promise.reject(new Error("asked a node"));
    for (const name of ["", ".", "..", "a b", "a/b", "x".repeat(250)]) {
      const ran = await runCli([...args, name], { fetch, stdin: "v" });
      const said = expect.stringMatching(
        /(?:<name|topic|name).*A topic's name is 1 to 249 letters, digits, "\.", "_" and "-"/s,
      );
      expect([name, ran.code, ran.out, ran.err]).toEqual([name, 2, "", said]);
      expect(ran.err).not.toContain("--url");
    }
  });

  test.each(["", "..", "a b"])("a line of an import whose topic is %p", async (topic) => {
    const fetch = await openMemoryNode();
    const stdin = JSON.stringify({ topic, value: "x" });
    const ran = await runCli(["import"], { fetch, stdin });
    expect([ran.code, ran.err]).toEqual([
      2,
      expect.stringContaining("Line 1 names a topic that cannot be"),
    ]);
  });

  test("an archive is not a folder, and what to do with it is told", async () => {
    const folder = await mkdtemp(join(tmpdir(), "kedge-cli-"));
    try {
      const archive = join(folder, "bk.tar");
      await writeFile(archive, "any");
      const ran = await runCli(["restore", archive, "--data", join(folder, "data")]);
      expect([ran.code, ran.err]).toEqual([1, expect.stringContaining("tar -xf")]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("a data folder that is a file is called so", async () => {
    const ran = await runCli(["doctor", "--data", import.meta.path]);
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining("is a file, and")]);
  });

  test("a file that is no database is called so", async () => {
    const folder = await mkdtemp(join(tmpdir(), "kedge-cli-"));
    try {
      await writeFile(join(folder, "log.db"), "garbage ".repeat(1_000));
      const ran = await runCli(["doctor", "--data", folder]);
      expect([ran.code, jsonLines(ran.out)[0]]).toMatchObject([
        1,
        { what: "log.db", detail: expect.stringContaining("is no database of kedge's") },
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
