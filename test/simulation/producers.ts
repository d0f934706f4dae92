/**
 * Clients with Kafka producers: idempotent ones with several batches under way, and transactional ones with a coordinator that
 * outlives every node. What they are told, and what readers see of them, is held against the ledger.
 *
 * - A transaction is committed only when all its batches were acknowledged, else aborted; its markers are written again and
 *   again until every partition has taken them. Its records may be seen from the moment that it is decided to commit.
 */
import { Refusal } from "../../src/lib/refusal.ts";
import type {
  TransactionVerifier,
  VerifyRequest,
} from "../../src/log/transactions/verification.ts";
import { encodeBatch } from "../../src/records/batch-encode.ts";
import { StorageFault } from "../../src/storage/storage.ts";
import { recordsOf } from "./keyed.ts";
import type { Sender, UnderWay } from "./clients.ts";
import type { Sent, SentTransaction } from "./ledger.ts";
import { somebody } from "./test-node.ts";
import type { Place, World } from "./world.ts";

const UNDER_WAY_MAX = 5;
const SEQUENCES = 2 ** 31;
const PATIENCE_MS = 15_000;

interface Open {
  readonly sequence: number;
  readonly sent: Sent;
  readonly epoch: number;
}

/** One producer's batches in one partition: up to five under way, sent again in order until they are answered. */
class Batches {
  readonly place: Place;
  readonly #world: World;
  readonly #sender: Sender;
  readonly #producerId: bigint;
  readonly #transactionalId: string | null;
  #epoch = 0;
  #next: number;
  #open: Open[] = [];
  /** The last five of the epoch, which the node knows again. */
  #recent: Open[] = [];

  constructor(
    world: World,
    sender: Sender,
    place: Place,
    producerId: bigint,
    transactionalId: string | null,
    sequence: number,
  ) {
    this.#world = world;
    this.#sender = sender;
    this.place = place;
    this.#producerId = producerId;
    this.#transactionalId = transactionalId;
    this.#next = sequence;
  }

  get unanswered(): readonly Open[] {
    this.#open = this.#open.filter(({ sent }) => sent.state !== "acknowledged");
    return this.#open;
  }

  /** A new epoch begins at sequence 0; what was under way is given up. */
  renew(epoch: number): void {
    this.#epoch = epoch;
    this.#next = 0;
    this.#open = [];
    this.#recent = [];
  }

  /** Sends another batch, unless five are under way or one has to be sent again first; gives what it sent. */
  send(transaction: SentTransaction | null): Sent | null {
    if (this.unanswered.length >= UNDER_WAY_MAX) return null;
    if (this.unanswered.some(({ sent }) => sent.state !== "pending")) return null;
    const sent = this.#sender.make(this.place, true);
    if (transaction) {
      sent.transaction = transaction;
      this.#world.ledger(this.place.topic, this.place.index).inTransaction(sent);
    }
    const open = { sequence: this.#next, sent, epoch: this.#epoch };
    this.#open.push(open);
    this.#recent = [...this.#recent.slice(1 - UNDER_WAY_MAX), open];
    this.#next = (this.#next + sent.contents.length) % SEQUENCES;
    this.#send(open);
    return sent;
  }

  /** Sends again what has no answer; at times all of the last five, as if no answer had come through. */
  again(): void {
    const again = this.#world.chance(0.3) ? this.#recent : this.unanswered;
    for (const open of again) if (open.sent.state !== "pending") this.#send(open);
  }

  #send({ sequence, sent, epoch }: Open): void {
    const records = recordsOf(this.place.topic, sent.contents);
    const transactionalId = this.#transactionalId;
    const bytes = encodeBatch(records, {
      codec: this.#world.chance(0.2) ? "gzip" : "none",
      producerId: this.#producerId,
      producerEpoch: this.#epoch,
      baseSequence: sequence,
      transactional: transactionalId !== null,
    });
    const request = {
      payload: { type: "batch" as const, bytes },
      ...(transactionalId ? { transactional: { transactionalId, support: "joins" as const } } : {}),
    };
    const isOwed = () => epoch === this.#epoch && (sent.transaction?.state ?? "open") === "open";
    this.#sender.send(this.place, sent, request, isOwed);
  }
}

export class IdempotentProducer {
  readonly #world: World;
  readonly #batches: Batches;
  #epoch = 0;

  constructor(world: World, sender: Sender, place: Place, producerId: bigint) {
    this.#world = world;
    // Some begin just before sequences are used up.
    const first = producerId % 2n === 0n ? SEQUENCES - 7 : 0;
    this.#batches = new Batches(world, sender, place, producerId, null, first);
  }

  get settled(): boolean {
    return this.#batches.unanswered.length === 0;
  }

  act(): void {
    if (this.settled && this.#world.chance(0.05)) this.#batches.renew((this.#epoch += 1));
    if (this.#world.chance(0.3) || !this.#batches.send(null)) this.finish();
  }

  finish(): void {
    this.#batches.again();
  }
}

/** One transactional id: its coordinator, and the producer that uses it. */
export class TransactionalProducer {
  readonly transactionalId: string;
  readonly #world: World;
  readonly #underWay: UnderWay;
  readonly #producerId: bigint;
  readonly #batches: readonly Batches[];
  readonly ends = { committed: 0, aborted: 0 };
  #epoch = 0;
  #transaction: SentTransaction = { state: "open" };
  #sent = 0;
  /** Which partitions the coordinator knows to be part of the transaction, and which of them have its marker. */
  #partitions = new Set<Place>();
  #marked = new Set<Place>();
  #marking = new Map<Place, object>();

  constructor(
    world: World,
    underWay: UnderWay,
    sender: Sender,
    places: readonly Place[],
    producerId: bigint,
  ) {
    this.#world = world;
    this.#underWay = underWay;
    this.#producerId = producerId;
    this.transactionalId = `x${producerId}`;
    this.#batches = places.map(
      (place) => new Batches(world, sender, place, producerId, this.transactionalId, 0),
    );
  }

  /** Nothing has been sent since the last transaction was brought to its end. */
  get settled(): boolean {
    return this.#sent === 0 && this.#transaction.state === "open";
  }

  act(): void {
    if (this.#transaction.state !== "open") return this.#mark();
    if (this.#sent > 0 && this.#world.chance(0.25)) return this.#end();
    if (this.#world.chance(0.3)) return this.#again();
    if (this.#world.pick(this.#batches).send(this.#transaction)) this.#sent += 1;
  }

  finish(): void {
    if (this.settled) return;
    if (this.#transaction.state === "open") {
      if (this.#unanswered > 0 && this.#world.chance(0.7)) return this.#again();
      this.#end();
    }
    this.#mark();
  }

  /** What the coordinator says: it adds the partition, unless the transaction is ending or the epoch is another. */
  verify({ producerEpoch, topic, partition }: VerifyRequest): void {
    if (producerEpoch !== this.#epoch) throw new Refusal("producer_fenced", "another epoch");
    if (this.#transaction.state !== "open") throw new Refusal("concurrent_transactions", "ending");
    const found = this.#batches.find(
      ({ place }) => place.topic === topic && place.index === partition,
    );
    if (found) this.#partitions.add(found.place);
  }

  /** The node is gone: so are the answers. */
  restart(): void {
    this.#marking.clear();
  }

  get #unanswered(): number {
    return this.#batches.reduce((sum, { unanswered }) => sum + unanswered.length, 0);
  }

  #again(): void {
    for (const batches of this.#batches) batches.again();
  }

  #end(): void {
    const commit = this.#unanswered === 0 && this.#world.chance(0.7);
    this.#transaction.state = commit ? "committed" : "aborted";
    this.#world.note(`${this.transactionalId} epoch ${this.#epoch}: ${this.#transaction.state}`);
    this.#mark();
  }

  #mark(): void {
    for (const place of this.#partitions) {
      if (!this.#marked.has(place) && !this.#marking.has(place)) this.#markOne(place);
    }
    if (this.#marked.size < this.#partitions.size) return;
    this.ends[this.#transaction.state === "committed" ? "committed" : "aborted"] += 1;
    this.#epoch += 1;
    for (const batches of this.#batches) batches.renew(this.#epoch);
    this.#transaction = { state: "open" };
    this.#sent = 0;
    this.#partitions = new Set();
    this.#marked = new Set();
  }

  #markOne(place: Place): void {
    const { broker, life } = this.#world;
    const topic = broker.listTopics(somebody).find(({ name }) => name === place.topic);
    const token = {};
    this.#marking.set(place, token);
    this.#underWay.begin(token, `a marker of ${this.transactionalId}`, PATIENCE_MS);
    const marker = {
      producerId: this.#producerId,
      producerEpoch: this.#epoch + 1,
      coordinatorEpoch: life.number,
      commit: this.#transaction.state === "committed",
      transactionVersion: 2,
    };
    const answered = (marked: boolean): void => {
      this.#underWay.end(token);
      if (life.over || this.#marking.get(place) !== token) return;
      this.#marking.delete(place);
      if (marked) this.#marked.add(place);
    };
    this.#world.watch(
      broker.producers.appendMarker(somebody, topic?.id ?? "", place.index, marker).then(
        () => answered(true),
        (error) => {
          answered(false);
          if (!(error instanceof Refusal) && !(error instanceof StorageFault)) throw error;
          const { code } = error instanceof Refusal ? error : { code: error.kind };
          this.#world.note(`a marker of ${this.transactionalId} fails: ${code}`);
          // Nobody else writes markers: what is said to be late or foreign is a bug.
          if (code === "invalid_producer_epoch" || code === "transaction_coordinator_fenced")
            throw error;
        },
      ),
    );
  }
}

/** The coordinator of all of them, asked from a node: the answer takes a while. */
export function coordinatorOf(
  world: World,
  producers: () => readonly TransactionalProducer[],
): TransactionVerifier {
  return {
    async verify(request) {
      const pause = () =>
        new Promise<void>((resolve) => {
          world.clock.after(Math.floor(world.random.next() * 5), resolve);
        });
      await pause();
      const found = producers().find(
        ({ transactionalId }) => transactionalId === request.transactionalId,
      );
      found?.verify(request);
      await pause();
    },
  };
}
