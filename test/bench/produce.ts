/**
 * One 1 KiB body a request, closed loop, beside the peers and beside what the machine gives without a log.
 */
import { join } from "node:path";
import {
  type Bench,
  type Context,
  type Figure,
  figure,
  interleave,
  produceLoop,
  produceRun,
  type Run,
  type Started,
  withDirectory,
  withServers,
} from "./harness.ts";
import { bare, echo, kedge, kedgeRelaxed, root } from "./subjects.ts";

const bodyBytes = 1024;
const bodyBase64 = Buffer.alloc(bodyBytes, "x").toString("base64");
const connectionCounts = [1, 16, 64];
/** Header of a batch of one record, and its record's own overhead. */
const overheadBytes = 71;

const caseName = (connections: number) =>
  `${connections} connection${connections === 1 ? "" : "s"}`;

export const produce: Bench = {
  name: "produce",
  about:
    "HTTP produce, one 1 KiB body a request, one partition; every answer but kedge relaxed's and the echoes' comes after the sync",
  goals: [
    { case: caseName(1), subject: "kedge", beside: "reference", least: 5 },
    { case: caseName(1), subject: bare.name, beside: "reference" },
    { case: caseName(16), subject: "kedge", beside: "reference", least: 20 },
    { case: caseName(16), subject: bare.name, beside: "reference" },
    { case: caseName(64), subject: "kedge", beside: "reference", least: 20 },
    { case: caseName(64), subject: bare.name, beside: "reference" },
    { case: caseName(64), subject: "kedge", beside: "hono echo", least: 0.7 },
    { case: caseName(64), subject: bare.name, beside: "hono echo" },
  ],
  run: (context) =>
    withServers(
      [kedge, kedgeRelaxed, ...context.peers, bare, echo("hono"), echo("bun")],
      (started) => produceAll(context, started),
    ),
};

async function produceAll(context: Context, started: readonly Started[]): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const connections of connectionCounts) {
    const log = `produce-${connections}`;
    for (const { subject, server } of started) await subject.create(server, log);
    const entrants = [...started, null];
    const results = await interleave(entrants, context.scale.runs, (entrant) =>
      entrant ? produceOnce(context, entrant, log, connections) : insertOnce(context, connections),
    );
    for (const [entrant, runs] of results) {
      const name = entrant?.subject.name ?? "libsql insert";
      figures.push(figure(caseName(connections), name, "records/s", runs));
    }
    context.say(`${caseName(connections)} done`);
  }
  return figures;
}

async function produceOnce(
  context: Context,
  { subject, server }: Started,
  log: string,
  connections: number,
): Promise<Run> {
  const { path, headers } = subject.append(log);
  const writes = { method: "POST", paths: [path], headers, bodyBase64, records: 1 };
  return produceRun(await produceLoop(context, server, connections, writes));
}

/** What perfect group commit would do: all that the connections can have under way in one synced row. */
export function insertOnce(context: Context, recordsPerRow: number): Promise<Run> {
  return withDirectory("insert", async (directory) => {
    const child = Bun.spawn(
      [
        process.execPath,
        join(root, "test/bench/insert.ts"),
        directory,
        String(recordsPerRow * (bodyBytes + overheadBytes)),
        String(context.scale.runMs),
        "full",
      ],
      { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
    );
    // Printed by our own insert.ts.
    const { commits, seconds, cpuSeconds } = (await new Response(child.stdout).json()) as {
      commits: number;
      seconds: number;
      cpuSeconds: number;
    };
    const records = commits * recordsPerRow;
    return {
      value: records / seconds,
      more: { p50Ms: (seconds / commits) * 1000, serverCpuUs: (cpuSeconds / records) * 1e6 },
    };
  });
}
