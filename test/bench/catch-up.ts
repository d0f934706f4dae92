/**
 * Reading a log from its beginning: raw batches and JSON, one reader and eight at once.
 */
import {
  type Bench,
  type Context,
  type Figure,
  figure,
  interleave,
  type Run,
  withServers,
} from "./harness.ts";
import { fillLog } from "./fill.ts";
import type { Reads } from "./jobs.ts";
import type { Server } from "./server.ts";
import { echo, kedge, kedgeReads, type Subject } from "./subjects.ts";

const log = "catch-up";
const readerCounts = [1, 8];
const caseName = (readers: number) => `${readers} reader${readers === 1 ? "" : "s"}`;

/** What Bun's server gives when the bytes need only be sent. */
const ceiling = echo("bun");

function pages(megabytes: number): Reads {
  const path = `/pages/{next}/${megabytes * 1e6}`;
  return { path, headers: {}, from: "0", position: "batches" };
}

interface Entrant {
  readonly name: string;
  readonly server: Server;
  readonly reads: Reads;
}

export const catchUp: Bench = {
  name: "catch-up",
  about: "HTTP reading of a whole log of 1 KiB records from its beginning, warm page cache",
  goals: readerCounts.flatMap((readers) => [
    { case: caseName(readers), subject: "kedge raw", beside: "rust", least: 0.7 },
    { case: caseName(readers), subject: "bun from memory", beside: "rust" },
  ]),
  run: (context) =>
    withServers([kedge, ...context.peers, ceiling], async (started) => {
      const entrants: Entrant[] = [];
      let end = 0;
      for (const { subject, server } of started) {
        if (subject === ceiling) {
          entrants.push({ name: "bun from memory", server, reads: pages(context.scale.catchUpMb) });
          continue;
        }
        const records = await fillLog(context, subject, server, log, context.scale.catchUpMb);
        if (subject === kedge) end = records;
        context.say(`${subject.name} filled`);
        entrants.push(...entrantsOf(subject, server));
      }
      const figures: Figure[] = [];
      for (const readers of readerCounts) {
        const results = await interleave(entrants, context.scale.runs + 1, (entrant) =>
          readOnce(context, entrant, readers, entrant.name.startsWith("kedge") ? end : Number.NaN),
        );
        for (const [{ name }, runs] of results)
          figures.push(figure(caseName(readers), name, "MB/s", runs.slice(1)));
      }
      return figures;
    }),
};

function entrantsOf(subject: Subject, server: Server): Entrant[] {
  if (subject !== kedge)
    return subject.read ? [{ name: subject.name, server, reads: subject.read(log) }] : [];
  return [
    { name: "kedge raw", server, reads: kedgeReads(log, "batches") },
    { name: "kedge JSON", server, reads: kedgeReads(log, "json") },
  ];
}

async function readOnce(
  context: Context,
  { server, reads }: Entrant,
  readers: number,
  end: number,
): Promise<Run> {
  const outcome = await context.load.run({
    type: "read",
    port: server.port,
    pid: server.pid,
    readers,
    end,
    reads,
  });
  const megabytes = outcome.bytes / 1e6;
  return {
    value: megabytes / outcome.seconds,
    more: {
      serverCpuMsPerMb: (outcome.serverCpuSeconds / megabytes) * 1000,
      clientCpuMsPerMb: (outcome.clientCpuSeconds / megabytes) * 1000,
    },
  };
}
