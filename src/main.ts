#!/usr/bin/env bun
/**
 * kedge: one program, the node and the command line that speaks to it.
 */
import { runProgram } from "./cli/program.ts";

process.exitCode = await runProgram(process.argv.slice(2));
