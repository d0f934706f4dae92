/**
 * What a node can be told about transactions, in the words of Kafka's broker settings.
 */
import { integer, one, type Setting, type ValuesOf } from "../../lib/setting.ts";
import { defaultTransactionLimits, type TransactionLimits } from "./limits.ts";

export const transactionSettings = {
  "transaction-max-timeout-ms": one(
    integer(1, 2 ** 31 - 1),
    "900000",
    "The longest timeout that a transactional producer may ask for.",
    "transaction.max.timeout.ms",
  ),
  "transactional-id-expiration-ms": one(
    integer(1, 2 ** 31 - 1),
    "604800000",
    "How long a transactional id without a transaction is remembered.",
    "transactional.id.expiration.ms",
  ),
  "transaction-state-log-num-partitions": one(
    integer(1, 1000),
    "50",
    "Partitions that transactional ids are spread over; fixed once the first is there.",
    "transaction.state.log.num.partitions",
  ),
} as const satisfies Record<string, Setting<unknown>>;

export function transactionLimitsOf(said: ValuesOf<typeof transactionSettings>): TransactionLimits {
  return {
    ...defaultTransactionLimits,
    timeoutMsMax: said["transaction-max-timeout-ms"],
    idleMs: said["transactional-id-expiration-ms"],
    partitions: said["transaction-state-log-num-partitions"],
  };
}
