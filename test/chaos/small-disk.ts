/**
 * A disk that is small enough to be filled: a tmpfs, which takes Linux and root; elsewhere `canMount` is false and says so.
 */
import { expect } from "bun:test";
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

function mount(...words: string[]): boolean {
  return Bun.which("mount") !== null && Bun.spawnSync(["mount", ...words]).success;
}

const probe = await mkdtemp(join(tmpdir(), "kedge-mount-"));
export const canMount = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", probe);
if (canMount) Bun.spawnSync(["umount", probe]);
await rm(probe, { recursive: true });
if (!canMount) console.log("left out: a small disk takes mount and root");

export interface Disk {
  readonly directory: string;
  readonly path: string;
}

/** Runs with a disk of so many MiB, which is gone afterwards. */
export async function withSmallDisk(
  diskMb: number,
  run: (disk: Disk) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "kedge-full-"));
  const path = await mkdtemp(join(directory, "disk-"));
  if (!mount("-t", "tmpfs", "-o", `size=${diskMb}m`, "tmpfs", path)) throw new Error("no tmpfs");
  try {
    await run({ directory, path });
  } finally {
    Bun.spawnSync(["umount", "-l", path]);
    await rm(directory, { recursive: true, force: true });
  }
}

/** Writes until the disk has nothing left. */
export function fillUp(path: string): string {
  const file = openSync(path, "w");
  const piece = Buffer.alloc(1 << 16, 1);
  try {
    for (;;) writeSync(file, piece);
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  } finally {
    closeSync(file);
  }
  return path;
}
