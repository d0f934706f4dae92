/**
 * What `/readyz` and `/metrics` ask of the whole node: its storage, its memory, how late its event loop runs.
 *
 * - A full disk leaves the node ready, since reads go on; a lost one does not.
 * - The event loop is watched from the first time that somebody asks: the watching itself wakes an idle process.
 */
import { family } from "../http/metrics/exposition.ts";
import type { NodeProbes, ReadinessCheck } from "../http/probes.ts";
import type { LoopLagWatch, Platform } from "../lib/platform.ts";
import { StorageFault, type Storage, type StorageStats } from "../storage/storage.ts";

interface ProbeOptions {
  readonly storage: Storage;
  readonly platform: Platform;
  /** Aborted once the node stops: it is ready no longer. */
  readonly stopping: AbortSignal;
}

const MS_IN_SECOND = 1_000;

export function nodeProbes({ storage, platform, stopping }: ProbeOptions): NodeProbes {
  let lag: LoopLagWatch | null = null;
  return {
    async checks() {
      return [{ name: "serving", ready: !stopping.aborted }, await checkStorage(storage)];
    },
    async metrics() {
      lag ??= platform.watchLoopLag();
      return [...processMetrics(platform, lag), ...storageMetrics(await storage.stats())].join(
        "\n",
      );
    },
  };
}

async function checkStorage(storage: Storage): Promise<ReadinessCheck> {
  try {
    const { freeBytes, refusing } = await storage.stats();
    return { name: "storage", ready: true, detail: refusing ?? `${freeBytes} bytes free` };
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    return { name: "storage", ready: false, detail: error.message };
  }
}

function processMetrics({ memory }: Platform, lag: LoopLagWatch): string[] {
  const { residentBytes, heapBytes } = memory();
  const { p50Ms, p99Ms, maxMs } = lag.read();
  const late = [
    { labels: 'quantile="0.5"', value: p50Ms / MS_IN_SECOND },
    { labels: 'quantile="0.99"', value: p99Ms / MS_IN_SECOND },
    { labels: 'quantile="1"', value: maxMs / MS_IN_SECOND },
  ];
  return [
    gauge("process_resident_memory_bytes", "Memory of the process.", residentBytes),
    gauge("kedge_heap_bytes", "Memory of JavaScript objects.", heapBytes),
    family(
      "kedge_event_loop_lag_seconds",
      "gauge",
      "How late the event loop ran since the last scrape.",
      late,
    ),
  ];
}

function storageMetrics(stats: StorageStats): string[] {
  const metrics = [
    gauge("kedge_storage_db_bytes", "Size of the database file.", stats.databaseBytes),
    gauge("kedge_storage_wal_bytes", "Size of the write-ahead log.", stats.walBytes),
    counter("kedge_storage_commits_total", "Transactions committed.", stats.commits),
    counter("kedge_storage_syncs_total", "Transactions synced to disk.", stats.syncs),
  ];
  if (Number.isFinite(stats.freeBytes)) {
    metrics.push(gauge("kedge_storage_free_bytes", "Space left on the volume.", stats.freeBytes));
  }
  return metrics;
}

function gauge(name: string, help: string, value: number): string {
  return family(name, "gauge", help, [{ labels: "", value }]);
}

function counter(name: string, help: string, value: number): string {
  return family(name, "counter", help, [{ labels: "", value }]);
}
