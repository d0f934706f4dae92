/**
 * The Kafka door's named limits: nothing in this room grows past one of them. Kafka's own name stands beside each that has
 * one; those a user may set are in config.ts.
 */

export interface KafkaLimits {
  /** The largest request (`socket.request.max.bytes`). */
  readonly requestBytesMax: number;
  /** Requests taken in and not yet answered, over all connections (`queued.max.request.bytes`); small ones are not counted. */
  readonly requestsBytesMax: number;
  /** The same for one connection; a single larger request still goes, alone. */
  readonly requestsBytesPerConnection: number;
  /** Large requests whose answers wait for something to happen (JoinGroup, SyncGroup, Fetch), over all connections. */
  readonly waitingBytesMax: number;
  /** What a client in the midst of a large request must send in `stallPressedMs` where others wait for the room it holds. */
  readonly requestBytesPressedMin: number;
  /** In so many such spans it must fill the room that it holds. */
  readonly looksPressedMax: number;
  /** Requests of one connection that are not yet answered (`max.in.flight.requests.per.connection` of most clients is 5). */
  readonly requestsPerConnection: number;
  /** Produce requests of one connection that are begun before others get their turn; of other kinds an eighth. */
  readonly producesPerTurn: number;
  /** The same for all connections together: some 5 ms of small requests. */
  readonly producesPerTurnOfAll: number;
  /** A connection that has more than this unsent is not read any further until its client takes some. */
  readonly unsentBytesPerConnection: number;
  /** Fetched records that clients have not taken yet, over all connections; past it answers get shorter, then wait. */
  readonly unsentBytesMax: number;
  /** A connection that does nothing for so long is closed (`connections.max.idle.ms`). */
  readonly idleMs: number;
  /** A client that takes nothing of what is ready for it, or stops in the midst of a request, is cut off after this. */
  readonly stallMs: number;
  /** The same where others wait for the room that its answers, or its request, take. */
  readonly stallPressedMs: number;
  /** The most that one Fetch gives (`fetch.max.bytes` of a broker). */
  readonly fetchBytesMax: number;
  /** The longest that a request may wait for what it asks. */
  readonly waitMsMax: number;
  /** `max.incremental.fetch.session.cache.slots`. */
  readonly fetchSessionsMax: number;
  /** Partitions in all fetch sessions together. */
  readonly fetchSessionPartitionsMax: number;
}

const MiB = 1024 * 1024;

export const kafkaLimits: KafkaLimits = {
  requestBytesMax: 100 * MiB,
  requestsBytesMax: 24 * MiB,
  requestsBytesPerConnection: 12 * MiB,
  waitingBytesMax: 64 * MiB,
  requestBytesPressedMin: 64 * 1024,
  looksPressedMax: 10,
  requestsPerConnection: 128,
  producesPerTurn: 64,
  producesPerTurnOfAll: 512,
  unsentBytesPerConnection: MiB,
  unsentBytesMax: 64 * MiB,
  idleMs: 600_000,
  stallMs: 60_000,
  stallPressedMs: 3_000,
  fetchBytesMax: 55 * MiB,
  waitMsMax: 300_000,
  fetchSessionsMax: 1_000,
  fetchSessionPartitionsMax: 200_000,
};
