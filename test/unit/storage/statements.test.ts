/**
 * Holds the compiled statements to the Drizzle queries, and the migrations to the declared tables.
 */
import { expect, test } from "bun:test";
import { compiledStatements } from "../../../src/storage/compile-statements.ts";
import { logStatements, raftStatements } from "../../../src/storage/statements.ts";

test("statements.ts is what the queries compile to (else: bun run statements)", () => {
  expect({ log: logStatements, raft: raftStatements } as object).toEqual(compiledStatements());
});

test("the migrations make the declared tables (else: bun run migrations)", async () => {
  for (const database of ["log", "raft"]) {
    const check = Bun.spawn(
      ["bunx", "drizzle-kit", "generate", "--config", "src/storage/drizzle.config.ts"],
      { env: { ...process.env, KEDGE_DATABASE: database }, stdout: "pipe", stderr: "pipe" },
    );
    expect(await new Response(check.stdout).text()).toContain("No schema changes");
  }
});
