/**
 * Topics under faults: commands that the store refuses, keeps without saying so or cannot be asked about, logs that the disk
 * will not make, crashes in the middle of any of it. Whatever was answered stands after the next start, and the logs are those
 * of the topics.
 */
import { expect, test } from "bun:test";
import { topicVerbs, type DescribedLog } from "../../src/broker/topics/topics.ts";
import type { Context } from "../../src/broker/verbs.ts";
import { Controller } from "../../src/cluster/controller.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { seededRandom, type Random } from "../../src/lib/random.ts";
import { Refusal } from "../../src/lib/refusal.ts";
import { Logs } from "../../src/log/logs.ts";
import { refuseUnclaimed } from "../../src/log/unclaimed.ts";
import { MemoryDisk } from "../../src/storage/memory/disk.ts";
import { MemoryMetadataDisk, memoryMetadataStore } from "../../src/storage/memory/metadata.ts";
import { memoryStorage } from "../../src/storage/memory/memory.ts";
import type { MetadataStore } from "../../src/storage/metadata-store.ts";
import { StorageFault, type Storage } from "../../src/storage/storage.ts";

const seeds = Number(process.env["SIM_SEEDS"] ?? 200);
const STEPS = 60;
const names = ["a", "b", "c"];
const context: Context = { principal: "User:sim", clientId: "", host: "", listener: "" };

/** How many partitions a topic has; 0: it is not there. */
type Count = number;

class World {
  readonly random: Random;
  readonly disk = new MemoryDisk();
  readonly metadata = new MemoryMetadataDisk();
  /** What each topic may be: more than one where an outcome was never learnt. */
  readonly possible = new Map<string, Set<Count>>(names.map((name) => [name, new Set([0])]));
  readonly ids = new Map<string, string>();
  readonly trace: string[] = [];
  faulty = true;
  #life = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  chance(share: number): boolean {
    return this.random.next() < share;
  }

  /** Opens a node on the disks; what an earlier one still waits for never comes. */
  async open() {
    const life = ++this.#life;
    const alive = async () => {
      if (life !== this.#life) await new Promise<never>(() => {});
    };
    const storage = this.#storage(alive);
    const { random } = this;
    const store = this.#store(alive);
    // As if each held records.
    const states = (await storage.partitions()).map((state) => ({ ...state, end: 1 }));
    const controller = await Controller.open({
      store,
      random,
      logger: silentLogger,
      snapshotCommandsMin: 5,
      check: (image, removed) => refuseUnclaimed(states, image, removed),
    });
    const logs = await Logs.open<DescribedLog>({
      storage,
      image: controller.image,
      clock: { nowMs: () => 0, monotonicMs: () => 0, after: () => ({ cancel() {} }), turn: alive },
      logger: silentLogger,
      openLog: ({ epoch }) => ({
        refresh() {},
        close() {},
        bytes: () => 0,
        ends: () => ({ logStart: 0, highWatermark: 0, lastStable: 0, epoch }),
      }),
    });
    controller.onEffects((effects) => logs.follow(effects));
    controller.holdSnapshots(() => logs.hasLeftovers);
    const verbs = topicVerbs({
      controller,
      logs,
      random,
      partitionsDefault: 1,
      configDefaults: {},
    });
    return { verbs, logs, storage, controller };
  }

  crash(): void {
    this.#life += 1;
    this.disk.crash();
  }

  #store(alive: () => Promise<void>): MetadataStore {
    const inner = memoryMetadataStore(this.metadata);
    const unknown = () => new StorageFault("io", "lost touch", { outcome: "unknown" });
    return {
      ...inner,
      load: async () => {
        await alive();
        if (this.faulty && this.#life > 1 && this.chance(0.1)) throw new StorageFault("io", "deaf");
        return inner.load();
      },
      append: async (entries) => {
        await alive();
        if (this.faulty && this.chance(0.1)) throw new StorageFault("full", "no room");
        if (this.faulty && this.chance(0.1)) throw unknown();
        await inner.append(entries);
        await alive();
        if (this.faulty && this.chance(0.1)) throw unknown();
      },
      saveSnapshot: async (snapshot) => {
        await alive();
        if (this.faulty && this.chance(0.3)) throw new StorageFault("full", "no room");
        await inner.saveSnapshot(snapshot);
      },
    };
  }

  #storage(alive: () => Promise<void>): Storage {
    const storage = memoryStorage(this.disk);
    const [create, drop] = [storage.create.bind(storage), storage.drop.bind(storage)];
    const refuseAtTimes = async () => {
      await alive();
      if (this.faulty && this.chance(0.2)) throw new StorageFault("full", "no room");
    };
    storage.create = async (keys) => {
      await refuseAtTimes();
      return create(keys);
    };
    storage.drop = async (ids) => {
      await refuseAtTimes();
      return drop(ids);
    };
    return storage;
  }
}

type Open = Awaited<ReturnType<World["open"]>>;

/** Opens until the disk lets it. */
async function opened(world: World): Promise<Open> {
  for (;;) {
    try {
      return await world.open();
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error;
      world.trace.push("start refused");
      world.crash();
    }
  }
}

/** One verb; what it may leave behind is noted before, what it answered after. */
async function step(world: World, { verbs }: Open): Promise<void> {
  const name = names[Math.floor(world.random.next() * names.length)] ?? "a";
  const before = world.possible.get(name) ?? new Set();
  const kind = ["create", "delete", "grow"][Math.floor(world.random.next() * 3)] ?? "create";
  const partitions = 1 + Math.floor(world.random.next() * 3);
  const wanted = new Set([...before].map((count) => outcome(kind, count, partitions)));
  world.possible.set(name, new Set([...before, ...wanted]));
  let answer = "done";
  try {
    if (kind === "create") {
      await verbs.createTopic(context, { name, partitions, replicationFactor: -1, configs: {} });
    } else if (kind === "delete") await verbs.deleteTopic(context, name);
    else await verbs.alterTopic(context, name, { partitions });
    const there = new Set([...wanted].filter((count) => count > 0));
    world.possible.set(
      name,
      kind === "create" ? new Set([partitions]) : kind === "grow" ? there : wanted,
    );
  } catch (error) {
    if (error instanceof Refusal) {
      // Refused for what the topic is, which tells something of what it was.
      const told = new Map<string, (count: Count) => boolean>([
        ["topic_already_exists", (count) => count > 0],
        ["unknown_topic_or_partition", (count) => count === 0],
        ["invalid_partitions", (count) => count > partitions],
      ]).get(error.code);
      world.possible.set(name, new Set([...before].filter(told ?? (() => true))));
      answer = error.code;
    } else if (error instanceof StorageFault) {
      if (error.outcome === "none") world.possible.set(name, new Set(before));
      answer = `fault ${error.outcome}`;
    } else throw error;
  }
  world.trace.push(`${kind} ${name} ${partitions}: ${answer}`);
}

/** What the verb makes of a topic, should it be granted. */
function outcome(kind: string, count: Count, partitions: Count): Count {
  if (kind === "create") return count === 0 ? partitions : count;
  if (kind === "delete") return 0;
  return count === 0 ? 0 : Math.max(count, partitions);
}

/** Every topic is what it may be, and is that from now on; an id belongs to one topic for ever. */
function check(world: World, { verbs }: Open): void {
  const listed = new Map(verbs.listTopics(context).map((topic) => [topic.name, topic]));
  for (const [name, possible] of world.possible) {
    const topic = listed.get(name);
    const count = topic?.partitions ?? 0;
    expect([...possible], `${name} after ${world.trace.join("; ")}`).toContain(count);
    world.possible.set(name, new Set([count]));
    if (!topic) continue;
    expect(world.ids.get(topic.id) ?? name).toBe(name);
    world.ids.set(topic.id, name);
  }
}

async function run(seed: number): Promise<World> {
  const world = new World(seed);
  let node = await opened(world);
  for (let at = 0; at < STEPS; at++) {
    const work = step(world, node);
    if (world.chance(0.15)) {
      for (let turns = Math.floor(world.random.next() * 12); turns > 0; turns--)
        await Promise.resolve();
      world.crash();
      world.trace.push("crash");
      node = await opened(world);
      check(world, node);
    } else {
      await work;
    }
  }
  world.crash();
  world.faulty = false;
  node = await opened(world);
  check(world, node);
  const kept = (await node.storage.partitions()).map(({ topicId, index }) => `${topicId}/${index}`);
  const due = verbsPartitions(node);
  expect(kept.sort(compare)).toEqual(due.sort(compare));
  return world;
}

function verbsPartitions({ verbs }: Open): string[] {
  return verbs
    .listTopics(context)
    .flatMap(({ id, partitions }) => Array.from({ length: partitions }, (_, at) => `${id}/${at}`));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : 1;
}

test(`${seeds} seeds: what was answered stands, and the logs are those of the topics`, async () => {
  const seen = { unknown: 0, crash: 0, snapshots: 0, done: 0 };
  for (let seed = 1; seed <= seeds; seed++) {
    const { trace, metadata } = await run(seed);
    seen.unknown += trace.filter((line) => line.endsWith("fault unknown")).length;
    seen.crash += trace.filter((line) => line === "crash").length;
    seen.done += trace.filter((line) => line.endsWith("done")).length;
    seen.snapshots += Number(metadata.snapshot !== null);
  }
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(seeds / 2);
}, 60_000);

test("the same seed gives the same trace", async () => {
  for (const seed of [3, 33]) expect((await run(seed)).trace).toEqual((await run(seed)).trace);
});
