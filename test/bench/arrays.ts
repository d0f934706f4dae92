/**
 * Many records a request: JSON arrays and NDJSON of 100 records of 1 KiB, beside the Rust server's one a request (its
 * protocol has no record boundaries in a text body, so a request is its unit).
 */
import {
  type Bench,
  type Context,
  type Figure,
  figure,
  interleave,
  produceRun,
  type Run,
  withServers,
} from "./harness.ts";
import type { Writes } from "./jobs.ts";
import type { Server } from "./server.ts";
import { kedge, partitionPath, type Subject } from "./subjects.ts";

const connections = 16;
const perRequest = 100;
const value = "x".repeat(1024);
const log = "arrays";
const caseName = `${connections} connections`;

interface Entrant {
  readonly name: string;
  readonly subject: Subject;
  readonly writes: Writes;
}

function kedgeEntrant(name: string, contentType: string, body: string): Entrant {
  return {
    name,
    subject: kedge,
    writes: {
      method: "POST",
      paths: [partitionPath(log)],
      headers: { "content-type": contentType },
      bodyBase64: Buffer.from(body).toString("base64"),
      records: perRequest,
    },
  };
}

const records = Array.from({ length: perRequest }, () => ({ value }));
const ours: readonly Entrant[] = [
  kedgeEntrant("kedge JSON of 100", "application/json", JSON.stringify({ records })),
  kedgeEntrant(
    "kedge NDJSON of 100",
    "application/x-ndjson",
    records.map((record) => `${JSON.stringify(record)}\n`).join(""),
  ),
];

function peerEntrant(subject: Subject): Entrant {
  const { path, headers } = subject.append(log);
  const bodyBase64 = Buffer.from(value).toString("base64");
  return {
    name: subject.name,
    subject,
    writes: { method: "POST", paths: [path], headers, bodyBase64, records: 1 },
  };
}

export const arrays: Bench = {
  name: "arrays",
  about:
    "HTTP produce of 1 KiB records, 100 a request, 16 connections, synced, beside the peers' one record a request",
  goals: ours.map(({ name }) => ({ case: caseName, subject: name, beside: "rust", least: 2 })),
  run: (context) =>
    withServers([kedge, ...context.peers], async (started) => {
      const servers = new Map<Subject, Server>();
      for (const { subject, server } of started) {
        await subject.create(server, log);
        servers.set(subject, server);
      }
      const entrants = [...ours, ...context.peers.map(peerEntrant)];
      const results = await interleave(entrants, context.scale.runs, (entrant) =>
        produceOnce(context, entrant, servers.get(entrant.subject)!),
      );
      return [...results].map(([{ name }, runs]): Figure =>
        figure(caseName, name, "records/s", runs),
      );
    }),
};

async function produceOnce(context: Context, entrant: Entrant, server: Server): Promise<Run> {
  const outcome = await context.load.run({
    type: "produce",
    port: server.port,
    pid: server.pid,
    connections,
    warmMs: context.scale.warmMs,
    runMs: context.scale.runMs,
    writes: entrant.writes,
  });
  return produceRun(outcome);
}
