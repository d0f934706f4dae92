/**
 * Group members that poll: an HTTP request is heartbeat, commit and fetch in one, so that `fetch` alone makes a consumer.
 *
 * - They are members of consumer groups (KIP-848) like any other: Kafka's consumers share groups with them.
 * - A poll commits first, then gives up what was taken from the member (with the poll it has finished what it had), then reads
 *   and waits (`reads.ts`).
 * - A poll that is asked again by its id gives the same records, where they still are and still are the member's. Two polls of
 *   one member at once: the first is refused, the second follows.
 * - Who joins under a name takes it over, as a static member takes over its instance id in Kafka: polls of another incarnation
 *   are refused from then on. An empty page instead would have both ask again at once, for ever.
 */
import { Sequence } from "../../lib/async.ts";
import { type GivenRange, PollingMember } from "./member.ts";
import {
  beat,
  commit,
  isMember,
  namesIn,
  nothingChanged,
  type Poll,
  type PollingOptions,
  remember,
  unknownTopics,
} from "./membership.ts";
import { readAgain, readOn } from "./reads.ts";
import { abandoned, hasLeft, isFenced, joinedSince, polledSince, takenOver } from "./refusals.ts";
import type { Polled, PollJoin, PollJoined, PollRender, PollRequest, PollVerbs } from "./verbs.ts";
import type { Context } from "../verbs.ts";

/** Members whose place is remembered; the one that has been silent longest is forgotten first. */
const MEMBERS_MAX = 10_000;
/** Kafka's `max.poll.interval.ms`. */
const REBALANCE_MS = 300_000;

/** One member's polls, one after the other. */
interface Seat {
  readonly polls: Sequence;
  member: PollingMember | null;
  /** Whose polls are taken: what joined last; undefined while it is not known (a member met again after a restart). */
  incarnation: string | null | undefined;
  /** Ends the wait of the poll under way, with the refusal that this is to be answered. */
  waiting: AbortController | null;
}

export class PollingMembers implements PollVerbs {
  readonly #options: PollingOptions;
  /** In the order in which they were heard of last. */
  readonly #seats = new Map<string, Seat>();

  constructor(options: PollingOptions) {
    this.#options = options;
  }

  async join(
    context: Context,
    group: string,
    memberId: string,
    join: PollJoin,
  ): Promise<PollJoined> {
    const { groups, image } = this.#options;
    const { reset, sessionMs } = join;
    const answer = await groups.consumerHeartbeat(context, group, {
      ...nothingChanged,
      memberId,
      memberEpoch: 0,
      // Who holds its own instance id already has nothing to be given.
      instanceId: isMember(this.#options, context, group, memberId) ? null : join.instanceId,
      rebalanceTimeoutMs: join.rebalanceMs ?? REBALANCE_MS,
      topicNames: join.topicNames,
      topicRegex: join.topicRegex ?? "",
      assignor: join.assignor,
      owned: new Map(),
      sessionTimeoutMs: sessionMs,
    });
    const seat = this.#seat(group, memberId);
    const isOther = seat.incarnation !== undefined && seat.incarnation !== join.incarnation;
    seat.incarnation = join.incarnation;
    seat.waiting?.abort(isOther ? takenOver(memberId) : joinedSince(memberId));
    const terms = { reset, sessionMs, topicNames: join.topicNames };
    const member = new PollingMember(memberId, answer.memberEpoch, terms);
    if (answer.assignment) member.assign(answer.assignment, namesIn(image));
    member.isNews = false;
    seat.member = member;
    const { memberEpoch, heartbeatIntervalMs } = answer;
    return {
      memberEpoch,
      heartbeatIntervalMs,
      assignment: member.assignment(),
      unknownTopics: unknownTopics(member, image),
    };
  }

  async leave(context: Context, group: string, memberId: string): Promise<void> {
    const { groups } = this.#options;
    const leaves = { ...nothingChanged, memberId, memberEpoch: -1, owned: null };
    this.#seats.get(seatKey(group, memberId))?.waiting?.abort(hasLeft(memberId));
    this.#seats.delete(seatKey(group, memberId));
    await groups.consumerHeartbeat(context, group, { ...leaves, sessionTimeoutMs: null });
  }

  poll<T>(
    context: Context,
    group: string,
    memberId: string,
    request: PollRequest,
    render: PollRender<T>,
  ): Promise<Polled<T>> {
    const seat = this.#seat(group, memberId);
    const { incarnation } = request;
    if (seat.incarnation !== undefined && seat.incarnation !== incarnation) {
      return Promise.reject(takenOver(memberId));
    }
    const waiting = new AbortController();
    seat.waiting?.abort(polledSince(memberId));
    seat.waiting = waiting;
    const known = seat.member;
    return seat.polls.run(async () => {
      const signal = AbortSignal.any([request.signal, waiting.signal]);
      // A poll that its client has given up must take nothing from those that come after.
      if (request.signal.aborted) throw abandoned();
      waiting.signal.throwIfAborted();
      const member = (seat.member ??= remember(this.#options, context, group, memberId));
      if (known && known !== member) throw joinedSince(memberId);
      try {
        const poll = { context, group, member, request: { ...request, signal } };
        const polled = await this.#poll(poll, waiting.signal, render);
        if (seat.incarnation === undefined) seat.incarnation = incarnation;
        return polled;
      } catch (error) {
        // What made it fail may have changed what it holds: it is looked up anew.
        if (isFenced(error) && seat.member === member) seat.member = null;
        member.isUnsure = true;
        throw error;
      } finally {
        if (seat.waiting === waiting) seat.waiting = null;
      }
    });
  }

  async #poll<T>(poll: Poll, displaced: AbortSignal, render: PollRender<T>): Promise<Polled<T>> {
    const { member, request } = poll;
    const isAgain = member.last?.pollId === request.pollId;
    const replayed = isAgain ? (member.last?.ranges ?? []) : [];
    // Who asks again has not heard of the epoch that its first asking led to.
    const epoch = isAgain ? member.epoch : request.memberEpoch;
    if (replayed.length === 0 && request.commit.length > 0) {
      await commit(this.#options, poll, epoch, request.commit);
    }
    const intervalMs = await beat(this.#options, poll, epoch);
    const reads =
      replayed.length > 0
        ? await readAgain(this.#options, poll, replayed)
        : await readOn(this.#options, poll, intervalMs);
    if (displaced.aborted) {
      for (const { answer } of reads) answer.done?.();
      throw displaced.reason;
    }
    const { given, value } = await render(reads);
    const ranges: GivenRange[] = [];
    for (const [at, { answer, from }] of reads.entries()) {
      const to = given[at] ?? from;
      const held = member.holds(answer.topic, answer.partition);
      if (!held || to <= from) continue;
      held.position = to;
      ranges.push({ topic: answer.topic, partition: answer.partition, from, to });
    }
    const isNews = member.isNews || isAgain;
    member.isNews = false;
    member.last = { pollId: request.pollId, ranges };
    return {
      memberEpoch: member.epoch,
      assignment: isNews ? member.assignment() : null,
      next: ranges.map(({ topic, partition, to }) => ({ topic, partition, offset: to })),
      unknownTopics: unknownTopics(member, this.#options.image),
      value,
    };
  }

  #seat(group: string, memberId: string): Seat {
    const key = seatKey(group, memberId);
    const seat = this.#seats.get(key) ?? newSeat();
    this.#seats.delete(key);
    this.#seats.set(key, seat);
    for (const [oldest, { waiting }] of this.#seats) {
      if (this.#seats.size <= MEMBERS_MAX) break;
      if (!waiting) this.#seats.delete(oldest);
    }
    return seat;
  }
}

function newSeat(): Seat {
  return { polls: new Sequence(), member: null, incarnation: undefined, waiting: null };
}

function seatKey(group: string, memberId: string): string {
  return JSON.stringify([group, memberId]);
}
