/**
 * The named limits of transactions.
 */

export interface TransactionLimits {
  /** `transaction.max.timeout.ms` */
  readonly timeoutMsMax: number;
  /** `transactional.id.expiration.ms` */
  readonly idleMs: number;
  /** `add.partitions.to.txn.retry.backoff.max.ms` */
  readonly completionWaitMs: number;
  /** `transaction.state.log.num.partitions` */
  readonly partitions: number;
}

export const defaultTransactionLimits: TransactionLimits = {
  timeoutMsMax: 15 * 60 * 1_000,
  idleMs: 7 * 24 * 60 * 60 * 1_000,
  completionWaitMs: 100,
  partitions: 50,
};
