/**
 * Looking for damage on the node's disk: one partition's log, span by span, as it was when this began.
 */
import { badAnswer } from "./errors.ts";
import { isText, isWhole, listOf, membersOf } from "./shape.ts";
import type { Transport } from "./transport.ts";

/** What the node found in a part of a log. */
export interface LogCheck {
  /** The offsets looked at: from `from` to below `next`. */
  readonly from: number;
  readonly next: number;
  /** Where the log ended. */
  readonly end: number;
  readonly batches: number;
  readonly bytes: number;
  /** Offsets that cannot be read, from `from` to below `next`, and why. */
  readonly damaged: readonly {
    readonly from: number;
    readonly next: number;
    readonly why: string;
  }[];
}

const isCheck = membersOf<LogCheck>({
  from: isWhole,
  next: isWhole,
  end: isWhole,
  batches: isWhole,
  bytes: isWhole,
  damaged: listOf(membersOf({ from: isWhole, next: isWhole, why: isText })),
});

/** @throws KedgeError `unknown_topic_or_partition`; `not_found` by a node that cannot do it. */
export async function* checkLog(
  transport: Transport,
  topic: string,
  partition: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogCheck, void, void> {
  let from: number | undefined;
  let end: number | undefined;
  do {
    const call = {
      method: "GET",
      path: ["v1", "topics", topic, "partitions", partition, "check"],
      query: { from },
      repeatable: true,
      signal,
    } as const;
    const check: LogCheck = await transport.json(call, isCheck);
    end ??= check.end;
    if (check.next < end && check.next <= (from ?? check.from))
      throw badAnswer("The node does not move on.", 200);
    from = check.next;
    yield check;
  } while (from < end);
}
