/**
 * What every run of clients against one node has: a clock, dice, a trace, requests that take time and may lose their answer,
 * and a node that is killed and started again over the same disk while the clients live on.
 *
 * Left out: what a client does and what must hold, which each kind of run says itself.
 */
import type { Broker } from "../../src/broker/verbs.ts";
import { Refusal } from "../../src/lib/refusal.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { MemoryDisk } from "../../src/storage/memory/disk.ts";
import { MemoryMetadataDisk } from "../../src/storage/memory/metadata.ts";
import { slowStorage } from "./faulty-storage.ts";
import { Violation } from "./ledger.ts";
import { openTestNode, type TestNode } from "./test-node.ts";
import { VirtualClock } from "./virtual-clock.ts";

interface Settings extends Pick<Parameters<typeof openTestNode>[0] & object, "groups" | "limits"> {
  /** How long the disk takes where it is slow. */
  readonly slowMsMax?: number;
}

/** How long a request or an answer is on its way at most. */
const WAY_MS = 20;
const LOST_SHARE = 0.04;
/** A client gives up on a request that nobody answers, since the node was killed. */
const REQUEST_MS = 30_000;
/** Whatever a run itself waits for is done within this. */
const UNTIL_MS = 60_000;
/** Of the trace, what a Violation shows. */
const SHOWN_STEPS = 40;

export abstract class Run {
  readonly trace: string[] = [];
  protected readonly clock = new VirtualClock();
  protected readonly disk = new MemoryDisk();
  protected node: TestNode | null = null;
  protected lives = 0;
  readonly #metadata = new MemoryMetadataDisk();
  readonly #seed: number;
  readonly #random;
  readonly #settings: Settings;
  #failure: unknown = null;
  #peace = false;

  constructor(seed: number, settings: Settings) {
    this.#seed = seed;
    this.#random = seededRandom(seed);
    this.#settings = settings;
  }

  /** Throws coordinator_not_available while there is no node. */
  get broker(): Broker {
    if (!this.node) throw new Refusal("coordinator_not_available", "The node is away.");
    return this.node.broker;
  }

  /** From here on nothing fails any more. */
  get isPeace(): boolean {
    return this.#peace;
  }

  random(): number {
    return this.#random.next();
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  note(what: string): void {
    this.trace.push(`${this.clock.nowMs() % 1e9} ${what}`);
  }

  /** The run fails when this does. */
  watch(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.after(Math.floor(ms), resolve);
    });
  }

  /** A request on its way there and back; what nobody answers times out. */
  async call<Answer>(request: () => Promise<Answer>): Promise<Answer> {
    await this.pause(this.random() * WAY_MS);
    const lost = !this.#peace && this.chance(LOST_SHARE);
    const settled = await new Promise<Answer>((resolve, reject) => {
      this.clock.after(REQUEST_MS, () => reject(timedOut()));
      Promise.resolve().then(request).then(resolve, reject);
    });
    await this.pause(this.random() * WAY_MS);
    if (lost) throw timedOut();
    return settled;
  }

  /** Throws what a watched client failed with. */
  protected checkClients(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Called with the first node of the run: what it needs before clients come. */
  protected abstract prepare(node: TestNode): Promise<void>;

  protected async start(): Promise<void> {
    this.lives += 1;
    const { slowMsMax, ...settings } = this.#settings;
    const opening = openTestNode({
      ...settings,
      disk: this.disk,
      metadata: this.#metadata,
      clock: this.clock,
      seed: this.#seed + this.lives * 1_000_003,
      wrap: (storage) => slowStorage(storage, this.clock, this.#random, slowMsMax),
    });
    this.note(`life ${this.lives} begins`);
    const node = await this.until(opening);
    node.groups.start();
    node.transactions.loadAll();
    this.watch(node.broker.transactions.abortLeftOpen());
    this.node = node;
    if (this.lives === 1) await this.prepare(node);
  }

  /** The process is killed; the clients live on. */
  protected async restart(): Promise<void> {
    this.note("the node is killed");
    const { node } = this;
    this.node = null;
    this.disk.full = false;
    this.disk.crash();
    node?.transactions.close();
    node?.groups.close();
    await this.start();
  }

  protected beginPeace(): void {
    this.note("peace");
    this.#peace = true;
    this.disk.full = false;
  }

  protected async until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const settled = promise.finally(() => {
      done = true;
    });
    settled.catch(() => {});
    for (let waitedMs = 0; waitedMs < UNTIL_MS; waitedMs += 10) {
      await this.clock.advance(10);
      if (done) return settled;
    }
    throw new Violation("something takes longer than a minute");
  }
}

/** Throws Violation, its message naming the seed and the last steps, when an invariant is broken. */
export async function held<Result>(
  name: string,
  { trace }: Run,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    const what = error instanceof Violation ? error.message : String(error);
    const last = trace.slice(-SHOWN_STEPS).join("\n  ");
    throw new Violation(`${name}: ${what}\n  ${last}`, { cause: error });
  }
}

function timedOut(): Refusal {
  return new Refusal("request_timed_out", "No answer came.");
}
