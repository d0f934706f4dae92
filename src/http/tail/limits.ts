/**
 * What a tail may cost and how long it may be silent, each named once.
 */

export interface TailLimits {
  /** Silence after which a comment is sent, so that proxies and readers know the tail is alive. */
  readonly pingMs: number;
  /** About how long an event stream lives until it ends by itself and the reader comes back: lets nodes drain. */
  readonly lifeMs: number;
  /** A reader that takes nothing for so long, while there is something for it, is dropped. */
  readonly stallMs: number;
  /** Log that is read for one tail at a time. */
  readonly readBytesMax: number;
  /** Text that is handed to a stream at a time. */
  readonly chunkLengthMax: number;
  /** Text of records that is kept for other tails of the same partitions. */
  readonly sharedLengthMax: number;
  /** WebSocket: the log is not read further while the reader has more than this still to take. */
  readonly unreadBytesMax: number;
  /** WebSocket: subscriptions of one socket. */
  readonly subscriptionsMax: number;
  /** WebSocket: records that a reader may allow in advance. */
  readonly creditMax: number;
  /** WebSocket: publications of one socket whose receipts are not yet sent, and their text. */
  readonly publishingMax: number;
  readonly publishingLengthMax: number;
  /**
   * WebSockets: what is taken from all of them together in one turn of the event loop. A message costs 1, and 1 more for
   * each 4,096 characters; one that opens or ends a subscription 32 more.
   */
  readonly costPerTurnMax: number;
  /** WebSocket: messages of one socket that wait to be taken, and their text; past it the socket is closed with 1008. */
  readonly waitingMessagesMax: number;
  readonly waitingLengthMax: number;
}

export const tailLimits: TailLimits = {
  pingMs: 5_000,
  lifeMs: 60_000,
  stallMs: 30_000,
  readBytesMax: 256 * 1024,
  chunkLengthMax: 64 * 1024,
  sharedLengthMax: 16 * 1024 * 1024,
  unreadBytesMax: 1024 * 1024,
  subscriptionsMax: 32,
  creditMax: 1_000_000,
  publishingMax: 256,
  publishingLengthMax: 16 * 1024 * 1024,
  costPerTurnMax: 256,
  waitingMessagesMax: 4_096,
  waitingLengthMax: 16 * 1024 * 1024,
};
