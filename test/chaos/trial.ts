/**
 * One trial of the chaos suites: a folder, a node that comes and goes on one port, a load beside it, a history that judges.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import Database from "libsql";
import { freePort } from "../bench/server.ts";
import { History } from "./history.ts";
import { type NodeProcess, root, spawnNode } from "./node-process.ts";

const topic = "chaos";
const partitions = 4;

export interface Trial {
  readonly port: number;
  readonly history: History;
  start(): NodeProcess;
  /** Makes the topic and lets the load loose; the node must be ready. */
  begin(): Promise<void>;
  /** Ends the load gently, with the node up: it exits 0 once it has read everything. */
  settle(): Promise<number | null>;
  /** Whether the last run left the mark of a clean end; the node must be down. */
  endedCleanly(): boolean;
  /** What SQLite itself says of each database file; the node must be down. */
  integrity(): Promise<string[]>;
  /** What the nodes have said. */
  log(): Promise<string>;
}

/** Runs a trial in a folder of its own, which stays when the trial fails. */
export async function withTrial(seed: number, run: (trial: Trial) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "kedge-chaos-"));
  const port = await freePort();
  const ledgerPath = join(directory, "ledger.jsonl");
  const nodes: NodeProcess[] = [];
  let load: Subprocess | null = null;
  const trial: Trial = {
    port,
    history: new History(topic, partitions, ledgerPath),
    start() {
      const node = spawnNode(directory, port);
      nodes.push(node);
      return node;
    },
    async begin() {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/topics`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name: topic, partitions }),
      });
      if (answer.status !== 201) throw new Error(`no topic: ${await answer.text()}`);
      const words = [port, topic, partitions, ledgerPath, seed].map(String);
      load = Bun.spawn([process.execPath, join(root, "test/chaos/load.ts"), ...words], {
        stdin: "ignore",
        stdout: "inherit",
        stderr: "inherit",
      });
    },
    async settle() {
      load?.kill("SIGTERM");
      await load?.exited;
      return load?.exitCode ?? null;
    },
    endedCleanly() {
      const database = new Database(join(directory, "data/log.db"));
      const running = database.prepare("select value from meta where key = 'running'").all();
      database.close();
      return running.length === 0;
    },
    log: () => readFile(join(directory, "node.log"), "utf8").catch(() => ""),
    async integrity() {
      const files = await readdir(join(directory, "data"), { recursive: true });
      return files
        .filter((file) => file.endsWith(".db"))
        .map((file) => {
          const database = new Database(join(directory, "data", file));
          const [row] = database.prepare("pragma integrity_check").all();
          database.close();
          // One row of one column, by SQLite's documentation.
          return `${file}: ${(row as { integrity_check: string }).integrity_check}`;
        });
    },
  };
  let passed = false;
  try {
    await run(trial);
    passed = true;
  } finally {
    (load as Subprocess | null)?.kill("SIGKILL");
    for (const { child } of nodes) if (child.exitCode === null) child.kill("SIGKILL");
    if (passed) await rm(directory, { recursive: true, force: true });
    else console.error(`seed ${seed}; the node's log, the ledger and the data are in ${directory}`);
  }
}
