/**
 * Bytes that reach the disk for each byte of log, by the size of a commit: one connection, so that a request is a commit.
 */
import { type Bench, figure, interleave, withServers } from "./harness.ts";
import { bytesWritten } from "./proc.ts";
import { kedge } from "./subjects.ts";

const commitsKib = [1, 16, 128];
/** Checkpoints go on a little after the last answer. */
const settleMs = 1500;

export const disk: Bench = {
  name: "disk",
  about:
    "bytes written to disk for each byte of record value, one body a commit, one connection (from /proc/PID/io)",
  goals: [],
  run: (context) =>
    withServers([kedge, ...context.peers], async (started) => {
      const figures = [];
      for (const kib of commitsKib) {
        const log = `disk-${kib}`;
        for (const { subject, server } of started) await subject.create(server, log);
        const results = await interleave(started, context.scale.runs, async (entrant) => {
          const { subject, server } = entrant;
          const { path, headers } = subject.append(log);
          const before = bytesWritten(server.pid);
          const outcome = await context.load.run({
            type: "produce",
            port: server.port,
            pid: server.pid,
            connections: 1,
            warmMs: 0,
            runMs: 0,
            requests: Math.ceil((context.scale.catchUpMb * 1000) / 4 / Math.max(kib, 4)),
            writes: {
              method: "POST",
              paths: [path],
              headers,
              bodyBase64: Buffer.alloc(kib * 1024, "x").toString("base64"),
              records: 1,
            },
          });
          await Bun.sleep(settleMs);
          const written = bytesWritten(server.pid) - before;
          return { value: written / outcome.bytes, more: { p50Ms: outcome.p50Ms } };
        });
        for (const [{ subject }, runs] of results)
          figures.push(figure(`${kib} KiB`, subject.name, "bytes/byte", runs));
      }
      return figures;
    }),
};
