/**
 * The Workers that stand ready for the storage's channels.
 *
 * - They are started once and never ended (Bun has crashed on that): one whose channel is closed waits here for the next.
 * - A start of the node begins with one: its modules are loaded beside the main thread's own, and it opens nothing before a
 *   channel asks.
 */

/** Deno's Workers have no `unref`: one that nobody uses would keep the process. */
const canWait = "unref" in Worker.prototype;

const idle: Worker[] = [];

/** Starts a Worker for the first channel to come; it does not keep the process. */
export function startWorkerAhead(): void {
  if (!canWait) return;
  const worker = startWorker();
  worker.unref();
  idle.push(worker);
}

export function takeWorker(): Worker {
  return idle.pop() ?? startWorker();
}

/** Nothing of a channel's is open in it any more. */
export function giveBackWorker(worker: Worker): void {
  if (canWait) idle.push(worker);
  else worker.terminate();
}

function startWorker(): Worker {
  return new Worker(new URL("../worker/worker.ts", import.meta.url), { type: "module" });
}
