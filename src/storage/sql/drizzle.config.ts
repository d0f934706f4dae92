/**
 * What drizzle-kit reads: one database at a time, named by `KEDGE_DATABASE` (`bun run migrations` makes both).
 */
import { defineConfig } from "drizzle-kit";

const database = process.env["KEDGE_DATABASE"] === "raft" ? "raft" : "log";

export default defineConfig({
  dialect: "sqlite",
  schema: `./src/storage/sql/tables-${database}.ts`,
  out: `./migrations/${database}`,
});
