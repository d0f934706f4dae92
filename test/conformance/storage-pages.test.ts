/**
 * The memory that a storage in a file reads large pages into: used again, shared by threads, forgotten.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { batch } from "./batches.ts";
import { clock, inFolder, openIn } from "./libsql-folder.ts";
import { fill } from "./storage-fill.ts";

/** For a busy machine: alone, the longest takes half a second. */
setDefaultTimeout(30_000);

test("large reads are exact in memory that is used again, and only once its reader is done", () =>
  inFolder(async (directory) => {
    const storage = await openIn(directory, {
      limits: { sharedBuffersBytesMax: 16 * 1024 * 1024 },
    });
    const bytes = 100_000;
    await fill(storage, 0, 130, bytes);
    const expected = Array.from({ length: 130 }, (_, base) => batch({ base, bytes }));
    const read = async (from: number, bytesMax: number) => {
      const read = await storage.read(1, from, bytesMax);
      const data = Buffer.concat(read.rows.map((row) => row.data));
      const to = from + read.rows.length;
      expect(Bun.hash(data)).toBe(Bun.hash(Buffer.concat(expected.slice(from, to))));
      return read;
    };
    const large = 8 * 1024 * 1024;
    const first = await read(0, large);
    expect(first.rows.length).toBe(83);
    const others = [await read(0, large), await read(10, large), await read(100, large)];
    expect(others.map(({ rows }) => rows.length)).toEqual([83, 83, 30]);
    const views = first.rows.map(({ data }) => data);
    expect(Buffer.concat(views).equals(Buffer.concat(expected.slice(0, 83)))).toBe(true);
    for (let again = 0; again < 20; again++) {
      const from = again % 40;
      const { rows, done } = await read(from, again % 2 === 0 ? large : large / 2 + 1);
      expect(rows.length).toBeGreaterThan(40);
      done?.();
    }
    expect(Buffer.concat(views).equals(Buffer.concat(expected.slice(0, 83)))).toBe(true);
    await storage.close();
  }));

test("memory that threads share is forgotten by both when nothing is read, and read into anew", () =>
  inFolder(async (directory) => {
    const hasty = {
      ...clock,
      monotonicMs: () => 50 * clock.monotonicMs(),
      after: (ms: number, call: () => void) => clock.after(ms / 50, call),
    };
    const storage = await openIn(directory, { clock: hasty });
    const bytes = 100_000;
    await fill(storage, 0, 30, bytes);
    const expected = Array.from({ length: 10 }, (_, base) => batch({ base, bytes }));
    const seen = new Set<unknown>();
    for (let round = 0; round < 3; round += 1) {
      for (let again = 0; again < 2; again += 1) {
        const { rows, done } = await storage.read(1, 0, 1024 * 1024);
        expect(Buffer.concat(rows.map(({ data }) => data))).toEqual(Buffer.concat(expected));
        const [buffer] = rows.map(({ data }) => data.buffer);
        expect(buffer).toBeInstanceOf(SharedArrayBuffer);
        seen.add(buffer);
        done?.();
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      hasty.after(3_000, resolve);
      await promise;
    }
    expect(seen.size).toBeGreaterThan(1);
    await storage.close();
  }));
