/**
 * What a record costs as the work around it grows: the log, the partitions, the topics, the connections.
 *
 * The cost is the server's CPU; records a second are beside it. Growth is told against its own smallest case.
 */
import {
  type Bench,
  type Context,
  type Figure,
  figure,
  type Goal,
  type Run,
  withServers,
  produceLoop,
} from "./harness.ts";
import { extendLog } from "./fill.ts";
import type { Server } from "./server.ts";
import { createTopic, kedge, partitionPath } from "./subjects.ts";

const body = Buffer.alloc(1024, "x").toString("base64");
const unit = "us CPU/record";
const worst = 1.5;

function stays(smallest: string, cases: readonly string[]): Goal[] {
  return cases.map((name) => ({
    case: name,
    subject: "kedge",
    beside: "kedge",
    besideCase: smallest,
    most: worst,
  }));
}

async function probe(
  context: Context,
  server: Server,
  paths: readonly string[],
  connections: number,
): Promise<Run> {
  const headers = { "content-type": "text/plain" };
  const writes = { method: "POST", paths, headers, bodyBase64: body, records: 1 };
  const outcome = await produceLoop(context, server, connections, writes);
  return {
    value: (outcome.serverCpuSeconds / outcome.records) * 1e6,
    more: {
      recordsPerSecond: outcome.records / outcome.seconds,
      p50Ms: outcome.p50Ms,
      p99Ms: outcome.p99Ms,
    },
  };
}

async function probes(
  context: Context,
  server: Server,
  paths: readonly string[],
  connections = 16,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (let round = 0; round < context.scale.runs; round += 1)
    runs.push(await probe(context, server, paths, connections));
  return runs;
}

/** Reads of a page from all over the log, so that finding an offset is what grows. */
async function seekMs(context: Context, server: Server, log: string, end: number): Promise<number> {
  const paths = Array.from(
    { length: 500 },
    () => `${partitionPath(log)}?from=${Math.floor(Math.random() * end)}&max_records=1`,
  );
  const outcome = await context.load.run({
    type: "produce",
    port: server.port,
    pid: server.pid,
    connections: 1,
    warmMs: context.scale.warmMs,
    runMs: context.scale.runMs,
    writes: { method: "GET", paths, headers: {}, bodyBase64: "", records: 1 },
  });
  return outcome.p50Ms;
}

/** A bench over one fresh node, which goes through its cases from the smallest up. */
function growing(
  bench: Omit<Bench, "run">,
  grow: (
    context: Context,
    server: Server,
    add: (name: string, runs: Run[]) => void,
  ) => Promise<void>,
): Bench {
  return {
    ...bench,
    run: (context) =>
      withServers([kedge], async ([started]) => {
        const figures: Figure[] = [];
        await grow(context, started!.server, (name, runs) => {
          figures.push(figure(name, "kedge", unit, runs));
          context.say(`${name} done`);
        });
        return figures;
      }),
  };
}

export const growthOfLog = growing(
  {
    name: "growth-log",
    about:
      "server CPU a record (1 KiB bodies, 16 connections) as the log grows, and reading one record from anywhere in it",
    goals: stays("1 MB", ["1000 MB", "5000 MB"]),
  },
  async (context, server, add) => {
    const log = "growth";
    await kedge.create(server, log);
    let records = 0;
    for (const megabytes of context.scale.logsMb) {
      const missing = megabytes - (records * 1024) / 1e6;
      if (missing > 0) records += await extendLog(context, kedge, server, log, missing);
      const runs = await probes(context, server, [partitionPath(log)]);
      const seekP50Ms = await seekMs(context, server, log, records);
      add(
        `${megabytes} MB`,
        runs.map((run) => ({ ...run, more: { ...run.more, seekP50Ms } })),
      );
    }
  },
);

export const growthOfPartitions = growing(
  {
    name: "growth-partitions",
    about:
      "server CPU a record (1 KiB bodies, 16 connections) spread evenly over the partitions of one topic",
    goals: stays("1 partition", ["16 partitions", "1000 partitions"]),
  },
  async (context, server, add) => {
    for (const partitions of context.scale.partitions) {
      const topic = `partitions-${partitions}`;
      await createTopic(server, topic, partitions);
      const paths = Array.from({ length: partitions }, (_, index) => partitionPath(topic, index));
      const name = `${partitions} partition${partitions === 1 ? "" : "s"}`;
      add(name, await probes(context, server, paths));
    }
  },
);

export const growthOfTopics = growing(
  {
    name: "growth-topics",
    about: "server CPU a record (1 KiB bodies, 16 connections) into one topic among many",
    goals: stays("1 topic", ["1000 topics", "10000 topics"]),
  },
  async (context, server, add) => {
    let made = 0;
    for (const topics of context.scale.topics) {
      const started = performance.now();
      const first = made;
      for (; made < topics; made += 1) await createTopic(server, `topic-${made}`);
      const createMs = (performance.now() - started) / (topics - first);
      const runs = await probes(context, server, [partitionPath(`topic-${topics >> 1}`)]);
      const name = `${topics} topic${topics === 1 ? "" : "s"}`;
      add(
        name,
        runs.map((run) => ({ ...run, more: { ...run.more, createMs } })),
      );
    }
  },
);

export const growthOfConnections = growing(
  {
    name: "growth-connections",
    about: "server CPU a record (1 KiB bodies) as the connections grow, all busy",
    goals: stays("16 connections", ["256 connections", "1000 connections"]),
  },
  async (context, server, add) => {
    const log = "connections";
    await kedge.create(server, log);
    for (const connections of context.scale.connections) {
      const runs = await probes(context, server, [partitionPath(log)], connections);
      add(`${connections} connection${connections === 1 ? "" : "s"}`, runs);
    }
  },
);
