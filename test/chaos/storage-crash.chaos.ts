/**
 * Two hundred kills of a process that appends without pause, each followed by a check of everything it was told is kept.
 * `KILLS=n` does another number; `SEED=n` other moments.
 */
import { expect, test } from "bun:test";
import { seededRandom } from "../../src/lib/random.ts";
import { inFolder } from "../conformance/libsql-folder.ts";
import { killUnderLoad } from "../conformance/storage-kill.ts";

const kills = Number(process.env["KILLS"] ?? 200);
const seed = Number(process.env["SEED"] ?? 1);

test(
  `${kills} kills under load lose nothing that was acknowledged`,
  () =>
    inFolder(async (directory) => {
      const random = seededRandom(seed);
      let acknowledged = 0;
      for (let kill = 0; kill < kills; kill += 1)
        acknowledged += await killUnderLoad(directory, Math.floor(random.next() * 150));
      console.log(`${acknowledged} acknowledged changes over ${kills} kills, seed ${seed}`);
      expect(acknowledged).toBeGreaterThan(kills);
    }),
  210_000,
);
