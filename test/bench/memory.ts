/**
 * Resident memory: idle, after a load of every kind of request, and with readers parked.
 */
import {
  type Bench,
  type Context,
  type Figure,
  figure,
  type Started,
  withServers,
} from "./harness.ts";
import { extendLog } from "./fill.ts";
import type { Outcome, Reads, Writes } from "./jobs.ts";
import { memoryMb } from "./proc.ts";
import { kedge, kedgeReads, partitionPath } from "./subjects.ts";

const log = "memory";
const idleMs = 3000;
const cases = ["idle", "after the load", "with parked long polls"] as const;

export const memory: Bench = {
  name: "memory",
  about:
    "resident memory in MB three seconds after the start; after a load (kedge: a quarter as 1 KiB bodies, a quarter as JSON arrays, half as raw batches, read back twice; peers: 64 KiB bodies, read back once); and with parked long polls on top",
  goals: [
    { case: "idle", subject: "kedge", beside: null, most: 100 },
    { case: "after the load", subject: "kedge", beside: null, most: 250 },
    { case: "with parked long polls", subject: "kedge", beside: null, most: 400 },
  ],
  run: async (context) => {
    const figures: Figure[] = [];
    for (const subject of [kedge, ...context.peers]) {
      const values = await withServers([subject], ([started]) => measure(context, started!));
      for (const name of cases) {
        const { now, peak } = values[name];
        figures.push(figure(name, subject.name, "MB", [{ value: now, more: { peakMb: peak } }]));
      }
      context.say(`${subject.name} done`);
    }
    return figures;
  },
};

type Memory = ReturnType<typeof memoryMb>;

async function measure(
  context: Context,
  { subject, server }: Started,
): Promise<Record<(typeof cases)[number], Memory>> {
  const settled = async (): Promise<Memory> => {
    await Bun.sleep(idleMs);
    return memoryMb(server.pid);
  };
  const idle = await settled();
  await subject.create(server, log);
  const started = { subject, server };
  if (subject === kedge) await everyKindOfLoad(context, started);
  else {
    await extendLog(context, subject, server, log, context.scale.loadMb);
    if (subject.read) await readBack(context, started, subject.read(log), Number.NaN);
  }
  const loaded = await settled();
  await park(context, started);
  const parked = await settled();
  await context.load.run({ type: "release" });
  return { idle, "after the load": loaded, "with parked long polls": parked };
}

async function everyKindOfLoad(context: Context, started: Started): Promise<void> {
  const { subject, server } = started;
  const value = "x".repeat(1024);
  const quarter = Math.ceil((context.scale.loadMb * 1e6) / 4 / 1024);
  const produce = (requests: number, writes: Writes): Promise<Outcome> =>
    context.load.run({
      type: "produce",
      port: server.port,
      pid: server.pid,
      connections: 64,
      warmMs: 0,
      runMs: 0,
      requests,
      writes,
    });
  const paths = [partitionPath(log)];
  await produce(quarter, {
    method: "POST",
    paths,
    headers: { "content-type": "text/plain" },
    bodyBase64: Buffer.from(value).toString("base64"),
    records: 1,
  });
  const arrayOfHundred = JSON.stringify({
    records: Array.from({ length: 100 }, () => ({ value })),
  });
  await produce(Math.ceil(quarter / 100), {
    method: "POST",
    paths,
    headers: { "content-type": "application/json" },
    bodyBase64: Buffer.from(arrayOfHundred).toString("base64"),
    records: 100,
  });
  const batched = await extendLog(context, subject, server, log, context.scale.loadMb / 2);
  const end = quarter + Math.ceil(quarter / 100) * 100 + batched;
  await readBack(context, started, kedgeReads(log, "batches"), end);
  await readBack(context, started, kedgeReads(log, "json"), end);
}

function readBack(
  context: Context,
  { server }: Started,
  reads: Reads,
  end: number,
): Promise<Outcome> {
  return context.load.run({
    type: "read",
    port: server.port,
    pid: server.pid,
    readers: 1,
    end,
    reads,
  });
}

/** Parks readers at the end of a log of their own. */
async function park(context: Context, { subject, server }: Started): Promise<void> {
  const idleLog = "parked";
  await subject.create(server, idleLog);
  if (!subject.longPoll) return;
  const { path, from } = subject.longPoll(idleLog);
  const next = subject === kedge ? from : "now";
  await context.load.run({
    type: "park",
    port: server.port,
    count: context.scale.idleReaders,
    paths: [path.replace("{next}", next)],
  });
}
