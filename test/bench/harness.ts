/**
 * What every bench stands on: a size, a load process, interleaved runs, medians.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Job, Outcome, Reply, Writes } from "./jobs.ts";
import { root, type Subject } from "./subjects.ts";
import { scratchDirectory, type Server } from "./server.ts";

/** How much work a bench does: `quick` shows that it runs, `ci` fits in minutes, `full` is for figures to publish. */
export interface Scale {
  readonly name: "quick" | "ci" | "full";
  readonly runs: number;
  readonly warmMs: number;
  readonly runMs: number;
  readonly latencies: number;
  readonly catchUpMb: number;
  readonly loadMb: number;
  readonly logsMb: readonly number[];
  readonly partitions: readonly number[];
  readonly topics: readonly number[];
  readonly connections: readonly number[];
  readonly idleReaders: number;
  /** What one run of a Kafka bench produces. */
  readonly kafkaMb: number;
}

export const scales: Readonly<Record<Scale["name"], Scale>> = {
  quick: {
    name: "quick",
    runs: 1,
    warmMs: 200,
    runMs: 500,
    latencies: 40,
    catchUpMb: 8,
    loadMb: 16,
    logsMb: [1, 8],
    partitions: [1, 20],
    topics: [1, 50],
    connections: [1, 16, 100],
    idleReaders: 200,
    kafkaMb: 5,
  },
  ci: {
    name: "ci",
    runs: 3,
    warmMs: 1000,
    runMs: 3000,
    latencies: 400,
    catchUpMb: 128,
    loadMb: 1000,
    logsMb: [1, 100, 1000],
    partitions: [1, 16, 100, 1000],
    topics: [1, 100, 1000, 10_000],
    connections: [1, 16, 64, 256, 1000],
    idleReaders: 10_000,
    kafkaMb: 150,
  },
  full: {
    name: "full",
    runs: 5,
    warmMs: 2000,
    runMs: 5000,
    latencies: 1000,
    catchUpMb: 512,
    loadMb: 1000,
    logsMb: [1, 100, 1000, 5000],
    partitions: [1, 16, 100, 1000],
    topics: [1, 100, 1000, 10_000],
    connections: [1, 16, 64, 256, 1000],
    idleReaders: 10_000,
    kafkaMb: 300,
  },
};

/** One measured value: the median of its runs, with what it cost where that was measured. */
export interface Figure {
  readonly case: string;
  readonly subject: string;
  readonly unit: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Medians of the same runs: p50Ms, p99Ms, serverCpuUs and clientCpuUs a record or a kB. */
  readonly more: Readonly<Record<string, number>>;
}

/**
 * What `design.md` asks of a figure: a ratio to a peer's of the same case, or a bound in the figure's own unit. Without a bound
 * it is merely told, to be held against the others: a ceiling, or a setting that is no promise.
 */
export interface Goal {
  readonly case: string;
  readonly subject: string;
  /** The peer's name, or null for a bound. */
  readonly beside: string | null;
  /** Another case of the peer's, where the two are not the same. */
  readonly besideCase?: string;
  /** Compared on this entry of `more` instead of the value. */
  readonly on?: string;
  readonly least?: number;
  readonly most?: number;
}

export interface Context {
  readonly scale: Scale;
  /** The peers that this machine has, in order; kedge is not among them. */
  readonly peers: readonly Subject[];
  readonly load: Load;
  say(line: string): void;
}

export interface Bench {
  readonly name: string;
  /** What is measured and how, in a sentence for the page that shows the table. */
  readonly about: string;
  readonly goals: readonly Goal[];
  run(context: Context): Promise<Figure[]>;
}

/** The process that makes the load; one for a whole run, so that it is equally warm for everybody. */
export class Load {
  readonly #child: ReturnType<typeof Bun.spawn>;
  #waiting: { resolve(outcome: Outcome): void; reject(error: Error): void } | null = null;

  constructor() {
    this.#child = Bun.spawn([process.execPath, join(root, "test/bench/load.ts")], {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      ipc: (message) => this.#settle(message as Reply),
      onExit: (_, code) => this.#settle({ error: `the load process ended with ${code}` }),
    });
  }

  /** Runs one job; they cannot overlap. */
  run(job: Job): Promise<Outcome> {
    if (this.#waiting) throw new Error("one job at a time");
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#child.send(job);
    });
  }

  async close(): Promise<void> {
    this.#child.disconnect();
    await this.#child.exited;
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if ("error" in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.outcome);
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** What one run gave, before medians are taken. */
export interface Run {
  readonly value: number;
  readonly more: Readonly<Record<string, number>>;
}

export function figure(name: string, subject: string, unit: string, runs: readonly Run[]): Figure {
  const values = runs.map((run) => run.value);
  const keys = Object.keys(runs[0]?.more ?? {});
  const more = keys
    .map((key) => [key, median(runs.map((run) => run.more[key] ?? Number.NaN))] as const)
    .filter(([, value]) => Number.isFinite(value));
  return {
    case: name,
    subject,
    unit,
    value: median(values),
    low: Math.min(...values),
    high: Math.max(...values),
    more: Object.fromEntries(more),
  };
}

/** Runs every entrant `runs` times, by turns, so that a drifting machine drifts for all. */
export async function interleave<T>(
  entrants: readonly T[],
  runs: number,
  run: (entrant: T, round: number) => Promise<Run>,
): Promise<Map<T, Run[]>> {
  const results = new Map<T, Run[]>(entrants.map((entrant) => [entrant, []]));
  for (let round = 0; round < runs; round += 1)
    for (const entrant of entrants) results.get(entrant)?.push(await run(entrant, round));
  return results;
}

/** Requests of so many connections in closed loops, warmed and timed as the scale says. */
export function produceLoop(
  { load, scale }: Context,
  { port, pid }: Server,
  connections: number,
  writes: Writes,
): Promise<Outcome> {
  const { warmMs, runMs } = scale;
  return load.run({ type: "produce", port, pid, connections, warmMs, runMs, writes });
}

/** Records a second, with latencies and both sides' CPU a record. */
export function produceRun(outcome: Outcome): Run {
  return {
    value: outcome.records / outcome.seconds,
    more: {
      p50Ms: outcome.p50Ms,
      p99Ms: outcome.p99Ms,
      serverCpuUs: (outcome.serverCpuSeconds / outcome.records) * 1e6,
      clientCpuUs: (outcome.clientCpuSeconds / outcome.records) * 1e6,
    },
  };
}

export interface Started {
  readonly subject: Subject;
  readonly server: Server;
}

/** Starts all, hands them over, and stops them whatever happens. */
export async function withServers<T>(
  subjects: readonly Subject[],
  use: (started: readonly Started[]) => Promise<T>,
): Promise<T> {
  const started: Started[] = [];
  try {
    for (const subject of subjects) started.push({ subject, server: await subject.start() });
    return await use(started);
  } finally {
    await Promise.all(started.map(({ server }) => server.stop()));
  }
}

export async function withDirectory<T>(
  name: string,
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = await scratchDirectory(name);
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
