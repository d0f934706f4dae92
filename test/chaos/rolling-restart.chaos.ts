/**
 * A node under load that is stopped as an operator stops it, and started again: it ends with code 0 in time, answers what it
 * accepted, and leaves nothing behind that a start would have to repair.
 *
 * KEDGE_RESTARTS (20) and KEDGE_SEED replay a run's schedule.
 */
import { expect, test } from "bun:test";
import { seededRandom } from "../../src/lib/random.ts";
import { withTrial } from "./trial.ts";

const restarts = Number(process.env["KEDGE_RESTARTS"] ?? 20);
const seed = Number(process.env["KEDGE_SEED"] ?? 20_260_102);
/** The node's own default of `drain-ms`, and a second for the rest. */
const stopMaxMs = 6000;

test(
  `${restarts} restarts by SIGTERM under load lose nothing and end with 0`,
  () =>
    withTrial(seed, async (trial) => {
      const random = seededRandom(seed);
      const stopsMs: number[] = [];
      let node = trial.start();
      await node.ready();
      await trial.begin();
      for (let restart = 0; restart < restarts; restart += 1) {
        await Bun.sleep(100 + random.next() * 600);
        const asked = performance.now();
        expect(await node.end("SIGTERM")).toBe(0);
        stopsMs.push(performance.now() - asked);
        expect(trial.endedCleanly()).toBe(true);
        node = trial.start();
        await node.ready();
        await trial.history.look(trial.port);
        expect(trial.history.violations).toEqual([]);
      }
      expect(await trial.settle()).toBe(0);
      await trial.history.lookAtEverything(trial.port);
      expect(trial.history.violations).toEqual([]);
      expect(await node.end("SIGTERM")).toBe(0);
      expect((await trial.integrity()).filter((line) => !line.endsWith(": ok"))).toEqual([]);

      node = trial.start();
      await node.ready();
      await node.end("SIGKILL");
      expect(trial.endedCleanly()).toBe(false);

      const slowest = Math.max(...stopsMs);
      const { counts } = trial.history;
      console.log(`slowest stop ${Math.round(slowest)} ms: ${JSON.stringify(counts)}`);
      expect(counts.acked).toBeGreaterThan(restarts);
      // What a node took in before it stopped, it also answered.
      expect(counts.stored).toBe(counts.acked);
      expect(slowest).toBeLessThan(stopMaxMs);
    }),
  150_000,
);
