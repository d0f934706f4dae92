/** What the write-ahead log is taken to hold, and how it is told whether an estimate was true. */
import { expect, test } from "bun:test";
import { WalGrowth } from "../../../../src/storage/worker/wal-growth.ts";

/** What a commit of at most 1000 counts as, once the checkpointer found this of as much. */
function counted(wal: WalGrowth, walBytes: number): number {
  wal.grew(1000);
  wal.asked();
  wal.seen(walBytes);
  wal.copied();
  expect(wal.bytes).toBe(0);
  wal.grew(1000);
  const { bytes } = wal;
  wal.copied();
  return bytes;
}

test("what was true of an estimate scales the next, by half at most, and never up", () => {
  const wal = new WalGrowth();
  wal.grew(1000);
  expect(wal.bytes).toBe(1000);
  wal.copied();
  expect(counted(wal, 600)).toBe(600);
  expect(counted(wal, 300)).toBe(500);
  expect(counted(wal, 2000)).toBe(1000);
});

test("what came after the checkpointer was first asked is not held against what it found", () => {
  const wal = new WalGrowth();
  wal.grew(1000);
  wal.asked();
  wal.grew(1000);
  wal.asked();
  expect(wal.bytes).toBe(2000);
  wal.seen(600);
  wal.copied();
  wal.grew(1000);
  expect(wal.bytes).toBe(600);
});

test("what was found without being asked for says nothing", () => {
  const wal = new WalGrowth();
  wal.seen(600);
  wal.asked();
  wal.seen(600);
  wal.grew(1000);
  expect(wal.bytes).toBe(1000);
  wal.copied();
  expect(counted(wal, 0)).toBe(1000);
});

test("what is kept from being copied counts as it is said", () => {
  const wal = new WalGrowth();
  wal.grew(1000);
  wal.kept(900);
  expect(wal.bytes).toBe(900);
  wal.grew(1000);
  expect(wal.bytes).toBe(1900);
});
