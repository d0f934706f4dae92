/**
 * What one HTTP door may cost, each bound named once. Those that a user may set are in config.ts.
 */

export interface HttpLimits {
  /** A request body as sent, and as decoded from gzip or zstd. */
  readonly bodyBytesMax: number;
  /** Large bodies and lines under way, over all connections, by what they may become; past it they are not read on. */
  readonly bodiesBytesMax: number;
  /** The longest that a large body waits for room. */
  readonly bodyWaitMs: number;
  /** A large body that falls so far behind a slow line is cut off where others wait for its room. */
  readonly bodySlowMs: number;
  /** One line of an NDJSON upload. */
  readonly lineBytesMax: number;
  /** Records in one JSON envelope or one line group. */
  readonly recordsMax: number;
  /** Topics that one request may name, and that one upload of lines may make. */
  readonly topicsMax: number;
  /** Commas in a JSON body that brings no records: what its schema costs goes by values. */
  readonly valuesMax: number;
  /** Bytes of an NDJSON upload that were read and not yet answered by receipts; past it reading stops. */
  readonly streamBytesMax: number;
  /** A request that takes longer has its connection held; less than what a runtime takes for idle. */
  readonly holdAfterMs: number;
  /** How long a body may be under way of which no room is asked; a larger one has `requestMs`, lines have no limit. */
  readonly bodyMs: number;
  /** How long a body, or an upload of lines, may go on being under way once the node has begun to stop. */
  readonly stoppingMs: number;
  /** How long any request but a stream may take in all; its outcome is unknown after that. */
  readonly requestMs: number;
  /** The longest `wait_ms`: networks kill longer holds. */
  readonly waitMsMax: number;
  readonly fetchRecordsMax: number;
  readonly fetchBytesMax: number;
  /**
   * Large answers that were made and not yet taken by their clients, over all connections; past it pages get shorter. Half as
   * much again may be in the making, and as much again may tails hold.
   */
  readonly answerBytesMax: number;
  /** Answers from this size on are large: they go out in pieces, and are counted until they are taken. */
  readonly answerPiecesMin: number;
  readonly answerPieceBytes: number;
  /** What a page may still have while `answerBytesMax` is used up. */
  readonly answerBytesShort: number;
  /** A client that takes no piece of its answer for so long is cut off. */
  readonly answerStallMs: number;
  /** The same where others wait for the room that it, or a tail, holds. */
  readonly stallPressedMs: number;
  /** The longest that an answer waits for room. */
  readonly answerWaitMs: number;
  /** Partitions in one POST /v1/fetch. */
  readonly fetchPartitionsMax: number;
  /** What one batch may decode to. */
  readonly decompressedBytesMax: number;
  /** Topics on one page of the list. */
  readonly pageMax: number;
  /** Answers below this are not worth compressing. */
  readonly compressBytesMin: number;
  /** Answers being compressed at once; others go out plain. */
  readonly compressionsMax: number;
  /** Partitions that /metrics shows one by one; the rest are left out and counted. */
  readonly metricPartitionsMax: number;
  /** Groups, and partitions that groups have committed, that /metrics shows one by one; the rest are left out and counted. */
  readonly metricGroupPartitionsMax: number;
  /** Batches that /metrics looks up to say how old a group's lag is; the rest are left out and counted. */
  readonly metricLagReadsMax: number;
}

export const httpLimits: HttpLimits = {
  bodyBytesMax: 16 * 1024 * 1024,
  bodiesBytesMax: 64 * 1024 * 1024,
  bodyWaitMs: 30_000,
  bodySlowMs: 5_000,
  lineBytesMax: 10 * 1024 * 1024,
  recordsMax: 10_000,
  topicsMax: 100,
  valuesMax: 10_000,
  streamBytesMax: 4 * 1024 * 1024,
  holdAfterMs: 5_000,
  bodyMs: 30_000,
  stoppingMs: 2_500,
  requestMs: 60_000,
  waitMsMax: 25_000,
  fetchRecordsMax: 10_000,
  fetchBytesMax: 8 * 1024 * 1024,
  answerBytesMax: 64 * 1024 * 1024,
  answerPiecesMin: 128 * 1024,
  answerPieceBytes: 512 * 1024,
  answerBytesShort: 32 * 1024,
  answerStallMs: 30_000,
  stallPressedMs: 3_000,
  answerWaitMs: 30_000,
  fetchPartitionsMax: 1_000,
  decompressedBytesMax: 64 * 1024 * 1024,
  pageMax: 1_000,
  compressBytesMin: 1_024,
  compressionsMax: 4,
  metricPartitionsMax: 10_000,
  metricGroupPartitionsMax: 10_000,
  metricLagReadsMax: 500,
};
