/**
 * A node whose disk fills up: writes are refused with 507 storage_full and Retry-After, reads go on, the node lives; once
 * there is room again, whoever made it, writes come back without a restart.
 *
 * The disk is a small tmpfs, which takes Linux and root; elsewhere the suite says so and is left out.
 */
import { expect, test } from "bun:test";
import { readdir, rm, statfs, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { freePort } from "../bench/server.ts";
import { runCli } from "../conformance/run-cli.ts";
import { DiskWriter, expectRefusal } from "./disk-writer.ts";
import { spawnNode } from "./node-process.ts";
import { canMount, fillUp, withSmallDisk } from "./small-disk.ts";

const diskMb = 256;
/** What somebody else keeps on the disk; the node leaves 32 MiB free by itself. */
const ballastMb = 100;
/** 40 MB: a delete must free more than what it writes. */
const droppedRecords = 2500;

test.if(canMount)(
  "a full disk refuses writes, serves reads, and takes writes again once there is room",
  () =>
    withSmallDisk(diskMb, async ({ directory, path }) => {
      const ballast = join(path, "ballast");
      await writeFile(ballast, Buffer.alloc(ballastMb * 1e6, 1));
      const port = await freePort();
      const origin = `http://127.0.0.1:${port}`;
      const node = spawnNode(directory, port, { data: join(path, "data") });
      try {
        await node.ready();
        const kept = new DiskWriter(origin, "kept");
        const dropped = new DiskWriter(origin, "dropped");
        await kept.create();
        await dropped.create();
        for (let count = 0; count < droppedRecords; count += 1) await dropped.write();

        await expectRefusal(await kept.fill(diskMb));
        expect((await fetch(`${origin}/livez`)).status).toBe(200);
        await kept.check();
        await dropped.check();

        // Somebody else takes the last byte.
        const greedy = fillUp(join(path, "greedy"));
        await expectRefusal(await dropped.write());
        await kept.check();
        await rm(greedy);

        await rm(ballast);
        console.log(
          `writes came back ${Math.round(await kept.recover())} ms after the ballast went`,
        );
        await kept.check();

        await expectRefusal(await kept.fill(diskMb));
        const before = kept.acked.length;
        const deleted = await fetch(`${origin}/v1/topics/dropped`, { method: "DELETE" });
        expect(deleted.status, await deleted.text()).toBe(204);
        const tookMs = Math.round(await kept.recover());
        // The room comes in steps, and deleting itself takes some: at first a write may be refused once more.
        for (let count = 0; count < 20; count += 1) await kept.recover();
        console.log(`writes came back ${tookMs} ms after a topic was deleted`);
        expect(kept.acked.length).toBeGreaterThan(before + 20);
        await kept.check();

        const { bavail, bsize } = await statfs(path);
        console.log(`${kept.acked.length} records kept, ${bavail * bsize} bytes free`);
        expect(await node.end("SIGTERM")).toBe(0);
        const again = spawnNode(directory, port, { data: join(path, "data") });
        await again.ready();
        await kept.check();
        expect(await again.end("SIGTERM")).toBe(0);
      } finally {
        if (node.child.exitCode === null) await node.end("SIGKILL");
      }
    }),
  120_000,
);

test.if(canMount)("a repair that finds no room says so, and leaves nothing", () =>
  withSmallDisk(1, async ({ directory, path }) => {
    const data = join(directory, "data");
    const node = spawnNode(directory, await freePort(), { data });
    await node.ready();
    await node.end("SIGTERM");
    const filler = fillUp(join(path, "filler"));
    const { code, err } = await runCli(["doctor", "--data", data, "--repair", join(path, "new")]);
    expect([code, err]).toEqual([1, expect.stringContaining("There is no room for")]);
    expect(await readdir(path)).toEqual([basename(filler)]);
  }),
);
