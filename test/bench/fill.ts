/**
 * Filling a log quickly with 1 KiB records, so that what is measured afterwards stands on a log of a given size.
 */
import { encodeBatch } from "../../src/records/batch-encode.ts";
import type { Context } from "./harness.ts";
import type { Server } from "./server.ts";
import { kedge, kedgeRelaxed, partitionPath, type Subject } from "./subjects.ts";

const recordBytes = 1024;
/** Records a request: 64 KiB of bodies, as a busy producer's batches would be. */
const perRequest = 64;
const value = Buffer.alloc(recordBytes, "x");

/** A raw batch of 1 KiB records; the server gives it its offsets. */
export function rawBatch(records: number): Uint8Array {
  return encodeBatch(
    Array.from({ length: records }, () => ({
      key: null,
      value,
      headers: [],
      timestampMs: Date.now(),
    })),
  );
}

/** Makes the log and appends `megabytes` to it; gives the number of records. */
export async function fillLog(
  context: Context,
  subject: Subject,
  server: Server,
  log: string,
  megabytes: number,
): Promise<number> {
  await subject.create(server, log);
  return extendLog(context, subject, server, log, megabytes);
}

export async function extendLog(
  context: Context,
  subject: Subject,
  server: Server,
  log: string,
  megabytes: number,
): Promise<number> {
  const ours = subject === kedge || subject === kedgeRelaxed;
  const body = ours ? rawBatch(perRequest) : Buffer.alloc(perRequest * recordBytes, "x");
  const requests = Math.ceil((megabytes * 1e6) / (perRequest * recordBytes));
  const outcome = await context.load.run({
    type: "produce",
    port: server.port,
    pid: server.pid,
    connections: 8,
    warmMs: 0,
    runMs: 0,
    requests,
    writes: {
      method: "POST",
      paths: [ours ? partitionPath(log) : subject.append(log).path],
      headers: { "content-type": ours ? "application/vnd.kafka.recordbatch" : "text/plain" },
      bodyBase64: Buffer.from(body).toString("base64"),
      records: perRequest,
    },
  });
  return outcome.records;
}
