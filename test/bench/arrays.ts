/**
 * Many records a request: JSON arrays and NDJSON of 100 records of 1 KiB, beside the peers' one record a
 * request and their own arrays.
 */
import {
  type Bench,
  type Context,
  type Figure,
  figure,
  interleave,
  produceLoop,
  produceRun,
  type Run,
  withServers,
} from "./harness.ts";
import type { Writes } from "./jobs.ts";
import type { Server } from "./server.ts";
import { ask, kedge, partitionPath, type Subject } from "./subjects.ts";

const connections = 16;
const perRequest = 100;
const value = "x".repeat(1024);
const log = "arrays";
const jsonLog = "arrays-json";
const json = { "content-type": "application/json" };
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
  kedgeEntrant("kedge JSON of 100", json["content-type"], JSON.stringify({ records })),
  kedgeEntrant(
    "kedge NDJSON of 100",
    "application/x-ndjson",
    records.map((record) => `${JSON.stringify(record)}\n`).join(""),
  ),
];

/** A peer with one record a request, and with its own JSON mode, which takes an array of messages. */
function peerEntrants(subject: Subject): Entrant[] {
  const { path, headers } = subject.append(log);
  const one = Buffer.from(value).toString("base64");
  const array = Buffer.from(JSON.stringify(records.map(() => value))).toString("base64");
  const paths = [`/${jsonLog}`];
  return [
    {
      name: subject.name,
      subject,
      writes: { method: "POST", paths: [path], headers, bodyBase64: one, records: 1 },
    },
    {
      name: `${subject.name} JSON of 100`,
      subject,
      writes: { method: "POST", paths, headers: json, bodyBase64: array, records: perRequest },
    },
  ];
}

export const arrays: Bench = {
  name: "arrays",
  about:
    "HTTP produce of 1 KiB records, 100 a request, 16 connections, synced, beside the peers' one record a request, and their JSON arrays",
  goals: ours.map(({ name }) => ({ case: caseName, subject: name, beside: "rust", least: 2 })),
  run: (context) =>
    withServers([kedge, ...context.peers], async (started) => {
      const servers = new Map<Subject, Server>();
      for (const { subject, server } of started) {
        await subject.create(server, log);
        if (subject !== kedge) await ask(server.port, "PUT", `/${jsonLog}`, json);
        servers.set(subject, server);
      }
      const entrants = [...ours, ...context.peers.flatMap(peerEntrants)];
      const results = await interleave(entrants, context.scale.runs, (entrant) =>
        produceOnce(context, entrant, servers.get(entrant.subject)!),
      );
      return [...results].map(([{ name }, runs]): Figure =>
        figure(caseName, name, "records/s", runs),
      );
    }),
};

async function produceOnce(context: Context, entrant: Entrant, server: Server): Promise<Run> {
  return produceRun(await produceLoop(context, server, connections, entrant.writes));
}
