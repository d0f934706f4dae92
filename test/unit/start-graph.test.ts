/**
 * What a start loads before it is ready: the modules that are imported at once, not those that wait for their first use. It
 * has 200 ms in all, and a module of the runtime that brings its streams takes five of them.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve, dirname } from "node:path";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../../src/", import.meta.url));
const scanner = new Bun.Transpiler({ loader: "ts" });

interface Graph {
  readonly files: Set<string>;
  /** Packages, and modules of the runtime. */
  readonly others: Set<string>;
}

function graphOf(entries: readonly string[]): Graph {
  const graph: Graph = { files: new Set(), others: new Set() };
  for (const entry of entries) walk(source + entry, graph);
  return graph;
}

function walk(path: string, graph: Graph): void {
  if (graph.files.has(path)) return;
  graph.files.add(path);
  if (!path.endsWith(".ts")) return;
  const text = readFileSync(path, "utf8").replace(/^#!.*/, "");
  for (const { kind, path: to } of scanner.scan(text).imports) {
    if (kind !== "import-statement") continue;
    if (to.startsWith(".")) walk(resolve(dirname(path), to), graph);
    else graph.others.add(to);
  }
}

const light = ["node:buffer", "node:fs", "node:fs/promises", "node:module", "node:os", "node:path"];

test("a start loads no module that only some requests need", () => {
  const { others } = graphOf(["main.ts", "cli/serve.ts", "node.ts", "runtime/bun.ts"]);
  const known = [
    ...light,
    "bun:jsc",
    "lru-cache",
    "node:perf_hooks",
    "node:process",
    "node:timers",
    "node:url",
  ];
  expect([...others].filter((name) => !known.includes(name))).toEqual([]);
  const doors = graphOf(["http/app.ts", "kafka/listener.ts"]).others;
  const ofDoors = [...light, "hono", "hono/http-exception", "lru-cache", "valibot"];
  expect([...doors].filter((name) => !ofDoors.includes(name))).toEqual([]);
  const worker = graphOf(["storage/worker/worker.ts"]).others;
  const ofWorker = [...light, "libsql", "node:url"];
  expect([...worker].filter((name) => !ofWorker.includes(name))).toEqual([]);
});

test("the storage is asked to open before most of the node is loaded", () => {
  const first = graphOf(["main.ts", "cli/serve.ts"]).files;
  const heavy = ["broker/broker.ts", "log/partition.ts", "records/batch.ts", "wire/codec.ts"];
  expect(heavy.filter((name) => first.has(source + name))).toEqual([]);
  expect(first.has(`${source}storage/libsql/libsql.ts`)).toBe(true);
  // The Worker is started before that.
  expect(graphOf(["main.ts", "storage/libsql/workers.ts"]).files.size).toBe(2);
});
