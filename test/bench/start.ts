/**
 * From `spawn` to the first acknowledged append: in an empty folder, and again over a log that is there.
 */
import {
  type Bench,
  type Context,
  type Figure,
  figure,
  interleave,
  type Run,
  withDirectory,
} from "./harness.ts";
import { extendLog } from "./fill.ts";
import type { Server } from "./server.ts";
import { ask, kedge, type Subject } from "./subjects.ts";
import { encodeRequest, Wire } from "./wire.ts";

const log = "start";
const acknowledgeTimeoutMs = 60_000;
const cases = ["fresh", "after a clean stop", "after kill -9"] as const;

export const start: Bench = {
  name: "start",
  about:
    "from spawning the process to its first acknowledged append of 1 KiB; the restarts are over a log that is there",
  goals: cases.map((name) => ({ case: name, subject: "kedge", beside: null, most: 200 })),
  run: async (context) => {
    const figures: Figure[] = [];
    const subjects = [kedge, ...context.peers];
    for (const name of cases) {
      const results = await interleave(subjects, context.scale.runs, (subject) =>
        startOnce(context, subject, name),
      );
      for (const [subject, runs] of results) figures.push(figure(name, subject.name, "ms", runs));
      context.say(`${name} done`);
    }
    return figures;
  },
};

const restarts = ["after a clean stop", "after kill -9"] as const;

/** The same log, grown between restarts. */
export const growthOfStart: Bench = {
  name: "growth-start",
  about:
    "from spawning the process to its first acknowledged append of 1 KiB, over a log of a given size",
  goals: restarts.flatMap((name) =>
    [1000, 5000].map((megabytes) => ({
      case: `${megabytes} MB, ${name}`,
      subject: "kedge",
      beside: null,
      most: 1000,
    })),
  ),
  run: (context) =>
    withDirectory("growth-start", async (directory) => {
      const figures: Figure[] = [];
      let server = await kedge.start({ directory });
      try {
        await kedge.create(server, log);
        let grown = 0;
        for (const megabytes of context.scale.logsMb) {
          await extendLog(context, kedge, server, log, megabytes - grown);
          grown = megabytes;
          for (const name of restarts) {
            const runs: Run[] = [];
            for (let round = 0; round < context.scale.runs; round += 1) {
              await (name === "after kill -9" ? server.kill() : server.stop());
              const started = performance.now();
              server = await kedge.start({ directory, waitForDoor: false });
              await acknowledged(kedge, server, false);
              runs.push({ value: performance.now() - started, more: {} });
            }
            figures.push(figure(`${megabytes} MB, ${name}`, "kedge", "ms", runs));
            context.say(`${megabytes} MB, ${name} done`);
          }
        }
        return figures;
      } finally {
        await server.stop();
      }
    }),
};

function startOnce(context: Context, subject: Subject, name: (typeof cases)[number]): Promise<Run> {
  return withDirectory("start", async (directory) => {
    if (name !== "fresh") {
      const server = await subject.start({ directory });
      await subject.create(server, log);
      await extendLog(context, subject, server, log, context.scale.catchUpMb);
      await (name === "after kill -9" ? server.kill() : server.stop());
    }
    const started = performance.now();
    const server = await subject.start({ directory, waitForDoor: false });
    try {
      await acknowledged(subject, server, name === "fresh");
      const logMb = name === "fresh" ? 0 : context.scale.catchUpMb;
      return { value: performance.now() - started, more: { logMb } };
    } finally {
      await server.stop();
    }
  });
}

/** Appends until the append is answered with 2xx. */
async function acknowledged(subject: Subject, server: Server, fresh: boolean): Promise<void> {
  const { path, headers } = subject.append(log);
  const target = fresh && subject === kedge ? `${path}?create=true` : path;
  const request = encodeRequest("POST", target, headers, Buffer.alloc(1024, "x"));
  const until = performance.now() + acknowledgeTimeoutMs;
  let said = "nothing";
  while (performance.now() < until) {
    try {
      if (fresh && subject !== kedge) await ask(server.port, "PUT", `/${log}`, headers);
      const wire = await Wire.connect(server.port);
      const answer = await wire.exchange(request);
      wire.close();
      if (answer.status < 300) return;
      said = `${answer.status} ${answer.body.toString().slice(0, 300)}`;
    } catch (error) {
      said = String(error);
    }
    await Bun.sleep(1);
  }
  throw new Error(`${subject.name} acknowledged nothing: ${said}`);
}
