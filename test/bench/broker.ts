/**
 * What the broker's verbs cost without a door: appends of 1 KiB records through `broker.append` on memory storage and on the
 * libSQL file, and reads at the tail.
 *
 * `bun test/bench/broker.ts [seconds] [memory|libsql]` (1 s a line by default).
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { AppendRequest, Broker } from "../../src/broker/verbs.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";
import { systemPlatform } from "../../src/runtime/system.ts";
import { openLibsqlStorage } from "../../src/storage/libsql/libsql.ts";
import { memoryMetadataStore } from "../../src/storage/memory/metadata.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { assemble } from "../simulation/assembled.ts";
import { somebody } from "../simulation/test-node.ts";

const seconds = Number(process.argv[2] ?? 1);
const only = process.argv[3];
const { clock, random, pid, hostname, bootId } = systemPlatform();

async function openBroker(storage: Storage): Promise<Broker> {
  const { broker } = await assemble({ storage, store: memoryMetadataStore(), clock, random });
  const topic = { name: "t", partitions: 6, replicationFactor: 1, configs: {} };
  await broker.createTopic(somebody, topic);
  return broker;
}

const value = new Uint8Array(1024).fill(7);
const record = () => ({ key: null, value: value.slice(), headers: [], timestampMs: null });

interface Load {
  readonly what: string;
  readonly loops: number;
  readonly partitions: number;
  readonly records: number;
  readonly raw: boolean;
}

const loads: readonly Load[] = [
  { what: "1 record, 1 at a time", loops: 1, partitions: 1, records: 1, raw: false },
  { what: "1 record, 16 at a time", loops: 16, partitions: 1, records: 1, raw: false },
  { what: "1 record, 256 at a time", loops: 256, partitions: 1, records: 1, raw: false },
  { what: "1 record, 256 over 6", loops: 256, partitions: 6, records: 1, raw: false },
  { what: "100 records, 16 at a time", loops: 16, partitions: 1, records: 100, raw: false },
  { what: "raw batch of 16, 16 at a time", loops: 16, partitions: 1, records: 16, raw: true },
];

async function run(broker: Broker, load: Load, idempotent: boolean): Promise<string> {
  const untilMs = performance.now() + seconds * 1000;
  const before = process.cpuUsage();
  const waits: number[] = [];
  let appended = 0;
  let made = 0;
  const loop = async (index: number): Promise<void> => {
    while (performance.now() < untilMs) {
      const records = Array.from({ length: load.records }, record);
      const request: AppendRequest = {
        topic: "t",
        partition: index % load.partitions,
        acks: -1,
        payload: load.raw
          ? {
              type: "batch",
              bytes: encodeBatch(records.map((each) => ({ ...each, timestampMs: Date.now() }))),
            }
          : { type: "records", records },
        ...(idempotent ? { idempotence: { type: "key", key: `${load.what} ${(made += 1)}` } } : {}),
      };
      const started = performance.now();
      await broker.append(somebody, request);
      waits.push(performance.now() - started);
      appended += load.records;
      // As a door would: the next request comes in a later turn of the event loop.
      await clock.turn();
    }
  };
  await Promise.all(Array.from({ length: load.loops }, (_, index) => loop(index)));
  const cpu = process.cpuUsage(before);
  const sorted = waits.toSorted((a, b) => a - b);
  const percentile = (share: number) =>
    (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(2);
  const perSecond = Math.round(appended / seconds);
  const cpuMicros = ((cpu.user + cpu.system) / appended).toFixed(1);
  return `${String(perSecond).padStart(8)} records/s  ${cpuMicros.padStart(6)} us cpu/record  p50 ${percentile(0.5)} ms  p99 ${percentile(0.99)} ms`;
}

async function bench(name: string, storage: Storage): Promise<void> {
  const broker = await openBroker(storage);
  for (const load of loads) {
    console.log(`${name}  ${load.what.padEnd(30)} ${await run(broker, load, false)}`);
  }
  const keyed = {
    what: "1 record with a key, 256",
    loops: 256,
    partitions: 1,
    records: 1,
    raw: false,
  };
  console.log(`${name}  ${keyed.what.padEnd(30)} ${await run(broker, keyed, true)}`);
  await storage.close();
}

if (only !== "libsql") {
  const { memoryStorage } = await import("../../src/storage/memory/memory.ts");
  await bench("memory", memoryStorage());
}
if (only !== "memory") {
  const directory = await mkdtemp(`${tmpdir()}/kedge-bench-`);
  const identity = { pid, hostname, bootId };
  await bench(
    "libsql",
    await openLibsqlStorage({ directory, clock, process: identity, logger: silentLogger }),
  );
  await rm(directory, { recursive: true });
}
