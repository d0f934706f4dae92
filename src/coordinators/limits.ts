/**
 * The coordinators' named limits: nothing in this room grows past one of them.
 */

export interface CoordinatorLimits {
  /** Groups, or transactional ids, over all shards. */
  readonly keysMax: number;
  /** About how many bytes their states may take together, where a core counts them (`groups/bytes.ts`). */
  readonly stateBytesMax: number;
  /** Inputs that wait for one key. */
  readonly mailboxMax: number;
  /** Requests of all keys that wait for an answer, parked ones too. */
  readonly ticketsMax: number;
  /** Inputs stepped before their records are appended. */
  readonly turnInputsMax: number;
  /** Their records together; what a single input writes may be larger, up to its topic's `max.message.bytes`. */
  readonly turnBytesMax: number;
  /** How long one turn, or one slice of loading, may keep the event loop. */
  readonly sliceMs: number;
  /** Bytes of log read at once while a shard is loaded. */
  readonly loadBytes: number;
  /** After how long what failed without anybody waiting for it is tried again. */
  readonly retryMs: number;
  /** The same where the disk gives back other bytes than were written: nobody knows who mends that. */
  readonly damagedRetryMs: number;
}

export const defaultCoordinatorLimits: CoordinatorLimits = {
  keysMax: 200_000,
  stateBytesMax: 256 * 1024 * 1024,
  mailboxMax: 10_000,
  ticketsMax: 100_000,
  turnInputsMax: 512,
  turnBytesMax: 256 * 1024,
  sliceMs: 5,
  loadBytes: 1024 * 1024,
  retryMs: 500,
  damagedRetryMs: 60_000,
};
