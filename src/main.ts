#!/usr/bin/env bun
/**
 * kedge: one program, the node and the command line that speaks to it. `serve` is looked for first and loads nothing of
 * the command line, so that a node is up before a parser would be.
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const [command, ...rest] = process.argv.slice(2);

/** A clone keeps its packages beside src/; a kedge that is a package itself came with them. */
const isInstalled =
  import.meta.url.includes("/node_modules/") ||
  existsSync(new URL("../node_modules", import.meta.url));

if (import.meta.url.includes("/$bunfs/")) {
  console.error(
    "kedge: it cannot be one compiled file: libSQL and the storage's Workers are files of their own; run it from its folder",
  );
  process.exitCode = 1;
} else if (!isInstalled) {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  console.error(`kedge: its packages are not installed yet: run "bun install" in ${folder}`);
  process.exitCode = 1;
} else if (command === "serve") {
  const { startWorkerAhead } = await import("./storage/libsql/workers.ts");
  startWorkerAhead();
  const { serve } = await import("./cli/serve.ts");
  await serve(rest);
} else {
  const { runProgram } = await import("./cli/program.ts");
  process.exitCode = await runProgram(process.argv.slice(2));
}
