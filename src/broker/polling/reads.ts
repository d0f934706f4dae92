/**
 * What a poll reads: on from where its member is, waiting for something to be there; or again, what an earlier poll gave.
 *
 * - A member begins in a partition at what its group committed, else as its reset policy says.
 * - While it waits it is heard of like a Kafka consumer, so that a rebalance does not wait for it.
 */
import { pause } from "../../lib/async.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { GivenRange, HeldPartition, PollingMember } from "./member.ts";
import { beat, commit, type Poll, type PollingOptions } from "./membership.ts";
import { PassedOver } from "./passed.ts";
import type { PollRead, PollRequest } from "./verbs.ts";
import type { ReadAnswer } from "../verbs.ts";

/** How long a member without partitions waits before it asks for them again. */
const UNASSIGNED_MS = 200;

/** The same records once more, where they still are and still are the member's. */
export async function readAgain(
  { read }: PollingOptions,
  { context, member, request }: Poll,
  ranges: readonly GivenRange[],
): Promise<PollRead[]> {
  const own = ranges.filter(({ topic, partition }) => member.holds(topic, partition));
  const asks = own.map((range) => ({ ...range, bytesMax: request.bytesMax }));
  const answers = await read(context, asks, { ...readOptions(request), waitMs: 0 });
  return answers.flatMap((answer, at) => {
    const range = own[at];
    return range && !answer.refusal ? [{ answer, from: range.from, to: range.to }] : [];
  });
}

/** Reads on from where the member is; the first heartbeat is due after `firstIntervalMs`. */
export async function readOn(
  options: PollingOptions,
  poll: Poll,
  firstIntervalMs: number,
): Promise<PollRead[]> {
  const { member, request, context } = poll;
  const { clock, read } = options;
  const endMs = clock.monotonicMs() + request.waitMs;
  let intervalMs = firstIntervalMs;
  const passed = new PassedOver();
  for (;;) {
    await locate(options, poll);
    const held = passed.places(member);
    const leftMs = endMs - clock.monotonicMs();
    // News of the assignment is worth an answer by itself.
    const waitMs = member.isNews || request.signal.aborted ? 0 : Math.max(0, leftMs);
    if (held.length === 0) {
      if (waitMs === 0) return [];
      await pause(clock, Math.min(waitMs, UNASSIGNED_MS), request.signal);
    } else {
      const asks = held.map((each) => ({ ...each, bytesMax: request.bytesMax }));
      const until = { ...readOptions(request), waitMs: Math.min(waitMs, intervalMs) };
      const reads = take(member, await read(context, asks, until));
      if (waitMs === 0 || !passed.pass(member, reads)) return reads;
      await clock.turn();
    }
    if (!request.signal.aborted) intervalMs = await beat(options, poll, member.epoch);
  }
}

/** What was read of what the member holds; a position that its log has left behind is looked up again. */
function take(member: PollingMember, answers: readonly ReadAnswer[]): PollRead[] {
  return answers.flatMap((answer) => {
    const held = member.holds(answer.topic, answer.partition);
    if (!held || held.position === null) return [];
    const { refusal } = answer;
    if (!refusal) return [{ answer, from: held.position, to: Number.MAX_SAFE_INTEGER }];
    if (refusal.code === "offset_trimmed" || refusal.code === "offset_out_of_range") {
      if (member.reset === "none") throw refusal;
      held.position = member.reset === "earliest" ? answer.logStart : answer.highWatermark;
    }
    return [];
  });
}

/** Finds where the member is in what it was given newly: what was committed, else as its policy says. */
async function locate(options: PollingOptions, poll: Poll): Promise<void> {
  const { context, group, member } = poll;
  const unknown = member.held().filter(({ position }) => position === null);
  if (unknown.length === 0) return;
  const { topics } = options.groups.fetchOffsets(context, group, {
    topics: unknown.map(({ topic, partition }) => ({
      topic,
      topicId: null,
      partitions: [partition],
    })),
    requireStable: true,
    memberId: member.memberId,
    memberEpoch: member.epoch,
  });
  for (const [at, held] of unknown.entries()) {
    const committed = topics[at]?.partitions[0];
    // Offsets of an open transaction: the next poll looks again.
    if (!committed || committed.refusal) continue;
    held.position = committed.offset >= 0 ? committed.offset : await begin(options, poll, held);
  }
}

/** Where the member begins in a partition of which its group has committed nothing. */
async function begin(
  options: PollingOptions,
  poll: Poll,
  { topic, partition }: HeldPartition,
): Promise<number> {
  const { context, member, request } = poll;
  const { reset } = member;
  if (reset === "none") {
    throw new Refusal(
      "offset_out_of_range",
      `The group has committed nothing for ${topic}-${partition}, and the member wants no reset.`,
    );
  }
  const spec =
    reset === "earliest"
      ? ({ at: reset } as const)
      : ({ at: reset, isolation: request.isolation } as const);
  const { offset } = await options.findOffset(context, topic, partition, spec);
  // The end moves: it is settled now what the member has not seen, also if it is forgotten here.
  if (reset === "latest") await commit(options, poll, member.epoch, [{ topic, partition, offset }]);
  return offset;
}

function readOptions({ bytesMin, bytesMax, isolation, signal }: PollRequest) {
  return { bytesMin, bytesMax, isolation, signal };
}
