/**
 * What a storage does when its disk is full, fails, or is asked whether it was synced: on a small tmpfs (needs root and
 * Linux), under a limit on file sizes, and watched by strace where it is installed.
 */
import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { $ } from "bun";
import type { Entry, Storage } from "../../src/storage/storage.ts";
import { append } from "../conformance/batches.ts";
import { inFolder, openIn } from "../conformance/libsql-folder.ts";
import { openLibsqlMetadataStore } from "../../src/storage/libsql/metadata.ts";
import { caught, topicId } from "../conformance/storage-world.ts";

const script = fileURLToPath(new URL("storage-disk-load.ts", import.meta.url));

async function worksHere(command: ReturnType<typeof $>): Promise<boolean> {
  return (await command.nothrow().quiet()).exitCode === 0;
}

const canMount = await inFolder(async (directory) => {
  const mounted = await worksHere($`mount -t tmpfs -o size=1m tmpfs ${directory}`);
  if (mounted) await $`umount ${directory}`;
  return mounted;
});
const canTrace = await worksHere($`strace -f -e trace=fsync true`);

const RECORD_BYTES = 60_000;

/** Appends until refused; gives the end and the error. */
async function fillUp(
  storage: Storage,
  first: number,
  bytes = RECORD_BYTES,
): Promise<{ end: number; error: unknown }> {
  for (let end = first; ; end += 1) {
    const error = await caught(
      storage.commit({
        partition: 1,
        guard: { epoch: 0, end },
        entries: [append({ base: end, bytes })],
        durability: "synced",
      }),
    );
    if (error !== null) return { end, error };
  }
}

/** What is done again and again to a disk that is hardly larger than what the file would keep for its next writes. */
async function fillAndTrim(recordBytes: number): Promise<void> {
  await inFolder(async (directory) => {
    await $`mount -t tmpfs -o size=24m tmpfs ${directory}`;
    try {
      const storage = await openIn(directory, { limits: { freeBytesMin: 0 } });
      await storage.create([{ topicId, index: 0 }]);
      let next = 0;
      for (let round = 0; round < 6; round += 1) {
        const { end, error } = await fillUp(storage, next, recordBytes);
        expect(error).toMatchObject({ kind: "full", outcome: "none" });
        await trimAndGoOn(storage, end, recordBytes);
        next = end + 1;
      }
      await storage.close();
    } finally {
      await $`umount -l ${directory}`;
    }
  });
}

/** Deletes all but the newest rows; then, once the space is back, appends again. */
async function trimAndGoOn(storage: Storage, end: number, bytes = RECORD_BYTES): Promise<void> {
  const guard = { epoch: 0, end };
  const entries = [{ type: "trim", logStart: end - 10 }] as const;
  await storage.commit({ partition: 1, guard, entries, durability: "synced" });
  for (let wait = 0; wait < 200; wait += 1) {
    const entries = [append({ base: end, bytes })];
    const error = await caught(
      storage.commit({ partition: 1, guard, entries, durability: "synced" }),
    );
    if (error === null) return;
    expect(error).toMatchObject({ name: "StorageFault", kind: "full", outcome: "none" });
    await Bun.sleep(10);
  }
  throw new Error("writes never came back");
}

describe.skipIf(!canMount)(
  `a full disk (${canMount ? "tmpfs" : "left out: cannot mount a tmpfs here"})`,
  () => {
    for (const freeBytesMin of [0, 4 * 1024 * 1024])
      test(
        `refuses writes, reads on and comes back, with ${freeBytesMin} bytes kept free`,
        () =>
          inFolder(async (directory) => {
            await $`mount -t tmpfs -o size=48m tmpfs ${directory}`;
            try {
              let storage = await openIn(directory, { limits: { freeBytesMin } });
              await storage.create([{ topicId, index: 0 }]);
              let next = 0;
              for (let round = 0; round < 4; round += 1) {
                const { end, error } = await fillUp(storage, next);
                expect(error).toMatchObject({
                  name: "StorageFault",
                  kind: "full",
                  outcome: "none",
                });
                expect(await storage.bounds(1)).toMatchObject({ end });
                const { rows } = await storage.read(1, end - 5, Infinity);
                expect(rows.map(({ base }) => base)).toEqual(
                  [5, 4, 3, 2, 1].map((back) => end - back),
                );
                expect(end - next).toBeGreaterThan(20);
                if (round === 2) {
                  await storage.close();
                  storage = await openIn(directory, { limits: { freeBytesMin } });
                  expect(await storage.bounds(1)).toMatchObject({ end });
                }
                await trimAndGoOn(storage, end);
                next = end + 1;
              }
              await storage.close();
            } finally {
              await $`umount -l ${directory}`;
            }
          }),
        60_000,
      );

    test.each([10_000, RECORD_BYTES, 300_000])(
      "comes back each time on a disk of 24 MB of which nothing is kept free, with records of %p bytes",
      async (recordBytes) => {
        for (let times = 0; times < 4; times += 1) await fillAndTrim(recordBytes);
      },
      60_000,
    );
  },
);

test.skipIf(!canMount)(
  "a checkpoint that found the disk full is tried again",
  () =>
    inFolder(async (directory) => {
      await $`mount -t tmpfs -o size=64m tmpfs ${directory}`;
      try {
        const storage = await openIn(directory, { limits: { freeBytesMin: 0 } });
        await storage.create([{ topicId, index: 0 }]);
        let end = 0;
        const write = async (): Promise<void> => {
          const entries = [append({ base: end, bytes: 60_000 })];
          const guard = { epoch: 0, end };
          await storage.commit({ partition: 1, guard, entries, durability: "synced" });
          end += 1;
        };
        while ((await storage.stats()).walBytes < 7_000_000) await write();
        // Somebody else takes all but what a few commits need.
        const { freeBytes } = await storage.stats();
        await Bun.write(`${directory}/else`, new Uint8Array(freeBytes - 1_500_000));
        while ((await caught(write())) === null);
        await Bun.sleep(100);
        await $`rm ${directory}/else`;
        for (let more = 0; more < 500; more += 1) await write();
        // A checkpoint is overdue at 12 MiB of this volume.
        expect((await storage.stats()).walBytes).toBeLessThan(16_000_000);
        await storage.close();
      } finally {
        await $`umount -l ${directory}`;
      }
    }),
  60_000,
);

test(
  "receipts do not grow the write-ahead log past its bound, written or forgotten",
  () =>
    inFolder(async (directory) => {
      const storage = await openIn(directory);
      await storage.create([{ topicId, index: 0 }]);
      let end = 0;
      let walBytes = 0;
      const look = async (): Promise<void> => {
        walBytes = Math.max(walBytes, (await storage.stats()).walBytes);
      };
      const write = async (receipts: number): Promise<void> => {
        const put = (): Entry => {
          const key = crypto.getRandomValues(new Uint8Array(32));
          return {
            type: "receipt",
            receipt: { key, last: end, expiresMs: 5, value: new Uint8Array(40) },
          };
        };
        const entries = [append({ base: end }), ...Array.from({ length: receipts }, put)];
        const guard = { epoch: 0, end };
        await storage.commit({ partition: 1, guard, entries, durability: "synced" });
        end += 1;
      };
      for (let commit = 0; commit < 20; commit += 1) await write(2000);
      for (let commit = 0; commit < 60; commit += 1) {
        await write(200);
        await look();
      }
      await storage.forgetReceipts(10);
      await look();
      expect(walBytes).toBeLessThan(70_000_000);
      await storage.close();
    }),
  60_000,
);

test(
  "whoever holds the write lock of raft.db for a while is waited for",
  () =>
    inFolder(async (directory) => {
      const faults: unknown[] = [];
      const onFailure = (fault: unknown) => faults.push(fault);
      const store = await openLibsqlMetadataStore(directory, { onFailure });
      const holder = `
        const Database = require("libsql");
        const database = new Database(process.argv[1], { timeout: 1000 });
        database.exec("BEGIN IMMEDIATE");
        console.log("held");
        setTimeout(() => process.exit(0), 6500);`;
      const child = Bun.spawn([process.execPath, "-e", holder, `${directory}/raft.db`], {
        cwd: import.meta.dir,
        stdout: "pipe",
      });
      const held = await child.stdout.getReader().read();
      expect(new TextDecoder().decode(held.value)).toContain("held");
      expect(await caught(store.append([{ index: 1, epoch: 1, command: "{}" }]))).toBeNull();
      expect((await store.load()).entries).toHaveLength(1);
      expect(faults).toEqual([]);
      await child.exited;
      await store.close();
    }),
  60_000,
);

test(
  "an I/O error stops writing for good, and what was acknowledged is there afterwards",
  () =>
    inFolder(async (directory) => {
      // A limit on file sizes makes the write past it fail, which the engine reports as an I/O error.
      const child =
        await $`bash -c ${`ulimit -f 8192; trap "" XFSZ; exec bun ${script} ${directory} until-fault`}`
          .nothrow()
          .quiet();
      const { acknowledged, fault, after, alarms } = JSON.parse(child.stdout.toString()) as Record<
        string,
        unknown
      >;
      expect(fault).toMatchObject({ kind: "io" });
      expect(after).toMatchObject({ kind: "io", outcome: "none" });
      expect(alarms).toBe(1);
      const storage = await openIn(directory);
      expect((await storage.bounds(1))?.end).toBeGreaterThanOrEqual(Number(acknowledged));
      await storage.close();
    }),
  60_000,
);

test.skipIf(!canTrace)(
  `synced commits sync, written ones do not (${canTrace ? "strace" : "left out: no strace"})`,
  () =>
    inFolder(async (directory) => {
      const syncs = async (what: string, folder: string): Promise<number> => {
        const out = `${directory}/${what}.trace`;
        await $`mkdir ${folder}`;
        await $`strace -f -e trace=fsync,fdatasync -o ${out} bun ${script} ${folder} ${what}`.quiet();
        return (await Bun.file(out).text())
          .split("\n")
          .filter((line) => /f(data)?sync\(/.test(line)).length;
      };
      const none = await syncs("none", `${directory}/none`);
      const written = await syncs("written", `${directory}/written`);
      const synced = await syncs("synced", `${directory}/synced`);
      // The first commit reserves offsets, which is synced; the other 99 are as asked.
      expect(written - none).toBeLessThanOrEqual(2);
      expect(synced - none).toBeGreaterThanOrEqual(100);
      // Of nothing: asked for to sync what was written before.
      const empty = await syncs("empty", `${directory}/empty`);
      expect(empty - none).toBeGreaterThanOrEqual(100);
    }),
  60_000,
);
