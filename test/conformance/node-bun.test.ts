/** A node on Bun, from outside; what its command line refuses; how it ends when it must. */
import { $ } from "bun";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ask, newTopic, send, values } from "./http-client.ts";
import { nodeFolder, runServe, startNodeProcess } from "./node.ts";
import { nodeSuite } from "./node-suite.ts";

nodeSuite("on Bun", () => Promise.resolve({}));

describe("serve's command line", () => {
  test("a wrong flag exits 2 and says which was meant", async () => {
    const { code, errors } = await runServe(["--htp", "x"]);
    expect(code).toBe(2);
    expect(errors).toContain("did you mean --http?");
  });

  test("beyond loopback without a token exits 2 and says what to do", async () => {
    const { code, errors } = await runServe(["--data", ":memory:", "--http", "0.0.0.0:0"]);
    expect(code).toBe(2);
    expect(errors).toContain("--token-file FILE");
  });

  test("a token file that is not there exits 1", async () => {
    const args = ["--token-file", "/nowhere/token", "--data", ":memory:", "--kafka", "none"];
    const { code, errors } = await runServe(args);
    expect(code).toBe(1);
    expect(errors).toBe(
      "kedge: Cannot read /nowhere/token (--token-file): there is no such file.\n",
    );
  });
});

describe("what guards the door", () => {
  const fixtures = fileURLToPath(new URL("../fixtures/tls/", import.meta.url));
  const certificate = join(fixtures, "certificate.pem");
  const tls = ["--tls-cert", certificate, "--tls-key", join(fixtures, "key.pem")];

  test("HTTPS and a bearer token, beyond loopback", async () => {
    const folder = await nodeFolder();
    const token = join(folder.path, "it's a token");
    await Bun.write(token, "open-sesame\n");
    const args = ["--http", "0.0.0.0:0", "--token-file", token, ...tls];
    const node = await startNodeProcess({ data: ":memory:", args });
    expect(node.url.protocol).toBe("https:");
    expect(node.banner).toContain(
      `\nOthers reach it by any address of this machine, at port ${node.url.port} (--http 0.0.0.0)\n`,
    );
    const [, shown] = /-H (".*\$\(cat .*\)")/.exec(node.banner) ?? [];
    expect(await $`sh -c ${`printf %s ${shown}`}`.text()).toBe("authorization: Bearer open-sesame");
    const ca = await Bun.file(certificate).text();
    const status = async (path: string, headers: Record<string, string> = {}) =>
      (await fetch(new URL(path, node.url), { headers, tls: { ca } })).status;
    expect(await status("/livez")).toBe(200);
    expect(await status("/v1/topics")).toBe(401);
    expect(await status("/v1/topics", { authorization: "Bearer open-sesam" })).toBe(401);
    expect(await status("/v1/topics", { authorization: "Bearer open-sesame" })).toBe(200);
    const plain = fetch(`http://${node.url.host}/livez`).catch(() => "no HTTP here");
    expect(await plain).toBe("no HTTP here");
    await node.close();
    await folder.remove();
  });

  test("a certificate that is none exits 1", async () => {
    const args = ["--data", ":memory:", "--http", "127.0.0.1:0", "--kafka", "none"];
    const { code, errors } = await runServe([
      ...args,
      "--tls-cert",
      join(fixtures, "key.pem"),
      "--tls-key",
      certificate,
    ]);
    expect(code).toBe(1);
    expect(errors).toContain("cannot serve HTTPS with what --tls-cert");
  });
});

test("a long poll outlives a stop of the whole process (SIGSTOP, a laptop's lid)", async () => {
  const node = await startNodeProcess({ data: ":memory:" });
  const topic = await newTopic(node);
  const path = `/v1/topics/${topic}/partitions/0/records`;
  const poll = ask(node, `${path}?wait_ms=20000`);
  const timedOut = ask(node, `${path}?wait_ms=500`);
  await Bun.sleep(50);
  process.kill(node.pid, "SIGSTOP");
  await Bun.sleep(700);
  process.kill(node.pid, "SIGCONT");
  expect((await timedOut).body).toMatchObject({ records: [], up_to_date: true });
  await send(node, path, "after the stop");
  expect(values(await poll)).toEqual(["after the stop"]);
  await node.close();
});

describe("an end that nobody asked for", () => {
  let folder: Awaited<ReturnType<typeof nodeFolder>>;
  beforeAll(async () => {
    folder = await nodeFolder();
  });
  afterAll(() => folder.remove());

  test("a bug exits 70 at once, and the next start has every record", async () => {
    const data = join(folder.path, "data");
    const preload = join(folder.path, "bug.ts");
    await Bun.write(
      preload,
      `process.once("SIGUSR2", () => Promise.reject(new Error("nobody caught this")));`,
    );
    const node = await startNodeProcess({
      data,
      runtime: [process.execPath, "--preload", preload],
    });
    const topic = await newTopic(node);
    const path = `/v1/topics/${topic}/partitions/0/records`;
    await send(node, path, "before");
    expect(await node.end("SIGUSR2")).toBe(70);
    expect(node.errors()).toContain("nobody caught this");
    const again = await startNodeProcess({ data });
    expect(values(await ask(again, path))).toEqual(["before"]);
    await again.close();
  });

  test("a package runner that is stopped takes the node with it", async () => {
    // What npm does: a shell between it and us, which dies of the signal and passes nothing on.
    const npm = join(folder.path, "npm");
    await symlink("/bin/sh", npm);
    const node = await startNodeProcess({
      env: { npm_lifecycle_event: "start" },
      runtime: [npm, "-c", `"$0" "$@"; true`, process.execPath],
    });
    expect((await ask(node, "/livez")).status).toBe(200);
    await node.end("SIGTERM");
    const gone = () =>
      fetch(new URL("/livez", node.url)).then(
        () => false,
        () => true,
      );
    for (let attempt = 0; !(await gone()); attempt++) {
      expect(attempt).toBeLessThan(100);
      await Bun.sleep(50);
    }
    await node.close();
  });
});
