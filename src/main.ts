#!/usr/bin/env bun
/**
 * kedge: one program, the node and the command line that speaks to it. `serve` is looked for first and loads nothing of
 * the command line, so that a node is up before a parser would be.
 */
import process from "node:process";

const [command, ...rest] = process.argv.slice(2);

if (command === "serve") {
  const { serve } = await import("./cli/serve.ts");
  await serve(rest);
} else {
  const { runProgram } = await import("./cli/program.ts");
  process.exitCode = await runProgram(process.argv.slice(2));
}
