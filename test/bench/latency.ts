/**
 * From the append's first byte to the reader's last, one record under way at a time.
 */
import {
  type Bench,
  type Context,
  type Figure,
  figure,
  interleave,
  type Run,
  type Started,
  withServers,
} from "./harness.ts";
import type { Reads } from "./jobs.ts";
import { bare, kedge } from "./subjects.ts";

const readers = ["long-poll", "sse"] as const;
type Reader = (typeof readers)[number];

export const latency: Bench = {
  name: "latency",
  about:
    "HTTP append of 1 KiB to a parked reader that has it, one at a time, synced; p50, with p99 beside. `hono and libsql` is what kedge is made of and nothing of kedge",
  goals: readers.flatMap((reader) => [
    { case: reader, subject: "kedge", beside: "reference", most: 0.3 },
    { case: reader, subject: bare.name, beside: "reference" },
    { case: reader, subject: "kedge", beside: "rust", most: 1 },
    { case: reader, subject: bare.name, beside: "rust" },
  ]),
  run: (context) =>
    withServers([kedge, ...context.peers, bare], async (started) => {
      const figures: Figure[] = [];
      for (const reader of readers) {
        let round = 0;
        const results = await interleave(started, context.scale.runs, (entrant) => {
          round += 1;
          return latencyOnce(context, entrant, reader, `${reader}-${round}`);
        });
        for (const [{ subject }, runs] of results)
          figures.push(figure(reader, subject.name, "ms", runs));
        context.say(`${reader} done`);
      }
      return figures;
    }),
};

function readsOf({ subject }: Started, reader: Reader, log: string): Reads {
  const reads = reader === "sse" ? subject.sse : subject.longPoll;
  if (!reads) throw new Error(`${subject.name} has no ${reader}`);
  return reads(log);
}

async function latencyOnce(
  context: Context,
  entrant: Started,
  reader: Reader,
  log: string,
): Promise<Run> {
  const { subject, server } = entrant;
  await subject.create(server, log);
  const count = context.scale.latencies;
  const outcome = await context.load.run({
    type: "latency",
    port: server.port,
    pid: server.pid,
    count,
    warmCount: Math.ceil(count / 4),
    pauseMs: 2,
    bodyBytes: 1024,
    write: subject.append(log),
    reader,
    reads: readsOf(entrant, reader, log),
  });
  return {
    value: outcome.p50Ms,
    more: {
      p99Ms: outcome.p99Ms,
      serverCpuUs: (outcome.serverCpuSeconds / count) * 1e6,
    },
  };
}
