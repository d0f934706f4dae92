/**
 * What a one-shot transaction is refused for, found out before it touches a partition: a refusal then leaves no record and no
 * marker behind, and moves no offset.
 *
 * - What only the append itself can tell (another writer came in between) is left to it.
 */
import { Refusal } from "../../lib/refusal.ts";
import { offsetMismatch } from "../../log/appending/append-request.ts";
import type { Partition } from "../../log/partition.ts";
import { checkRecord } from "../../log/appending/record-rules.ts";
import { checkMayChange } from "../access.ts";
import type { TransactPart } from "./transact.ts";

type LogOf = (topic: string, partition: number) => Promise<Partition>;

/** Throws what the append of one of the parts would be refused with as the logs stand. */
export async function checkParts(logOf: LogOf, parts: readonly TransactPart[]): Promise<void> {
  for (const { topic, partition, records, expectOffset } of parts) {
    checkMayChange(topic);
    const log = await logOf(topic, partition);
    log.checkTakes(-1);
    const nowMs = log.node.clock.nowMs();
    for (const record of records) checkRecord(record, log.config, nowMs);
    if (expectOffset !== undefined && expectOffset !== log.writtenEnd) {
      throw offsetMismatch(expectOffset, log.writtenEnd);
    }
  }
}

/** How long a transaction that is open in the partition is waited for, and how often. */
const LOOKS_MAX = 5;
const LOOK_MS_MIN = 10;

/**
 * The refusal of an offset that was not met, with the offset that a next try may expect: where a transaction is open in the
 * partition, its marker takes an offset too, so that it is waited for a moment (310 ms).
 */
export async function staleExpectation(
  logOf: LogOf,
  parts: readonly TransactPart[],
  pause: (waitMs: number) => Promise<void>,
): Promise<Refusal | null> {
  for (const { topic, partition, expectOffset } of parts) {
    if (expectOffset === undefined) continue;
    const log = await logOf(topic, partition);
    for (let looks = 0; looks < LOOKS_MAX && log.lastStable < log.highWatermark; looks += 1) {
      await pause(LOOK_MS_MIN * 2 ** looks);
    }
    if (expectOffset === log.writtenEnd) continue;
    const { code, message, facts } = offsetMismatch(expectOffset, log.writtenEnd);
    return new Refusal(code, message, { ...facts, topic, partition });
  }
  return null;
}
