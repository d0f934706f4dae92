/**
 * The shortest form of the messages that nearly every commit needs, since each of them is on the way of every record: a
 * commit of small appends goes to the writer as its buffer alone, and one that all went well with comes back as a number.
 *
 * - Whatever has more to say (large appends, failures) goes as the object that it is.
 */
import type { Answers, Committed, Request, Upkeep } from "./messages.ts";

const checkpoints = ["none", "due", "overdue"] as const;
/** In a commit's number: there is more to sweep. The digits above it tell of the checkpoint. */
const SWEEP = 1;

/** What to post for a request. */
export function shortened(request: Request): Request | ArrayBuffer {
  return request.type === "commit" && request.large.length === 0 ? request.buffer : request;
}

/** The request that was posted so. */
export function lengthened(posted: Request | ArrayBuffer): Request {
  return posted instanceof ArrayBuffer ? { type: "commit", buffer: posted, large: [] } : posted;
}

/** The number of a commit that all went well with; null for every other answer. */
export function numberOf(value: Answers[Request["type"]]): number | null {
  if (!isCommitted(value) || value.failures.length > 0 || value.returned.length > 0) return null;
  const { sweep, checkpoint } = value.upkeep;
  return checkpoints.indexOf(checkpoint) * 2 + (sweep ? SWEEP : 0);
}

/** The answer that this number stands for. */
export function committedOf(number: number): Committed {
  const checkpoint = checkpoints[number >> 1] ?? "none";
  const upkeep: Upkeep = { sweep: (number & SWEEP) === SWEEP, checkpoint };
  return { failures: [], returned: [], upkeep };
}

function isCommitted(value: Answers[Request["type"]]): value is Committed {
  return typeof value === "object" && value !== null && "failures" in value;
}
