/** The process's own logger, in a process of its own: what comes out on stderr, in order and whole, however it ends. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const logger = fileURLToPath(new URL("../../src/runtime/process-logger.ts", import.meta.url));

async function stderrOf(code: string): Promise<string> {
  const script = `import { makeLogger } from ${JSON.stringify(logger)};\n${code}`;
  const child = Bun.spawn([process.execPath, "-e", script], { stderr: "pipe", stdout: "ignore" });
  const text = await new Response(child.stderr).text();
  await child.exited;
  return text;
}

const parsed = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("JSON: one object a line, in order, whatever its fields are", async () => {
  const text = await stderrOf(`
    const logger = makeLogger({ level: "info", format: "json" });
    logger.debug("never");
    logger.info("first", { count: 1, offset: 2n });
    logger.error("second", { error: new TypeError("broken") });
    const around = {};
    around.around = around;
    logger.warn("third", { around });
    logger.level = "debug";
    logger.debug("fourth");
  `);
  const lines = parsed(text);
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    ["info", "first"],
    ["error", "second"],
    ["warn", "third"],
    ["debug", "fourth"],
  ]);
  expect(lines[0]).toMatchObject({ count: 1 });
  expect(String(lines[2]?.["unwritten"])).toContain("TypeError");
  expect(String(lines[0]?.["offset"])).toBe("2");
  expect(lines[1]?.["error"]).toMatchObject({ type: "TypeError", message: "broken" });
  for (const { time, pid } of lines) {
    expect(typeof time).toBe("number");
    expect(typeof pid).toBe("number");
  }
});

test("a process that ends at once loses no line", async () => {
  const text = await stderrOf(`
    const logger = makeLogger({ level: "info", format: "json" });
    for (let at = 0; at < 1500; at++) logger.info("line", { at });
    process.exit(1);
  `);
  expect(parsed(text).map(({ at }) => at)).toEqual(Array.from({ length: 1_500 }, (_, at) => at));
});

test("short: a line for a person, without colours off a terminal", async () => {
  const text = await stderrOf(`
    const logger = makeLogger({ level: "info", format: "short" });
    logger.warn("disk is nearly full", { freeBytes: 1048576, path: "./data", error: new Error("no") });
  `);
  expect(text).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} warn disk is nearly full freeBytes=1048576 path=\.\/data error=no\n$/,
  );
});

// What a full disk does to a log file on it; only Linux has such a device.
test.if(existsSync("/dev/full"))("a line that cannot be written stops nobody", async () => {
  for (const format of ["json", "short"]) {
    const script = `
      import { makeLogger } from ${JSON.stringify(logger)};
      const logger = makeLogger({ level: "info", format: ${JSON.stringify(format)} });
      for (let round = 0; round < 3; round++) {
        logger.warn("disk is full");
        await Bun.sleep(0);
      }
    `;
    const child = Bun.spawn([process.execPath, "-e", script], {
      stderr: Bun.file("/dev/full"),
      stdout: "ignore",
    });
    expect(await child.exited).toBe(0);
  }
});
