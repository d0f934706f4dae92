/**
 * The producers that run the node's one-shot transactions: each has a transactional id of its own, which is the same after a
 * restart, and runs one transaction at a time. More callers than producers wait in line, bounded.
 *
 * - What a process that was killed left open under these ids nobody else can finish, and it would hold up who reads committed
 *   records until it times out. `abortLeftOpen` fences it off as the next producer of the id would. What was decided already is
 *   completed by the coordinator as it loads.
 * - Left out: ids above today's number of producers, if a version before had more; they time out.
 */
import type { TransactionCoordinator } from "../../coordinators/transactions/coordinator.ts";
import type { ProducerIdentity } from "../../coordinators/transactions/state.ts";
import { Lanes, mapAsync } from "../../lib/async.ts";
import { Refusal } from "../../lib/refusal.ts";

/** Transactional ids that begin with it are the node's own. */
const OWN_IDS = "__kedge-transact-";
/** Transactions at a time; each has a transactional id of its own. */
const PRODUCERS_MAX = 32;
const WAITING_MAX = 1_000;
/** A transaction that nobody ends is aborted after this. */
const TIMEOUT_MS = 60_000;
/** Ids that are looked at together, and how often; after that (more than a minute) what was left has timed out. */
const LOOKS_AT_ONCE = 8;
const LOOKS_MAX = 70;
const LOOK_MS_MIN = 10;
const LOOK_MS_MAX = 1_000;

export interface OneShotProducer {
  readonly transactionalId: string;
  /** Null until it has been taken, and after a failure that leaves it in doubt. */
  identity: ProducerIdentity | null;
}

export interface OneShotProducersOptions {
  readonly nodeId: number;
  readonly coordinator: Pick<TransactionCoordinator, "init" | "state">;
  /** Waits this long, for what is tried again. */
  readonly pause: (waitMs: number) => Promise<void>;
}

/**
 * Refuses a client that would be the producer of such an id: it would fence the node's own off, and a start would abort what
 * the client left open.
 */
export function checkMayBegin(transactionalId: string): void {
  if (!transactionalId.startsWith(OWN_IDS)) return;
  throw new Refusal(
    "transactional_id_authorization_failed",
    `Transactional ids that begin with "${OWN_IDS}" are the node's own; choose another.`,
  );
}

export class OneShotProducers {
  readonly #options: OneShotProducersOptions;
  readonly #all: readonly OneShotProducer[];
  /** The last is taken first: as few ids as possible are ever used. */
  readonly #free: OneShotProducer[];
  readonly #waiting: ((producer: OneShotProducer) => void)[] = [];

  constructor(options: OneShotProducersOptions) {
    this.#options = options;
    this.#all = Array.from({ length: PRODUCERS_MAX }, (_, at) => ({
      transactionalId: `${OWN_IDS}${options.nodeId}-${at + 1}`,
      identity: null,
    }));
    this.#free = this.#all.toReversed();
  }

  /** Runs a task with a producer that nobody else has meanwhile. @throws Refusal throttling_quota_exceeded; what the task throws. */
  async run<T>(task: (producer: OneShotProducer) => Promise<T>): Promise<T> {
    const producer = await this.#take();
    try {
      return await task(producer);
    } finally {
      this.#giveBack(producer);
    }
  }

  /** The producer's identity, asked of the coordinator where it has none. @throws Refusal, as the coordinator's `init`. */
  async identify(producer: OneShotProducer): Promise<ProducerIdentity> {
    const { transactionalId } = producer;
    const init = { transactionalId, timeoutMs: TIMEOUT_MS, expected: null };
    producer.identity ??= await this.#options.coordinator.init(init);
    return producer.identity;
  }

  /** Aborts what the process before left open, once the coordinator has loaded; callers may come meanwhile. Called at start. */
  async abortLeftOpen(): Promise<void> {
    const lanes = new Lanes(LOOKS_AT_ONCE);
    await mapAsync(this.#all, (producer) => lanes.run(() => this.#abortLeftOpen(producer)));
  }

  async #abortLeftOpen(producer: OneShotProducer): Promise<void> {
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      try {
        // Who has taken it since the start has ended what was open before.
        if (producer.identity !== null || !this.#isOpen(producer)) return;
        const at = this.#free.indexOf(producer);
        if (at !== -1) return await this.#fence(producer, at);
      } catch (error) {
        // Its coordinator loads, or could not keep it.
        if (!(error instanceof Refusal)) throw error;
        if (error.code === "concurrent_transactions") return; // So it is told once it is fenced: the abort is under way.
      }
      await this.#options.pause(Math.min(LOOK_MS_MIN * 2 ** looks, LOOK_MS_MAX));
    }
  }

  #isOpen({ transactionalId }: OneShotProducer): boolean {
    return this.#options.coordinator.state(transactionalId)?.status === "Ongoing";
  }

  async #fence(producer: OneShotProducer, at: number): Promise<void> {
    this.#free.splice(at, 1);
    try {
      await this.identify(producer);
    } finally {
      this.#giveBack(producer);
    }
  }

  #take(): Promise<OneShotProducer> {
    const free = this.#free.pop();
    if (free) return Promise.resolve(free);
    if (this.#waiting.length >= WAITING_MAX) {
      throw new Refusal("throttling_quota_exceeded", "Too many transactions at once; try again.");
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #giveBack(producer: OneShotProducer): void {
    const next = this.#waiting.shift();
    if (next) next(producer);
    else this.#free.push(producer);
  }
}
