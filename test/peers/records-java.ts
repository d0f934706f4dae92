/**
 * Kafka's own Java codec of record batches as a child process (`Records.java`).
 */
import { type Java, startJava } from "./java.ts";

interface JavaBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly codec: string;
  readonly leaderEpoch: number;
  readonly records: readonly unknown[];
}

interface Answer {
  readonly error?: string;
  readonly batch?: string;
  readonly batches?: readonly JavaBatch[];
}

export type JavaRecords = Java<Answer>;

export function startJavaRecords(): JavaRecords {
  return startJava<Answer>("Records.java");
}
