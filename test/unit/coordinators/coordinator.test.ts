/**
 * The driver: nothing is seen before it is kept, one turn at a time, failures without trace, loading, timers.
 */
import { describe, expect, test } from "bun:test";
import { partitionOf, javaHashCode } from "../../../src/coordinators/key-hash.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { Refusal } from "../../../src/lib/refusal.ts";
import { type Storage, StorageFault } from "../../../src/storage/storage.ts";
import { openTestNode, type TestNode } from "../../simulation/test-node.ts";
import { counters } from "./world.ts";

async function now<T>({ clock }: TestNode, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await clock.settle();
  return promise;
}

async function refused(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "granted",
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );
}

test("keys are placed as Java's hash places them", () => {
  expect(javaHashCode("hello")).toBe(99162322);
  expect(javaHashCode("polygenelubricants")).toBe(-(2 ** 31));
  expect(partitionOf("polygenelubricants", 50)).toBe(0);
  expect(partitionOf("hello", 50)).toBe(22);
});

describe("a key", () => {
  test("is answered once its record is synced, and the topic is made on first use", async () => {
    const node = await openTestNode();
    const driver = counters(node);
    expect(driver.state("c")).toBeNull();
    const added = driver.submit<number>("c", (ticket) => ({ type: "add", by: 2, ticket }));
    expect(await now(node, added)).toBe(2);
    expect(driver.state("c")?.total).toBe(2);
  });

  test("a disk that refuses leaves no trace; the same works later", async () => {
    const { node, driver } = await begun();
    node.disk.full = true;
    const failing = driver.submit<number>("c", (ticket) => ({ type: "add", by: 5, ticket }));
    expect(await now(node, refused(failing))).toBe("coordinator_not_available");
    expect(driver.state("c")?.total).toBe(1);
    node.disk.full = false;
    const again = driver.submit<number>("c", (ticket) => ({ type: "add", by: 5, ticket }));
    expect(await now(node, again)).toBe(6);
  });

  test("what is larger than the topic takes is refused for good, and the core makes an end of it", async () => {
    const { node, driver } = await begun({ turnBytesMax: 50_000 });
    const write = (bytes: number) =>
      refused(driver.submit<number>("c", (ticket) => ({ type: "write", bytes, ticket })));
    expect(await now(node, write(200_000))).toBe("state_too_large");
    await node.clock.settle();
    expect(driver.state("c")).toBeNull();
    // Each of these fits by itself, and is not refused for its neighbours.
    const sizes = [1, 40_000, 40_000, 90_000, 40_000];
    const outcomes = await now(node, Promise.all(sizes.map(write)));
    expect(outcomes).toEqual(sizes.map(() => "granted"));
  });

  test("what waits is stepped in order and shares an append; parked requests are answered by a later step", async () => {
    const { node, driver } = await begun();
    const parked = driver.submit<number>("c", (ticket) => ({ type: "park", ticket }));
    const sums = [1, 2, 3].map((by) =>
      driver.submit<number>("c", (ticket) => ({ type: "add", by, ticket })),
    );
    expect(await now(node, Promise.all(sums))).toEqual([2, 4, 7]);
    expect(await parked).toBe(2);
    expect(driver.waiting).toBe(0);
  });

  test("a timer that is moved does not fire; one that fires writes, and comes again when it could not", async () => {
    const { node, driver } = await begun();
    await node.clock.advance(600);
    await now(
      node,
      driver.submit<number>("c", (ticket) => ({ type: "beat", ticket })),
    );
    await node.clock.advance(600);
    expect(driver.state("c")?.total).toBe(1);
    node.disk.full = true;
    await node.clock.advance(600);
    expect(driver.state("c")?.total).toBe(1);
    node.disk.full = false;
    await node.clock.advance(600);
    expect(driver.state("c")).toBeNull();
    expect(node.node.deadlines.size).toBe(0);
  });

  test("is bounded in what waits", async () => {
    const { node, driver } = await begun({ mailboxMax: 2, ticketsMax: 5 });
    const add = () => driver.submit<number>("c", (ticket) => ({ type: "add", by: 1, ticket }));
    const outcomes = await now(node, Promise.all([add(), add(), add(), add()].map(refused)));
    expect(outcomes).toEqual(["granted", "granted", "granted", "coordinator_not_available"]);
    const parked = Array.from({ length: 7 }, () =>
      driver.submit<number>("c", (ticket) => ({ type: "park", ticket })),
    );
    const late = await now(node, Promise.all(parked.slice(5).map(refused)));
    expect(late).toEqual(["coordinator_not_available", "coordinator_not_available"]);
    driver.close();
    expect(await refused(Promise.race(parked))).toBe("coordinator_not_available");
  });
});

describe("a shard", () => {
  test("is read back after a restart; who asks meanwhile is told so", async () => {
    const { node, driver } = await begun();
    await now(
      node,
      driver.submit<number>("c", (ticket) => ({ type: "add", by: 9, ticket })),
    );
    driver.close();
    node.clock.abandon();
    node.disk.crash();
    const { disk, metadata, clock } = node;
    const next = await openTestNode({ disk, metadata, clock });
    const restarted = counters(next);
    restarted.loadAll();
    expect(() => restarted.state("c")).toThrow("reading its log");
    await next.clock.settle();
    expect(restarted.state("c")?.total).toBe(10);
    await next.clock.advance(1100);
    expect(restarted.state("c")).toBeNull();
  });

  test("that the disk damaged is read again now and then, not all the time; a failing disk soon", async () => {
    const { node } = await begun();
    node.clock.abandon();
    node.disk.crash();
    const { disk, metadata, clock } = node;
    let kind: StorageFault["kind"] = "damaged";
    let reads = 0;
    const wrap = (storage: Storage): Storage => {
      storage.read = () => {
        reads += 1;
        return Promise.reject(new StorageFault(kind, "a page"));
      };
      return storage;
    };
    const next = await openTestNode({ disk, metadata, clock, wrap });
    counters(next).loadAll();
    await next.clock.settle();
    reads = 0;
    await next.clock.advance(50_000);
    expect(reads).toBe(0);
    kind = "io";
    await next.clock.advance(60_000);
    expect(reads).toBeGreaterThan(50);
  });

  test.each([true, false])(
    "that cannot read its log says so, unless it was closed: %p",
    async (closed) => {
      const { node, driver } = await begun();
      driver.close();
      node.clock.abandon();
      node.disk.crash();
      const { disk, metadata, clock } = node;
      let reading = (): void => {};
      const wrap = (storage: Storage): Storage => {
        storage.read = async () => {
          reading();
          throw new StorageFault("closed", "the storage is closed");
        };
        return storage;
      };
      const warned: string[] = [];
      const logger = { ...silentLogger, warn: (what: string) => void warned.push(what) };
      const next = await openTestNode({ disk, metadata, clock, wrap });
      const restarted = counters(next, {}, logger);
      if (closed) reading = () => restarted.close();
      restarted.loadAll();
      await clock.settle();
      expect(warned).toEqual(closed ? [] : [expect.stringContaining("could not read its log")]);
      restarted.close();
    },
  );

  test.each([true, false])(
    "after an outcome that nobody knows it is loaded anew from what the log holds (kept: %p)",
    async (kept) => {
      let failing = false;
      const lost = () => new StorageFault("io", "no answer", { outcome: "unknown" });
      const { node, driver } = await begun({}, (storage) => {
        const commit = storage.commit.bind(storage);
        const bounds = storage.bounds.bind(storage);
        storage.commit = async (change) => {
          if (!failing || kept) await commit(change);
          if (failing) throw lost();
        };
        storage.bounds = (id) => (failing ? Promise.reject(lost()) : bounds(id));
        return storage;
      });
      const parked = refused(driver.submit<number>("c", (ticket) => ({ type: "park", ticket })));
      failing = true;
      const adding = driver.submit<number>("c", (ticket) => ({ type: "add", by: 4, ticket }));
      expect(await now(node, refused(adding))).toBe("coordinator_not_available");
      expect(() => driver.state("c")).toThrow("reading its log");
      expect(await parked).toBe("coordinator_not_available");
      failing = false;
      await node.clock.advance(600);
      expect(driver.state("c")?.total).toBe(kept ? 5 : 1);
      const again = driver.submit<number>("c", (ticket) => ({ type: "add", by: 1, ticket }));
      expect(await now(node, again)).toBe(kept ? 6 : 2);
    },
  );
});

async function begun(limits = {}, wrap = (storage: Storage): Storage => storage) {
  const node = await openTestNode({ wrap });
  const driver = counters(node, limits);
  await now(node, driver.locate("c"));
  driver.loadAll();
  await node.clock.settle();
  await now(
    node,
    driver.submit<number>("c", (ticket) => ({ type: "add", by: 1, ticket })),
  );
  return { node, driver };
}
