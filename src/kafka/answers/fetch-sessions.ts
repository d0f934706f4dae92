/**
 * Fetch sessions (KIP-227): a client names its partitions once, then only what changed, and hears only of what has news.
 *
 * - A session belongs to whoever knows its number, not to a connection; its epoch counts the requests, so that a lost answer
 *   is noticed (invalid_fetch_session_epoch) and the client begins anew.
 * - At most `fetchSessionsMax`: a new one takes the place of one that nobody used for two minutes, else of a smaller one that
 *   is as old; else its client is told that there is none, which every client understands. One that grows past the room for
 *   partitions ends.
 * - A session knows its topics by name or by id, never both (fetch_session_topic_id_error).
 */
import type { Steps } from "../../lib/async.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { KafkaLimits } from "../limits.ts";

const NO_SESSION = 0;
/** The epoch of a request that wants a new session. */
const INITIAL_EPOCH = 0;
/** The epoch of a request that wants none, or ends the one it names. */
const FINAL_EPOCH = -1;
/** Kafka's `min.incremental.fetch.session.eviction.ms`. */
const EVICTION_MS = 120_000;
/** Partitions that are noted between two steps, and about what one takes. */
const PARTITIONS_PER_STEP = 500;
const PARTITION_COST = 1_000;

/** A partition as a Fetch names it: `topic` is a name, or an id where `byId` says so. */
export interface FetchPartition {
  readonly topic: string;
  readonly partition: number;
  readonly fetchOffset: number;
  readonly bytesMax: number;
  /** -1: not known to the client. */
  readonly leaderEpoch: number;
  /** That of the record before `fetchOffset`; below 0: not told. */
  readonly lastEpoch: number;
  /** What the id was the id of, when it was last looked at. */
  name?: string | undefined;
}

/** What the client was last told of a partition. */
export interface Told {
  highWatermark: number;
  logStart: number;
}

export interface SessionPartition extends FetchPartition, Told {}

/** What one Fetch is about. */
export interface FetchScope {
  /** In the order in which they are to be read. */
  readonly partitions: Iterable<FetchPartition>;
  /** To be told to the client; 0: there is none. */
  readonly sessionId: number;
  /** Set where only what changed is to be told. */
  readonly incremental: FetchSession | null;
}

export interface FetchAsk {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly byId: boolean;
  readonly partitions: readonly FetchPartition[];
  readonly forgotten: readonly { readonly topic: string; readonly partition: number }[];
}

export class FetchSession {
  readonly id: number;
  readonly byId: boolean;
  readonly createdMs: number;
  /** The one that the next request must bear. */
  epoch = 1;
  usedMs: number;
  readonly #partitions = new Map<string, SessionPartition>();

  constructor(id: number, byId: boolean, nowMs: number) {
    this.id = id;
    this.byId = byId;
    this.createdMs = nowMs;
    this.usedMs = nowMs;
  }

  get size(): number {
    return this.#partitions.size;
  }

  partitions(): Iterable<SessionPartition> {
    return this.#partitions.values();
  }

  set(partition: FetchPartition): void {
    const key = keyOf(partition);
    const { highWatermark = -1, logStart = -1, name } = this.#partitions.get(key) ?? {};
    this.#partitions.set(key, { ...partition, highWatermark, logStart, name });
  }

  forget(partition: { readonly topic: string; readonly partition: number }): void {
    this.#partitions.delete(keyOf(partition));
  }

  /** Notes what is about to be told; true when it is news. What gave records goes to the end of the line. */
  isNews(
    of: FetchPartition,
    told: Told,
    { failed, records }: { failed: boolean; records: boolean },
  ): boolean {
    const key = keyOf(of);
    const known = this.#partitions.get(key);
    if (!known) return true;
    const changed = known.highWatermark !== told.highWatermark || known.logStart !== told.logStart;
    known.logStart = told.logStart;
    // After an error the partition is told again, whatever it says.
    known.highWatermark = failed ? -1 : told.highWatermark;
    if (records) {
      this.#partitions.delete(key);
      this.#partitions.set(key, known);
    }
    return changed || failed || records;
  }
}

export class FetchSessions {
  readonly #limits: KafkaLimits;
  readonly #clock: Clock;
  readonly #random: Random;
  /** The least recently used first. */
  readonly #sessions = new Map<number, FetchSession>();
  #partitions = 0;

  constructor(limits: KafkaLimits, clock: Clock, random: Random) {
    this.#limits = limits;
    this.#clock = clock;
    this.#random = random;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * What the request is about, its session brought up to date; of many partitions in steps, for nobody else asks before the
   * answer has told the session's number, or its next epoch. Throws the Refusal that Kafka gives.
   */
  *open(ask: FetchAsk): Steps<FetchScope> {
    const { sessionId, sessionEpoch, partitions } = ask;
    if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
      if (sessionId !== NO_SESSION) this.#remove(sessionId);
      const session = sessionEpoch === FINAL_EPOCH ? null : this.#create(ask);
      // As in Kafka: who names everything forgets nothing.
      if (session) yield* this.#note(session, { ...ask, forgotten: [] });
      return { partitions, sessionId: session?.id ?? NO_SESSION, incremental: null };
    }
    const session = this.#continued(ask);
    const before = session.size;
    yield* this.#note(session, ask);
    if (session.size > before && this.#partitions > this.#limits.fetchSessionPartitionsMax) {
      this.#remove(sessionId);
      throw new Refusal(
        "fetch_session_id_not_found",
        "The fetch session has grown past what is kept; ask for all of its partitions at once.",
      );
    }
    if (session.size === 0) {
      this.#remove(sessionId);
      return { partitions, sessionId: NO_SESSION, incremental: null };
    }
    return { partitions: session.partitions(), sessionId, incremental: session };
  }

  /** The session that a full fetch has begun, to note what its first answer tells. */
  session(id: number): FetchSession | null {
    return this.#sessions.get(id) ?? null;
  }

  /** Adds, then forgets, what the request says, in Kafka's order; one that was removed meanwhile counts no more. */
  *#note(session: FetchSession, { forgotten, partitions }: FetchAsk): Steps<void> {
    let noted = 0;
    for (const each of partitions) {
      this.#change(session, () => session.set(each));
      noted += 1;
      if (noted % PARTITIONS_PER_STEP === 0) yield PARTITIONS_PER_STEP * PARTITION_COST;
    }
    for (const each of forgotten) {
      this.#change(session, () => session.forget(each));
      noted += 1;
      if (noted % PARTITIONS_PER_STEP === 0) yield PARTITIONS_PER_STEP * PARTITION_COST;
    }
  }

  #change(session: FetchSession, change: () => void): void {
    const before = session.size;
    change();
    if (this.#sessions.get(session.id) === session) this.#partitions += session.size - before;
  }

  #continued({ sessionId, sessionEpoch, byId }: FetchAsk): FetchSession {
    const session = this.#sessions.get(sessionId);
    if (!session) {
      throw new Refusal("fetch_session_id_not_found", `There is no fetch session ${sessionId}.`);
    }
    if (session.epoch !== sessionEpoch) {
      throw new Refusal(
        "invalid_fetch_session_epoch",
        `The fetch session is at epoch ${session.epoch}, not ${sessionEpoch}.`,
      );
    }
    if (session.byId !== byId) {
      throw new Refusal(
        "fetch_session_topic_id_error",
        "A fetch session knows its topics by name or by id, not by both.",
      );
    }
    session.epoch = session.epoch === 2 ** 31 - 1 ? 1 : session.epoch + 1;
    session.usedMs = this.#clock.monotonicMs();
    this.#sessions.delete(sessionId);
    this.#sessions.set(sessionId, session);
    return session;
  }

  #create({ partitions, byId }: FetchAsk): FetchSession | null {
    if (!this.#makeRoom(partitions.length)) return null;
    let id = 0;
    while (id === NO_SESSION || this.#sessions.has(id)) {
      id = 1 + Math.floor(this.#random.next() * (2 ** 31 - 2));
    }
    const session = new FetchSession(id, byId, this.#clock.monotonicMs());
    this.#sessions.set(id, session);
    return session;
  }

  #makeRoom(partitions: number): boolean {
    const { fetchSessionsMax, fetchSessionPartitionsMax } = this.#limits;
    const full = () =>
      this.#sessions.size >= fetchSessionsMax ||
      this.#partitions + partitions > fetchSessionPartitionsMax;
    while (full()) {
      const evicted = this.#evictable(partitions);
      if (!evicted) return false;
      this.#remove(evicted.id);
    }
    return true;
  }

  #evictable(partitions: number): FetchSession | null {
    const nowMs = this.#clock.monotonicMs();
    const [oldest] = this.#sessions.values();
    if (oldest && nowMs - oldest.usedMs > EVICTION_MS) return oldest;
    let smallest: FetchSession | null = null;
    for (const session of this.#sessions.values()) {
      if (nowMs - session.createdMs <= EVICTION_MS || session.size >= partitions) continue;
      if (!smallest || session.size < smallest.size) smallest = session;
    }
    return smallest;
  }

  #remove(id: number): void {
    this.#partitions -= this.#sessions.get(id)?.size ?? 0;
    this.#sessions.delete(id);
  }
}

function keyOf({
  topic,
  partition,
}: {
  readonly topic: string;
  readonly partition: number;
}): string {
  return `${partition} ${topic}`;
}
