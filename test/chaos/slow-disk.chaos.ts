/**
 * A disk that takes half a second for every sync, for a while: nothing is lost or repeated, requests that wait share syncs,
 * reads and health go on meanwhile (no sync is waited for in the event loop), and afterwards all is as before.
 *
 * Syncs are held up by strace, which takes Linux and the right to trace; elsewhere the suite says so and is left out.
 */
import { expect, test } from "bun:test";
import { withTrial } from "./trial.ts";

const seed = Number(process.env["KEDGE_SEED"] ?? 20_260_103);
const syncMs = 500;
const slowMs = 8000;
const probePauseMs = 50;

const canTrace =
  Bun.which("strace") !== null && Bun.spawnSync(["strace", "-o", "/dev/null", "true"]).success;
if (!canTrace) console.log("left out: a slow disk takes strace and the right to trace");

function holdUpSyncs(pid: number): { release(): Promise<void> } {
  const inject = `inject=fsync,fdatasync:delay_enter=${syncMs * 1000}`;
  const words = ["-f", "-p", String(pid), "-e", "trace=fsync,fdatasync", "-e", inject];
  const child = Bun.spawn(["strace", ...words, "-o", "/dev/null"], {
    stdout: "ignore",
    stderr: "ignore",
  });
  return {
    async release() {
      child.kill("SIGINT");
      await child.exited;
    },
  };
}

/** Asks for health again and again until the time is over; gives how long each answer took. */
async function healthMs(port: number, durationMs: number): Promise<number[]> {
  const tookMs: number[] = [];
  const until = performance.now() + durationMs;
  while (performance.now() < until) {
    const asked = performance.now();
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    tookMs.push(performance.now() - asked);
    await Bun.sleep(probePauseMs);
  }
  return tookMs.toSorted((a, b) => a - b);
}

test.if(canTrace)(
  "a slow disk delays answers and nothing else",
  () =>
    withTrial(seed, async (trial) => {
      const node = trial.start();
      await node.ready();
      await trial.begin();
      await Bun.sleep(1500);
      await trial.history.look(trial.port);
      const before = trial.history.counts;
      expect(before.acked).toBeGreaterThan(0);

      const slow = holdUpSyncs(node.child.pid);
      await Bun.sleep(500);
      const tookMs = await healthMs(trial.port, slowMs);
      await trial.history.look(trial.port);
      await slow.release();
      expect(trial.history.violations).toEqual([]);
      const during = trial.history.counts;
      // Each writer waits for a sync of its own at least; all of them share it.
      expect(during.acked).toBeGreaterThan(before.acked + slowMs / syncMs);
      const median = tookMs[tookMs.length >> 1] ?? Number.POSITIVE_INFINITY;
      expect(median).toBeLessThan(syncMs / 2);

      await Bun.sleep(1500);
      expect(await trial.settle()).toBe(0);
      await trial.history.lookAtEverything(trial.port);
      expect(trial.history.violations).toEqual([]);
      expect(trial.history.counts.unanswered).toBe(0);
      expect(await node.end("SIGTERM")).toBe(0);
      console.log(
        `${during.acked - before.acked} records in ${slowMs} ms of slow syncs; health p50 ${Math.round(median)} ms, ` +
          `slowest ${Math.round(tookMs.at(-1) ?? 0)} ms: ${JSON.stringify(trial.history.counts)}`,
      );
    }),
  120_000,
);
