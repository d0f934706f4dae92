/**
 * The clients of the simulated node: one that appends whatever comes, producers with sequences, readers that follow.
 */
import type { AppendAnswer, AppendRequest, Idempotence } from "../../src/broker/verbs.ts";
import { Refusal, type RefusalName } from "../../src/lib/refusal.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";
import { StorageFault } from "../../src/storage/storage.ts";
import { recordsOf } from "./keyed.ts";
import { type Ledger, type Sent, type Standing, Violation } from "./ledger.ts";
import { somebody } from "./test-node.ts";
import type { Place, World } from "./world.ts";

/** The longest that an append or a read may take: the early requests' 5 s, and a slow disk. */
const PATIENCE_MS = 15_000;
/** What a batch is refused with whose producer's last ones are not known any more. */
const FORGOTTEN: ReadonlySet<RefusalName> = new Set([
  "out_of_order_sequence_number",
  "invalid_producer_epoch",
  "invalid_txn_state",
]);
/** Several slow reads one after the other. */
const SOON_MS = 2500;

/** What is under way in the current life, and since when. */
export class UnderWay {
  readonly #world: World;
  readonly #since = new Map<object, { readonly what: string; readonly untilMs: number }>();

  constructor(world: World) {
    this.#world = world;
  }

  begin(token: object, what: string, patienceMs: number): void {
    this.#since.set(token, { what, untilMs: this.#world.clock.monotonicMs() + patienceMs });
  }

  end(token: object): void {
    this.#since.delete(token);
  }

  /** The node is gone, and its promises with it. */
  clear(): void {
    this.#since.clear();
  }

  check(): void {
    const nowMs = this.#world.clock.monotonicMs();
    for (const { what, untilMs } of this.#since.values()) {
      if (nowMs > untilMs) throw new Violation(`${what} is stuck`);
    }
  }
}

/** Sends requests and keeps the ledger. */
export class Sender {
  readonly #world: World;
  readonly #underWay: UnderWay;
  readonly #repeatable: { place: Place; sent: Sent; idempotence: Idempotence }[] = [];
  #made = 0;

  constructor(world: World, underWay: UnderWay) {
    this.#world = world;
    this.#underWay = underWay;
  }

  make(place: Place, repeatable: boolean): Sent {
    const count = 1 + Math.floor(this.#world.random.next() * 3);
    const contents = Array.from({ length: count }, () => `c${(this.#made += 1)}`);
    const sentMs = this.#world.clock.monotonicMs();
    const sent: Sent = { contents, repeatable, state: "unknown", base: null, sentMs };
    this.#world.ledger(place.topic, place.index).sent.push(sent);
    return sent;
  }

  /** A request of its own: plain, with a key, or with an expectation. */
  anything(): void {
    const { random } = this.#world;
    const place = this.#world.pick(this.#world.nature.places);
    const keyed = this.#world.chance(0.4);
    const sent = this.make(place, keyed);
    const more: Partial<AppendRequest> = {};
    if (keyed) {
      const idempotence: Idempotence = { type: "key", key: `key of ${sent.contents[0]}` };
      this.#repeatable.push({ place, sent, idempotence });
      if (this.#world.chance(0.2)) this.send(place, sent, { idempotence });
      this.send(place, sent, { idempotence });
      return;
    }
    const ledger = this.#world.ledger(place.topic, place.index);
    if (this.#world.chance(0.1)) {
      Object.assign(more, { expectOffset: ledger.highWatermark + Math.floor(random.next() * 2) });
    }
    this.send(place, sent, { ...more, acks: this.#world.pick([-1, -1, 1]) });
  }

  /** Sends something again that can be repeated. */
  repeat(): void {
    if (this.#repeatable.length === 0) return;
    const { place, sent, idempotence } = this.#world.pick(this.#repeatable.slice(-30));
    this.send(place, sent, { idempotence });
  }

  /** Everything that may be repeated and has no answer yet. */
  repeatUnknown(): void {
    for (const { place, sent, idempotence } of this.#repeatable) {
      if (sent.state !== "acknowledged") this.send(place, sent, { idempotence });
    }
  }

  /** `isOwed` says of what was acknowledged before that it must be known as a duplicate still. */
  send(
    place: Place,
    sent: Sent,
    more: Partial<AppendRequest>,
    isOwed: () => boolean = () => false,
  ): void {
    const world = this.#world;
    const request: AppendRequest = {
      topic: place.topic,
      partition: place.index,
      acks: -1,
      payload: payloadOf(place, sent),
      ...more,
    };
    const token = {};
    const ledger = world.ledger(place.topic, place.index);
    if (sent.state !== "acknowledged") sent.state = "pending";
    this.#underWay.begin(token, `the append of ${sent.contents[0]}`, PATIENCE_MS);
    world.watch(
      world.broker.append(somebody, request).then(
        (answer) => {
          this.#underWay.end(token);
          this.#answered(ledger, sent, answer);
        },
        (error) => {
          this.#underWay.end(token);
          this.#failed(ledger, sent, error, isOwed);
        },
      ),
    );
  }

  #answered(ledger: Ledger, sent: Sent, answer: AppendAnswer): void {
    const { baseOffset, duplicate } = answer;
    this.#world.note(`${ledger.name} has ${sent.contents[0]} at ${baseOffset} ${duplicate}`);
    ledger.acknowledged(sent, baseOffset, duplicate);
  }

  #failed(ledger: Ledger, sent: Sent, error: unknown, isOwed: () => boolean): void {
    const refused = error instanceof Refusal;
    if (!refused && !(error instanceof StorageFault)) throw error;
    this.#world.note(
      `${ledger.name} fails ${sent.contents[0]}: ${refused ? error.code : error.kind}`,
    );
    if (sent.state === "acknowledged") {
      if (!refused || !FORGOTTEN.has(error.code) || !isOwed()) return;
      throw new Violation(`${ledger.name}: ${sent.contents[0]} is forgotten: ${error.code}`);
    }
    const without = refused || error.outcome === "none";
    // A repeatable one may have been tried before, with an outcome that nobody knows.
    sent.state = without && !sent.repeatable ? "refused" : "unknown";
  }
}

function payloadOf({ topic }: Place, { contents }: Sent): AppendRequest["payload"] {
  const records = recordsOf(topic, contents);
  const kind = Number(contents[0]?.slice(1)) % 4;
  if (kind > 1) return { type: "records", records };
  return { type: "batch", bytes: encodeBatch(records, { codec: kind === 0 ? "gzip" : "none" }) };
}

/** A producer with a sequence in one partition: up to four requests under way, sent again until they are answered. */
export class SequenceProducer {
  readonly #world: World;
  readonly #sender: Sender;
  readonly #place: Place;
  readonly #name: string;
  #epoch = 0;
  #next = 0;
  #open: { readonly sequence: number; readonly sent: Sent }[] = [];

  constructor(world: World, sender: Sender, place: Place, name: string) {
    this.#world = world;
    this.#sender = sender;
    this.#place = place;
    this.#name = name;
  }

  get settled(): boolean {
    return this.#unanswered().length === 0;
  }

  act(): void {
    const open = this.#unanswered();
    if (open.length === 0 && this.#world.chance(0.1)) this.#bump();
    if (open.length < 4 && this.#world.chance(0.7)) {
      const sent = this.#sender.make(this.#place, true);
      this.#open.push({ sequence: this.#next, sent });
      this.#next += 1;
      this.#send(this.#next - 1, sent);
    } else {
      this.finish();
    }
  }

  /** Sends again what has no answer, in any order. */
  finish(): void {
    const open = this.#unanswered().filter(({ sent }) => sent.state !== "pending");
    const order = this.#world.chance(0.5) ? open : open.toReversed();
    for (const { sequence, sent } of order) this.#send(sequence, sent);
  }

  #bump(): void {
    this.#epoch += 1;
    this.#next = 0;
    this.#open = [];
  }

  #unanswered() {
    this.#open = this.#open.filter(({ sent }) => sent.state !== "acknowledged");
    return this.#open;
  }

  #send(sequence: number, sent: Sent): void {
    const idempotence: Idempotence = {
      type: "sequence",
      producerId: this.#name,
      epoch: this.#epoch,
      sequence,
    };
    this.#sender.send(this.#place, sent, { idempotence });
  }
}

/** Follows one partition by long polls and looks at everything it is given. */
export class Follower {
  readonly #world: World;
  readonly #underWay: UnderWay;
  readonly #place: Place;
  #standing: Standing = { next: 0, epoch: -1 };
  #reading = false;
  /** What the read under way waits for, and since when that is there. */
  #bytesMin = 0;
  #readableMs: number | null = null;

  constructor(world: World, underWay: UnderWay, place: Place) {
    this.#world = world;
    this.#underWay = underWay;
    this.#place = place;
  }

  /** The node is gone: so is the answer. */
  restart(): void {
    this.#reading = false;
    this.#readableMs = null;
    if (this.#world.chance(0.3)) this.#standing = { next: this.#ledger.logStart, epoch: -1 };
  }

  /** A poll for anything at all is answered soon after something is there, not at its deadline. */
  check(): void {
    const { clock } = this.#world;
    if (!this.#reading || this.#bytesMin > 1) return;
    if (!this.#ledger.hasReadable(this.#standing.next, this.#stableEnd())) return;
    this.#readableMs ??= clock.monotonicMs();
    if (clock.monotonicMs() - this.#readableMs > SOON_MS) {
      throw new Violation(
        `a poll of ${this.#place.topic}/${this.#place.index} sleeps over records`,
      );
    }
  }

  #stableEnd(): number {
    return this.#world.logOf(this.#place.topic, this.#place.index).ends().lastStable;
  }

  act(): void {
    if (this.#reading) return;
    this.#reading = true;
    const { life, random } = this.#world;
    const token = {};
    const waitMs = Math.floor(random.next() * 9000);
    const bytesMin = this.#world.chance(0.5) ? 1 : Math.floor(random.next() * 300);
    this.#bytesMin = bytesMin;
    this.#readableMs = null;
    const { topic, index: partition } = this.#place;
    const request = {
      topic,
      partition,
      from: this.#standing.next,
      bytesMax: this.#world.pick([1, 500, 1e6]),
    };
    const options = { bytesMin, bytesMax: 1e6, waitMs, isolation: "read_committed" as const };
    const begunMs = this.#world.clock.monotonicMs();
    this.#underWay.begin(token, `the read of ${topic}/${partition}`, waitMs + PATIENCE_MS);
    const reading = this.#world.broker.read(somebody, [request], options).then(([answer]) => {
      this.#underWay.end(token);
      if (life.over || !answer) return;
      this.#reading = false;
      const { refusal, highWatermark, logStart } = answer;
      this.#world.note(
        `${topic}/${partition} read ${this.#standing.next}: ${refusal?.code ?? highWatermark}`,
      );
      this.#ledger.ends(highWatermark, logStart);
      const { epoch } = this.#standing;
      if (refusal?.code === "offset_trimmed") this.#standing = { next: logStart, epoch };
      else if (refusal) throw new Violation(`a reader of ${topic} got ${refusal.code}`);
      else this.#standing = this.#ledger.read(this.#standing, answer, begunMs);
    });
    this.#world.watch(reading);
  }

  get #ledger(): Ledger {
    return this.#world.ledger(this.#place.topic, this.#place.index);
  }
}
