/**
 * The load process: takes a job over IPC, runs it against one server on the loopback, answers with figures.
 *
 * It lives as long as the bench, so that its own code is equally warm for every server. A request that is not answered
 * with 2xx fails the job: a bench that counts refusals is worth nothing.
 */
import type { Job, LatencyJob, Outcome, ParkJob, ProduceJob, ReadJob, Reply } from "./jobs.ts";
import { cpuSeconds } from "./proc.ts";
import { nextPosition } from "./position.ts";
import { type Answer, encodeRequest, Wire } from "./wire.ts";

const parked: Wire[] = [];

function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Starts the stopwatch of a timed part; calling what it gives stops it. */
function stopwatch(
  pid: number,
): () => Pick<Outcome, "seconds" | "serverCpuSeconds" | "clientCpuSeconds"> {
  const server = cpuSeconds(pid);
  const client = ownCpuSeconds();
  const started = performance.now();
  return () => ({
    seconds: (performance.now() - started) / 1000,
    serverCpuSeconds: cpuSeconds(pid) - server,
    clientCpuSeconds: ownCpuSeconds() - client,
  });
}

function percentiles(latenciesMs: number[]): Pick<Outcome, "p50Ms" | "p99Ms"> {
  const sorted = Float64Array.from(latenciesMs).sort();
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

function checked(answer: Answer): Answer {
  if (answer.status < 200 || answer.status > 299)
    throw new Error(`${answer.head.split("\r\n")[0]}: ${answer.body.toString().slice(0, 500)}`);
  return answer;
}

function connectAll(port: number, count: number): Promise<Wire[]> {
  return Promise.all(Array.from({ length: count }, () => Wire.connect(port)));
}

async function produce(job: ProduceJob): Promise<Outcome> {
  const body = Buffer.from(job.writes.bodyBase64, "base64");
  const requests = job.writes.paths.map((path) =>
    encodeRequest(job.writes.method, path, job.writes.headers, body),
  );
  const wires = await connectAll(job.port, job.connections);
  const loop = closedLoop(wires, requests);
  if (job.requests === undefined) await loop.runFor(job.warmMs);
  const stop = stopwatch(job.pid);
  const latenciesMs =
    job.requests === undefined ? await loop.runFor(job.runMs) : await loop.runCount(job.requests);
  const times = stop();
  for (const wire of wires) wire.close();
  const done = latenciesMs.length;
  return {
    ...times,
    ...percentiles(latenciesMs),
    requests: done,
    records: done * job.writes.records,
    bytes: done * body.length,
  };
}

/** Keeps one request under way on each wire; runs may follow each other. Gives the latencies of a run. */
function closedLoop(wires: readonly Wire[], requests: readonly Buffer[]) {
  let turn = 0;
  const run = (more: (sent: number) => boolean): Promise<number[]> =>
    new Promise((done, failed) => {
      const latenciesMs: number[] = [];
      let sent = 0;
      let busy = wires.length;
      const next = (wire: Wire): void => {
        if (!more(sent)) {
          busy -= 1;
          if (busy === 0) done(latenciesMs);
          return;
        }
        sent += 1;
        turn = (turn + 1) % requests.length;
        const started = performance.now();
        wire.send(requests[turn]!, {
          sink: null,
          failed,
          answered: (answer) => {
            latenciesMs.push(performance.now() - started);
            if (answer.status < 200 || answer.status > 299) {
              failed(new Error(`${answer.status}: ${answer.body.toString().slice(0, 500)}`));
              return;
            }
            next(wire);
          },
        });
      };
      for (const wire of wires) next(wire);
    });
  return {
    runFor(milliseconds: number): Promise<number[]> {
      const until = performance.now() + milliseconds;
      return run(() => performance.now() < until);
    },
    runCount: (count: number): Promise<number[]> => run((sent) => sent < count),
  };
}

async function read(job: ReadJob): Promise<Outcome> {
  const wires = await connectAll(job.port, job.readers);
  const stop = stopwatch(job.pid);
  let requests = 0;
  let bytes = 0;
  const latenciesMs: number[] = [];
  const readAll = async (wire: Wire): Promise<void> => {
    let from = job.reads.from;
    for (;;) {
      const started = performance.now();
      const position = nextPosition(job.reads.position);
      const path = job.reads.path.replace("{next}", from);
      const answer = await wire.exchange(encodeRequest("GET", path, job.reads.headers), (piece) => {
        bytes += piece.length;
        position.take(piece);
      });
      latenciesMs.push(performance.now() - started);
      requests += 1;
      const { next, upToDate } = position.after(checked(answer));
      if (upToDate || Number(next) >= job.end) return;
      if (next === from) throw new Error(`no progress at ${from} of ${job.end}`);
      from = next;
    }
  };
  await Promise.all(wires.map(readAll));
  const times = stop();
  for (const wire of wires) wire.close();
  return { ...times, ...percentiles(latenciesMs), requests, records: 0, bytes };
}

/** One line a record, so that every dialect of SSE shows it unchanged. */
function markedBody(sequence: number, bytes: number): { marker: Buffer; body: Buffer } {
  const marker = Buffer.from(`#${process.pid}-${sequence}#`);
  return { marker, body: Buffer.concat([marker, Buffer.alloc(bytes - marker.length, "x")]) };
}

async function latency(job: LatencyJob): Promise<Outcome> {
  const writer = await Wire.connect(job.port);
  const reader = await tailReader(job);
  const latenciesMs: number[] = [];
  let stop = stopwatch(job.pid);
  for (let sequence = -job.warmCount; sequence < job.count; sequence += 1) {
    if (sequence === 0) stop = stopwatch(job.pid);
    const { marker, body } = markedBody(sequence + job.warmCount, job.bodyBytes);
    const request = encodeRequest("POST", job.write.path, job.write.headers, body);
    const started = performance.now();
    const seen = reader.sees(marker);
    await Promise.all([writer.exchange(request).then(checked), seen]);
    if (sequence >= 0) latenciesMs.push((await seen) - started);
    await Bun.sleep(job.pauseMs);
  }
  const times = stop();
  reader.close();
  writer.close();
  return {
    ...times,
    ...percentiles(latenciesMs),
    requests: job.count,
    records: job.count,
    bytes: job.count * job.bodyBytes,
  };
}

/** Follows a log; `sees` gives the moment at which a marker came by. */
async function tailReader(job: LatencyJob) {
  const wire = await Wire.connect(job.port);
  let wanted: Buffer | null = null;
  let kept = Buffer.alloc(0);
  let seen: (atMs: number) => void = () => {};
  let failed: (error: Error) => void = () => {};
  const state = { closed: false };
  const sink = (piece: Buffer): void => {
    kept = Buffer.concat([kept, piece]);
    if (!wanted || kept.indexOf(wanted) < 0) return;
    wanted = null;
    kept = Buffer.alloc(0);
    seen(performance.now());
  };
  const follow = async (): Promise<void> => {
    let from = job.reads.from;
    while (!state.closed) {
      const position = nextPosition(job.reads.position);
      const path = job.reads.path.replace("{next}", from);
      const answer = await wire.exchange(encodeRequest("GET", path, job.reads.headers), (piece) => {
        position.take(piece);
        sink(piece);
      });
      from = position.after(checked(answer)).next;
    }
  };
  follow().catch((error: Error) => {
    if (!state.closed) failed(error);
  });
  await Bun.sleep(100);
  return {
    sees: (marker: Buffer): Promise<number> =>
      new Promise((resolve, reject) => {
        wanted = marker;
        seen = resolve;
        failed = reject;
      }),
    close: (): void => {
      state.closed = true;
      wire.close();
    },
  };
}

/** Opens readers a few hundred at a time, and parks each anew when its wait is over. */
async function park(job: ParkJob): Promise<Outcome> {
  const stop = stopwatch(0);
  for (let opened = 0; opened < job.count; opened += 250) {
    const count = Math.min(250, job.count - opened);
    const wires = await connectAll(job.port, count);
    parked.push(...wires);
    for (const [index, wire] of wires.entries()) {
      const request = encodeRequest("GET", job.paths[(opened + index) % job.paths.length]!);
      const again = (): void =>
        wire.send(request, {
          sink: null,
          failed: (error) => {
            if (parked.includes(wire)) throw error;
          },
          answered: (answer) => {
            checked(answer);
            again();
          },
        });
      again();
    }
  }
  await Bun.sleep(1000);
  const none = { p50Ms: Number.NaN, p99Ms: Number.NaN, records: 0, bytes: 0 };
  return { ...stop(), ...none, requests: job.count };
}

function release(): Outcome {
  for (const wire of parked.splice(0)) wire.close();
  return {
    seconds: 0,
    requests: 0,
    records: 0,
    bytes: 0,
    p50Ms: Number.NaN,
    p99Ms: Number.NaN,
    serverCpuSeconds: 0,
    clientCpuSeconds: 0,
  };
}

async function run(job: Job): Promise<Outcome> {
  switch (job.type) {
    case "produce":
      return produce(job);
    case "read":
      return read(job);
    case "latency":
      return latency(job);
    case "park":
      return park(job);
    case "release":
      return release();
    default:
      return job satisfies never;
  }
}

process.on("message", (message) => {
  // Only the bench that started this process has the other end.
  const job = message as Job;
  const answer = (reply: Reply): void => void process.send?.(reply);
  Promise.resolve()
    .then(() => run(job))
    .then(
      (outcome) => answer({ outcome }),
      (error: unknown) => answer({ error: `${job.type}: ${String(error)}` }),
    );
});
process.on("disconnect", () => process.exit());
