/**
 * Storage with time in it: commits and reads take a while on the virtual clock, before and after the disk does its part, so
 * that a crash can come at any point in between.
 */
import type { Random } from "../../src/lib/random.ts";
import { type Change, type Storage, StorageFault } from "../../src/storage/storage.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const USUAL_MS_MAX = 4;
const SLOW_MS_MAX = 300;
const SLOW_SHARE = 0.03;
/** Commits whose answer gets lost, as a remote's may: half of them were applied. */
const LOST_SHARE = 0.02;

export function slowStorage(
  storage: Storage,
  clock: VirtualClock,
  random: Random,
  slowMsMax = SLOW_MS_MAX,
): Storage {
  const pause = (): Promise<void> => {
    const most = random.next() < SLOW_SHARE ? slowMsMax : USUAL_MS_MAX;
    const delayMs = Math.floor(random.next() * most);
    if (delayMs === 0) return Promise.resolve();
    return new Promise((resolve) => clock.after(delayMs, resolve));
  };
  const around = async <T>(work: () => Promise<T>): Promise<T> => {
    await pause();
    try {
      return await work();
    } finally {
      await pause();
    }
  };
  const commit = async (change: Change): Promise<void> => {
    const dice = random.next();
    if (dice > LOST_SHARE / 2) await storage.commit(change);
    if (dice < LOST_SHARE)
      throw new StorageFault("io", "the answer is lost", { outcome: "unknown" });
  };
  return {
    powerLost: storage.powerLost,
    resumed: () => around(() => storage.resumed()),
    partitions: () => storage.partitions(),
    producers: () => storage.producers(),
    create: (keys) => storage.create(keys),
    drop: (partitions) => around(() => storage.drop(partitions)),
    commit: (change) => around(() => commit(change)),
    bounds: (partition) => around(() => storage.bounds(partition)),
    read: (...args) => around(() => storage.read(...args)),
    seek: (...args) => around(() => storage.seek(...args)),
    locate: (...args) => around(() => storage.locate(...args)),
    receipt: (...args) => around(() => storage.receipt(...args)),
    aborted: (...args) => around(() => storage.aborted(...args)),
    forgetReceipts: (nowMs) => around(() => storage.forgetReceipts(nowMs)),
    backup: (path) => storage.backup(path),
    stats: () => storage.stats(),
    close: () => storage.close(),
  };
}
