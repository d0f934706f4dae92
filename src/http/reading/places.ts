/**
 * From a place in a log as people name it to an offset, and what to do when that offset is no longer, or not yet, there.
 */
import type { Isolation, ReadAnswer } from "../../broker/verbs.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Call } from "../route.ts";
import type { FromSpec } from "../schema/fetch.ts";

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/** The offset that `spec` names just now. */
export async function offsetOf(
  call: Call,
  { topic, partition }: PartitionName,
  spec: FromSpec,
  isolation: Isolation,
): Promise<number> {
  const { broker } = call.door;
  const find = (...spec: Parameters<typeof broker.findOffset>[3][]) =>
    Promise.all(spec.map((each) => broker.findOffset(call.context, topic, partition, each)));
  switch (spec.at) {
    case "offset":
      return spec.offset;
    case "timestamp": {
      const [found] = await find({ at: "timestamp", timestampMs: spec.timestampMs, isolation });
      if (found && found.offset >= 0) return found.offset;
      break;
    }
    case "earliest":
    case "max_timestamp": {
      const [found] = await find(spec.at === "earliest" ? spec : { ...spec, isolation });
      if (found && found.offset >= 0) return found.offset;
      break;
    }
    case "tail": {
      const [end] = await find({ at: "latest", isolation });
      if (end) return Math.max(end.logStart, end.offset - spec.count);
      break;
    }
    case "latest":
      break;
  }
  const [latest] = await find({ at: "latest", isolation });
  return latest?.offset ?? 0;
}

/** Where a reader who asked to be clamped goes on after this refusal; null when that cannot help. */
export function clamped(answer: ReadAnswer): number | null {
  const code = answer.refusal?.code;
  if (code === "offset_trimmed") return answer.logStart;
  if (code === "offset_out_of_range") return answer.highWatermark;
  return null;
}

/** True for what `earliest` may meet when retention moves the log start between finding and reading. */
export function wasTrimmed(answer: ReadAnswer): boolean {
  return answer.refusal instanceof Refusal && answer.refusal.code === "offset_trimmed";
}
