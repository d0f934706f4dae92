/**
 * The command line as real processes: pipes, closed pipes, signals, exit codes seen by a shell.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../bench/server.ts";
import { type NodeProcess, startNodeProcess } from "../conformance/node.ts";
import { type Ran, run } from "../peers/command.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
let node: NodeProcess;

beforeAll(async () => {
  // It comes again at the same place, which no connection may have taken meanwhile.
  node = await startNodeProcess({ args: ["--http", `127.0.0.1:${await freePort()}`] });
});

afterAll(() => node.close());

/** Runs a line of shell, in which `kedge` is the command line against the node. */
function shell(line: string): Promise<Ran> {
  const script = `kedge() { "${process.execPath}" "${main}" "$@"; }\n${line}`;
  return run(["bash", "-c", script], { env: { KEDGE_URL: node.url.href, NO_COLOR: "1" } });
}

test("records go through pipes, in and out", async () => {
  const made = await shell(
    "kedge topic create piped -p 4 && seq 1 20000 | kedge produce piped -p 2",
  );
  expect([made.code, made.out]).toEqual([0, ""]);
  expect(made.err).toContain("20,000 records");
  const read = await shell("kedge consume piped -o raw | md5sum; seq 1 20000 | md5sum");
  const [first, second] = read.out.trim().split("\n");
  expect(first).toBe(second ?? "");
}, 30_000);

test("a reader that leaves ends it quietly", async () => {
  const ran = await shell("kedge consume piped -o raw | head -3; echo ${PIPESTATUS[0]}");
  expect(ran).toEqual({ code: 0, out: "1\n2\n3\n0\n", err: "" });
  const list = await shell("kedge topic list | true; echo ${PIPESTATUS[0]}");
  expect(list).toEqual({ code: 0, out: "0\n", err: "" });
}, 30_000);

test("Ctrl-C ends a follower with 130 and a sum", async () => {
  const command = ["consume", "piped", "-f", "--from-beginning", "-o", "raw"];
  const child = Bun.spawn([process.execPath, main, ...command, "--url", node.url.href], {
    stdout: "pipe",
    stderr: "pipe",
  });
  let lines = 0;
  for await (const piece of child.stdout) {
    lines += new TextDecoder().decode(piece).split("\n").length - 1;
    if (lines === 20_000) child.kill("SIGINT");
  }
  expect([await child.exited, await new Response(child.stderr).text()]).toEqual([
    130,
    "20,000 records read.\n",
  ]);
}, 30_000);

test("Ctrl-C ends a command that waits for a node, once and at once", async () => {
  using mute = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const away = ["--url", "http://127.0.0.1:1", "--patience", "60s"];
  const commands = [
    ["topic", "list"],
    ["doctor"],
    ["export", "piped"],
    ["produce", "piped", "x"],
    ["kafka-topics", "--list", "--bootstrap-server", `127.0.0.1:${mute.port}`],
  ];
  for (const command of commands) {
    const child = Bun.spawn([process.execPath, main, ...away, ...command], {
      stdout: "ignore",
      stderr: "pipe",
    });
    const told = child.stderr.getReader();
    // Kafka's tools wait without a word: by then they do.
    if (command[0] === "kafka-topics") await Bun.sleep(1_500);
    else await told.read();
    child.kill("SIGINT");
    expect([command[0], await child.exited]).toEqual([command[0], 130]);
  }
}, 30_000);

test("Ctrl-C ends what blocks the thread, too", async () => {
  const module = new URL("../../src/cli/process-io.ts", import.meta.url).href;
  const script = `
    const { processIo } = await import(${JSON.stringify(module)});
    processIo().blocking(() => {
      require("node:fs").writeSync(1, "begun");
      Bun.sleepSync(20_000);
    });`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  await child.stdout.getReader().read();
  child.kill("SIGINT");
  await child.exited;
  expect(child.signalCode).toBe("SIGINT");
}, 15_000);

test("a disk that is full is told in a sentence", async () => {
  for (const command of [
    "topic list",
    "consume piped",
    "consume piped -n 3",
    "export piped",
    "--help",
  ]) {
    const ran = await shell(`kedge ${command} > /dev/full`);
    expect([command, ran.code, ran.err]).toEqual([
      command,
      1,
      expect.stringMatching(/^kedge: stdout cannot be written: .*no space left.*\.\n$/),
    ]);
  }
}, 30_000);

test("input that never ends does not keep a command that can do no more", async () => {
  const child = Bun.spawn([process.execPath, main, "produce", "nowhere", "--url", node.url.href], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "pipe",
  });
  void child.stdin.write("a\n");
  await child.stdin.flush();
  expect(await child.exited).toBe(3);
  expect(await new Response(child.stderr).text()).toContain("There is no topic nowhere.");
}, 30_000);

test("exit codes are what the README says", async () => {
  const codes = await shell(
    [
      "kedge topic list > /dev/null; echo $?",
      "kedge topic describe nowhere 2> /dev/null; echo $?",
      "kedge topic create 2> /dev/null; echo $?",
      "kedge topic create piped 2> /dev/null; echo $?",
      "kedge topic delete piped < /dev/null 2> /dev/null; echo $?",
      "kedge --url http://127.0.0.1:1 --patience 100ms topic list 2> /dev/null; echo $?",
      "kedge --help > /dev/null; echo $?",
    ].join("\n"),
  );
  expect(codes.out.trim().split("\n").map(Number)).toEqual([0, 3, 2, 1, 2, 5, 0]);
}, 30_000);

test("a node that is away for a moment is waited for, and nothing comes twice", async () => {
  const made = await shell("kedge topic create patient");
  expect([made.code, made.err]).toEqual([0, "Topic patient made, with 1 partition.\n"]);
  const port = node.url.port;
  const slow = "(for i in $(seq 1 40); do echo $i; sleep 0.05; done) | kedge produce patient";
  const producing = shell(slow);
  await Bun.sleep(900);
  const data = node.data;
  await node.end("SIGKILL");
  const again = await startNodeProcess({ data, args: ["--http", `127.0.0.1:${port}`] });
  try {
    const ran = await producing;
    expect([ran.code, ran.err]).toEqual([0, expect.stringContaining("40 records")]);
    const read = await shell("kedge consume patient -o raw");
    expect(read.out.trim().split("\n").map(Number)).toEqual(
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
  } finally {
    await again.close();
  }
}, 60_000);

test("the bench and the simulation tell what they take", async () => {
  for (const file of ["bench/main.ts", "simulation/sim.ts"]) {
    const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
    const help = await run([process.execPath, path, "--help"]);
    expect([help.code, help.out, help.err]).toEqual([0, expect.stringMatching(/^bun run /), ""]);
    const wrong = await run([process.execPath, path, "--sed", "1"]);
    expect([wrong.code, wrong.out, wrong.err]).toEqual([
      2,
      "",
      expect.stringMatching(/^(?:bench|sim): Unknown option '--sed'/),
    ]);
  }
}, 30_000);

test("a clone without its packages says what to run", async () => {
  const clone = await mkdtemp(join(tmpdir(), "kedge-bare-"));
  try {
    const source = new URL("../../src", import.meta.url);
    await cp(source, join(clone, "src"), { recursive: true });
    for (const command of ["topic list", "serve"]) {
      const ran = await shell(`"${process.execPath}" "${clone}/src/main.ts" ${command}`);
      expect(ran).toEqual({
        code: 1,
        out: "",
        err: expect.stringMatching(/^kedge: .*run "bun install" in .*kedge-bare-.*\n$/),
      });
    }
  } finally {
    await rm(clone, { recursive: true });
  }
}, 30_000);
