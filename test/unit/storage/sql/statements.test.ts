/**
 * Holds the compiled statements to the Drizzle queries, and the migrations to the declared tables.
 */
import { expect, test } from "bun:test";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { compiledStatements } from "../../../../src/storage/sql/compile-statements.ts";
import { logStatements } from "../../../../src/storage/sql/statements.ts";
import { raftStatements } from "../../../../src/storage/sql/statements-raft.ts";

test("statements.ts is what the queries compile to (else: bun run statements)", () => {
  expect({ log: logStatements, raft: raftStatements } as object).toEqual(compiledStatements());
});

test("the migrations make the declared tables (else: bun run migrations)", async () => {
  const copy = await mkdtemp(`${tmpdir()}/kedge-migrations-`);
  const root = fileURLToPath(new URL("../../../..", import.meta.url));
  await cp(`${root}/migrations`, copy, { recursive: true });
  for (const database of ["log", "raft"]) {
    // On a copy, since it writes what it finds missing.
    const schema = `src/storage/sql/tables-${database}.ts`;
    const out = relative(root, `${copy}/${database}`); // It takes no other path.
    const words = ["--dialect", "sqlite", "--schema", schema, "--out", out];
    const check = Bun.spawn(["bunx", "drizzle-kit", "generate", ...words], {
      cwd: root,
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await new Response(check.stdout).text()).toContain("No schema changes");
  }
  await rm(copy, { recursive: true });
}, 20_000);
