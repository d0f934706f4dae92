/**
 * One run: a seed's sequence of actions and faults, then a last life in which everything is settled and held against the
 * ledgers.
 */
import { checkCleanLog } from "./clean-log.ts";
import { Follower, Sender, SequenceProducer, UnderWay } from "./clients.ts";
import { coordinatorOf, IdempotentProducer, TransactionalProducer } from "./producers.ts";
import { Doomed } from "./doomed.ts";
import { CompactedLedger } from "./compacted-ledger.ts";
import { isKeyed } from "./keyed.ts";
import { Violation } from "./ledger.ts";
import { gather, scan } from "./scans.ts";
import { somebody } from "./test-node.ts";
import { type Place, World } from "./world.ts";

export interface Run {
  readonly trace: readonly string[];
  /** Requests that were acknowledged. */
  readonly appended: number;
  readonly lives: number;
  /** Transactions that were brought to their end, either way. */
  readonly committed: number;
  readonly aborted: number;
  /** Records that compaction took away. */
  readonly removed: number;
}

/** Throws Violation, its message naming the seed and the last steps, when an invariant is broken. */
export async function runNode(seed: number, steps: number): Promise<Run> {
  const world = new World(seed);
  try {
    return await new NodeRun(world).run(steps);
  } catch (error) {
    const last = world.trace.slice(-30).join("\n  ");
    const what = error instanceof Violation ? error.message : String(error);
    throw new Violation(`seed ${seed}: ${what}\n  ${last}\nreplay: bun run sim --seed ${seed}`, {
      cause: error,
    });
  }
}

class NodeRun {
  readonly #world: World;
  readonly #underWay: UnderWay;
  readonly #sender: Sender;
  readonly #producers: readonly (SequenceProducer | IdempotentProducer | TransactionalProducer)[];
  readonly #transactional: readonly TransactionalProducer[];
  readonly #followers: readonly Follower[];
  readonly #doomed: Doomed;
  readonly #places: readonly Place[];
  readonly #compacted: readonly Place[];

  constructor(world: World) {
    this.#world = world;
    this.#underWay = new UnderWay(world);
    this.#sender = new Sender(world, this.#underWay);
    const { places } = world.nature;
    this.#places = places;
    this.#compacted = places.filter(({ topic }) => isKeyed(topic));
    const kept = places.filter(({ topic }) => topic !== "relaxed");
    const ofTransactions = places.filter(
      ({ topic, index }) => topic === "transactional" || (topic === "compacted" && index === 0),
    );
    this.#transactional = [100n, 101n].map(
      (id) => new TransactionalProducer(world, this.#underWay, this.#sender, ofTransactions, id),
    );
    world.verifier = coordinatorOf(world, () => this.#transactional);
    this.#producers = [
      ...kept.map((place, at) => new SequenceProducer(world, this.#sender, place, `p${at % 2}`)),
      ...kept.map((place, at) => new IdempotentProducer(world, this.#sender, place, BigInt(at))),
      ...this.#transactional,
      ...this.#transactional,
    ];
    this.#doomed = new Doomed(world, this.#underWay);
    this.#followers = places.map((place) => new Follower(world, this.#underWay, place));
  }

  async run(steps: number): Promise<Run> {
    const world = this.#world;
    await world.start();
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      const passMs = world.chance(0.03) ? 3000 : Math.floor(world.random.next() * 12);
      await world.clock.advance(passMs);
      this.#look();
    }
    await this.#settle();
    let appended = 0;
    let removed = 0;
    for (const ledger of world.ledgers.values()) {
      if (ledger instanceof CompactedLedger) removed += ledger.removed;
      for (const { state } of ledger.sent) if (state === "acknowledged") appended += 1;
    }
    const ended = { committed: 0, aborted: 0 };
    for (const { ends } of this.#transactional) {
      ended.committed += ends.committed;
      ended.aborted += ends.aborted;
    }
    return { trace: world.trace, appended, lives: world.life.number, removed, ...ended };
  }

  async #step(): Promise<void> {
    const world = this.#world;
    const { disk } = world;
    // A node whose disk failed stops itself soon.
    if (world.diskFailed && world.chance(0.3)) return this.#crash();
    if (world.chance(0.3)) world.watch(world.compact());
    if (world.chance(world.nature.trims)) this.#trimSoon();
    if (world.chance(0.2)) scan(world, this.#compacted);
    if (world.chance(0.05)) world.watch(checkCleanLog(world, world.pick(this.#compacted)));
    const dice = world.random.next();
    if (dice < 0.25) this.#sender.anything();
    else if (dice < 0.53) world.pick(this.#producers).act();
    else if (dice < 0.57) this.#sender.repeat();
    else if (dice < 0.88) world.pick(this.#followers).act();
    else if (dice < 0.9) this.#trim();
    else if (dice < 0.91) this.#lookUp();
    else if (dice < 0.94) this.#doomed.act();
    else if (dice < 0.96) disk.full = !disk.full;
    else if (dice < 0.97) world.failDisk(world.pick(["before", "after"]));
    else if (dice < 0.995) await this.#crash();
    else if (!disk.ioFault && !world.diskFailed) await this.#restart();
  }

  async #crash(): Promise<void> {
    this.#world.crash(this.#world.chance(0.5));
    await this.#begin();
  }

  async #restart(): Promise<void> {
    this.#world.disk.full = false;
    await this.#world.stop();
    await this.#begin();
  }

  async #begin(): Promise<void> {
    this.#underWay.clear();
    for (const follower of this.#followers) follower.restart();
    for (const producer of this.#transactional) producer.restart();
    await this.#world.start();
    for (const place of this.#compacted) await this.#lookOver(place);
  }

  /** Reads the whole of a compacted log: of each key the newest must have come through. */
  async #lookOver(place: Place): Promise<void> {
    const ledger = this.#world.ledger(place.topic, place.index);
    if (!(ledger instanceof CompactedLedger)) return;
    const log = this.#world.logOf(place.topic, place.index);
    const certain = ledger.certain(log.ends().lastStable);
    const found = await this.#read(place);
    const { highWatermark, logStart } = log.ends();
    ledger.ends(highWatermark, logStart);
    ledger.look(found, certain);
    await this.#world.until(checkCleanLog(this.#world, place));
  }

  #look(): void {
    this.#world.check();
    this.#underWay.check();
    for (const follower of this.#followers) follower.check();
    for (const { topic, index } of this.#places) {
      const log = this.#world.logOf(topic, index);
      const { highWatermark, logStart } = log.ends();
      this.#world.ledger(topic, index).ends(highWatermark, logStart);
    }
  }

  #trim(): void {
    const { topic, index } = this.#world.pick(this.#places);
    const { highWatermark } = this.#world.ledger(topic, index);
    this.#trimTo({ topic, index }, Math.floor(this.#world.random.next() * (highWatermark + 1)));
  }

  /** A little off the front of a compacted log, while it is gone over. */
  #trimSoon(): void {
    const world = this.#world;
    const place = world.pick(this.#compacted);
    const more = 1 + Math.floor(world.random.next() * 6);
    world.watch(world.compact());
    world.clock.after(Math.floor(world.random.next() * 30), () => {
      const { logStart, highWatermark } = world.logOf(place.topic, place.index).ends();
      this.#trimTo(place, Math.min(logStart + more, highWatermark));
    });
  }

  #trimTo({ topic, index }: Place, before: number): void {
    const trimming = this.#world.broker.deleteRecords(somebody, topic, index, before);
    trimming.then(
      (logStart) => this.#world.note(`${topic}/${index} begins at ${logStart}`),
      () => {}, // A disk that failed; what it did is seen by the readers.
    );
  }

  #lookUp(): void {
    const { topic, index } = this.#world.pick(this.#places);
    const at = this.#world.pick(["earliest", "max_timestamp"] as const);
    const { life } = this.#world;
    this.#world.watch(
      this.#world.broker.findOffset(somebody, topic, index, { at }).then(({ offset }) => {
        if (!life.over) this.#world.note(`${topic}/${index} ${at}: ${offset}`);
      }),
    );
  }

  /** A last life without faults: everything unanswered is sent again, then all logs are read. */
  async #settle(): Promise<void> {
    const world = this.#world;
    world.note("the end");
    await this.#crash();
    for (let round = 0; round < 40; round += 1) {
      this.#sender.repeatUnknown();
      for (const producer of this.#producers) producer.finish();
      await world.clock.advance(6000);
      this.#look();
      if (this.#producers.every(({ settled }) => settled)) break;
    }
    if (!this.#producers.every(({ settled }) => settled)) {
      throw new Violation("a producer's requests are never answered");
    }
    await world.clock.advance(30_000);
    await world.until(world.compact());
    this.#look();
    for (const place of this.#places) {
      const ledger = world.ledger(place.topic, place.index);
      const found = await this.#read(place);
      // Time went by as it was read: retention may have moved the log start.
      const { highWatermark, logStart } = world.logOf(place.topic, place.index).ends();
      ledger.ends(highWatermark, logStart);
      ledger.settle(found);
    }
    for (const { topic, index } of this.#places) {
      const { highWatermark, lastStable } = world.logOf(topic, index).ends();
      if (lastStable !== highWatermark) {
        throw new Violation(`${topic}/${index} is stuck at ${lastStable} of ${highWatermark}`);
      }
    }
    const { node } = world.life.test;
    const left = [node.queued.bytes, node.deadlines.size, node.cache.bytes > 4000];
    if (left.some(Boolean)) throw new Violation(`something is left behind: ${left.join(", ")}`);
  }

  async #read({ topic, index }: Place): Promise<Map<number, string>> {
    const world = this.#world;
    const log = world.logOf(topic, index);
    const found = new Map<number, string>();
    let from = { next: log.logStart, epoch: -1 };
    while (from.next < log.highWatermark) {
      const request = { topic, partition: index, from: from.next, bytesMax: 1e6 };
      const options = {
        bytesMin: 0,
        bytesMax: 1e6,
        waitMs: 0,
        isolation: "read_committed" as const,
      };
      const begunMs = world.clock.monotonicMs();
      const [answer] = await world.until(world.broker.read(somebody, [request], options));
      if (answer?.refusal?.code === "offset_trimmed") {
        // Storage has trimmed the log, and the partition is about to hear of it.
        await world.clock.advance(1);
        from = { ...from, next: Math.max(from.next, log.logStart) };
        continue;
      }
      if (!answer || answer.batches.length === 0) break; // Nothing was written since the last epoch began.
      from = world.ledger(topic, index).read(from, answer, begunMs);
      gather(found, answer, log.logStart);
    }
    return found;
  }
}
