/**
 * A node under load, killed again and again at random moments, also while it starts: what was acknowledged is there once, in
 * order, at its offset; what was sent again is there once; no offset ever holds another record; consumers go on without a
 * hole or a repeat.
 *
 * KEDGE_CRASHES kills (200) and KEDGE_SEED replay a run's schedule. Left out: power cuts, which take a simulated disk.
 */
import { expect, test } from "bun:test";
import { seededRandom } from "../../src/lib/random.ts";
import { withTrial } from "./trial.ts";

const crashes = Number(process.env["KEDGE_CRASHES"] ?? 200);
const seed = Number(process.env["KEDGE_SEED"] ?? 20_260_101);

/** One kill in eight comes while the node starts. */
const earlyShare = 1 / 8;
const earlyMaxMs = 150;
const loadMinMs = 30;
const loadMaxMs = 500;
/** The slowest of them all, on a disk that others use too: 1 to 2.7 s were seen, 0.2 s is usual. */
const slowestMaxMs = 10_000;

test(
  `${crashes} kills under load lose, repeat and move nothing`,
  () =>
    withTrial(seed, async (trial) => {
      const random = seededRandom(seed);
      const restartsMs: number[] = [];
      let node = trial.start();
      await node.ready();
      await trial.begin();
      for (let crash = 0; crash < crashes; crash += 1) {
        await Bun.sleep(loadMinMs + random.next() * (loadMaxMs - loadMinMs));
        await node.end("SIGKILL");
        node = trial.start();
        while (random.next() < earlyShare) {
          await Bun.sleep(random.next() * earlyMaxMs);
          await node.end("SIGKILL");
          node = trial.start();
          crash += 1;
        }
        restartsMs.push(await node.ready());
        await trial.history.look(trial.port);
        expect(trial.history.violations).toEqual([]);
      }
      expect(await trial.settle()).toBe(0);
      await trial.history.lookAtEverything(trial.port);
      expect(trial.history.violations).toEqual([]);
      expect(await node.end("SIGTERM")).toBe(0);
      expect((await trial.integrity()).filter((line) => !line.endsWith(": ok"))).toEqual([]);
      // A kill damages nothing: a start that says so would skip offsets.
      expect(await trial.log()).not.toContain("damaged");

      const { counts } = trial.history;
      const slowest = Math.max(...restartsMs);
      console.log(
        `${crashes} kills, slowest restart ${Math.round(slowest)} ms: ${JSON.stringify(counts)}`,
      );
      expect(counts.acked).toBeGreaterThan(crashes);
      expect(counts.seen).toBe(counts.stored);
      expect(slowest).toBeLessThan(slowestMaxMs);
    }),
  460_000,
);
