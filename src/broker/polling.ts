/**
 * Group members that poll: an HTTP request is heartbeat, commit and fetch in one, so that `fetch` alone makes a consumer.
 *
 * - They are members of consumer groups (KIP-848) like any other: Kafka's consumers share groups with them.
 * - A poll commits first, then gives up what was taken from the member (with the poll it has finished what it had), then reads
 *   and waits. While it waits it is heard of like a Kafka consumer, so that a rebalance does not wait for it.
 * - A poll that is asked again by its id gives the same records, where they still are and still are the member's. Two polls of
 *   one member at once: the first ends its wait, the second follows.
 */
import type { Image } from "../cluster/image.ts";
import type { DescribedConsumer } from "../coordinators/consumer-group-describe.ts";
import { pause, Sequence } from "../lib/async.ts";
import type { Clock } from "../lib/clock.ts";
import { Refusal } from "../lib/refusal.ts";
import type { GroupVerbs } from "./group-verbs.ts";
import { notCommitted } from "./not-committed.ts";
import { type GivenRange, type HeldPartition, PollingMember } from "./polling-member.ts";
import { abandoned, isFenced, joinedSince } from "./polling-refusals.ts";
import type {
  Polled,
  PollJoin,
  PollJoined,
  PollRead,
  PollRender,
  PollRequest,
  PollVerbs,
} from "./polling-verbs.ts";
import { PassedOver } from "./polling-passed.ts";
import type { Broker, Context, Isolation, ReadAnswer } from "./verbs.ts";

/** Members whose place is remembered; the one that has been silent longest is forgotten first. */
const MEMBERS_MAX = 10_000;
/** How long a member without partitions waits before it asks for them again. */
const UNASSIGNED_MS = 200;
/** Kafka's `max.poll.interval.ms`. */
const REBALANCE_MS = 300_000;
/** Heartbeats in a row, as long as each takes something away. */
const BEATS_MAX = 4;

export interface PollingOptions {
  readonly groups: GroupVerbs;
  readonly image: Image;
  readonly clock: Clock;
  readonly read: Broker["read"];
  readonly findOffset: Broker["findOffset"];
}

/** One member's polls, one after the other. */
interface Seat {
  readonly polls: Sequence;
  member: PollingMember | null;
  /** Ends the wait of the poll under way. */
  waiting: AbortController | null;
}

/** What a poll goes through. */
interface Poll {
  readonly context: Context;
  readonly group: string;
  readonly member: PollingMember;
  readonly request: PollRequest;
}

const nothingChanged = {
  makesId: true,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  topicNames: null,
  topicRegex: null,
  assignor: null,
} as const;

export class Polling implements PollVerbs {
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
    const { groups } = this.#options;
    const { reset, sessionMs } = join;
    const answer = await groups.consumerHeartbeat(context, group, {
      ...nothingChanged,
      memberId,
      memberEpoch: 0,
      // Who holds its own instance id already has nothing to be given.
      instanceId: this.#isMember(context, group, memberId) ? null : join.instanceId,
      rebalanceTimeoutMs: join.rebalanceMs ?? REBALANCE_MS,
      topicNames: join.topicNames,
      topicRegex: join.topicRegex ?? "",
      assignor: join.assignor,
      owned: new Map(),
      sessionTimeoutMs: sessionMs,
    });
    const seat = this.#seat(group, memberId);
    seat.waiting?.abort();
    const member = new PollingMember(memberId, answer.memberEpoch, { reset, sessionMs });
    if (answer.assignment) member.assign(answer.assignment, (id) => this.#nameOf(id));
    member.isNews = false;
    seat.member = member;
    const { memberEpoch, heartbeatIntervalMs } = answer;
    return { memberEpoch, heartbeatIntervalMs, assignment: member.assignment() };
  }

  async leave(context: Context, group: string, memberId: string): Promise<void> {
    const { groups } = this.#options;
    const leaves = { ...nothingChanged, memberId, memberEpoch: -1, owned: null };
    this.#seats.get(seatKey(group, memberId))?.waiting?.abort();
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
    const waiting = new AbortController();
    seat.waiting?.abort();
    seat.waiting = waiting;
    const known = seat.member;
    return seat.polls.run(async () => {
      const signal = AbortSignal.any([request.signal, waiting.signal]);
      // A poll that its client has given up must take nothing from those that come after.
      if (request.signal.aborted) throw abandoned();
      const member = (seat.member ??= this.#remember(context, group, memberId));
      if (known && known !== member) throw joinedSince(memberId);
      try {
        const poll = { context, group, member, request: { ...request, signal } };
        return await this.#poll(poll, render);
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

  async #poll<T>(poll: Poll, render: PollRender<T>): Promise<Polled<T>> {
    const { member, request } = poll;
    const isAgain = member.last?.pollId === request.pollId;
    const replayed = isAgain ? (member.last?.ranges ?? []) : [];
    // Who asks again has not heard of the epoch that its first asking led to.
    const epoch = isAgain ? member.epoch : request.memberEpoch;
    if (replayed.length === 0 && request.commit.length > 0) await this.#commit(poll, epoch);
    const intervalMs = await this.#beat(poll, epoch);
    const reads =
      replayed.length > 0
        ? await this.#readAgain(poll, replayed)
        : await this.#readOn(poll, intervalMs);
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
      value,
    };
  }

  async #commit({ context, group, member, request }: Poll, epoch: number): Promise<void> {
    const { groups } = this.#options;
    const outcomes = await groups.commitOffsets(context, {
      group,
      member: { memberId: member.memberId, instanceId: null, generation: epoch },
      offsets: request.commit.map((each) => ({
        ...each,
        topicId: null,
        leaderEpoch: -1,
        metadata: "",
      })),
      knowsMemberEpochs: true,
      retentionMs: null,
    });
    for (const [at, refusal] of outcomes.entries()) {
      const { topic = "", partition = 0 } = request.commit[at] ?? {};
      if (!refusal) continue;
      const partitions = this.#options.image.topic(topic)?.partitions.length ?? null;
      throw notCommitted(refusal, topic, partition, partitions);
    }
  }

  /** Heartbeats until nothing more is taken away; says how soon the next is due. */
  async #beat({ context, group, member }: Poll, epoch: number): Promise<number> {
    const { groups } = this.#options;
    member.epoch = epoch;
    if (member.isUnsure) this.#assignKnown(member, this.#known(context, group, member.memberId));
    member.isUnsure = false;
    for (let beat = 1; ; beat += 1) {
      const answer = await groups.consumerHeartbeat(context, group, {
        ...nothingChanged,
        memberId: member.memberId,
        memberEpoch: member.epoch,
        owned: member.owned(),
        sessionTimeoutMs: member.sessionMs,
      });
      member.epoch = answer.memberEpoch;
      const lost = answer.assignment
        ? member.assign(answer.assignment, (id) => this.#nameOf(id))
        : false;
      if (!lost || beat === BEATS_MAX) return answer.heartbeatIntervalMs;
    }
  }

  async #readAgain(poll: Poll, ranges: readonly GivenRange[]): Promise<PollRead[]> {
    const { context, member, request } = poll;
    const own = ranges.filter(({ topic, partition }) => member.holds(topic, partition));
    const asks = own.map((range) => ({ ...range, bytesMax: request.bytesMax }));
    const answers = await this.#options.read(context, asks, { ...readOptions(request), waitMs: 0 });
    return answers.flatMap((answer, at) => {
      const range = own[at];
      return range && !answer.refusal ? [{ answer, from: range.from, to: range.to }] : [];
    });
  }

  /** Reads on from where the member is; waits for something to be there, and is heard of meanwhile. */
  async #readOn(poll: Poll, firstIntervalMs: number): Promise<PollRead[]> {
    const { member, request, context } = poll;
    const { clock, read } = this.#options;
    const endMs = clock.monotonicMs() + request.waitMs;
    let intervalMs = firstIntervalMs;
    const passed = new PassedOver();
    for (;;) {
      await this.#locate(poll);
      const held = passed.places(member);
      const leftMs = endMs - clock.monotonicMs();
      // News of the assignment is worth an answer by itself.
      const waitMs = member.isNews || request.signal.aborted ? 0 : Math.max(0, leftMs);
      if (held.length === 0) {
        if (waitMs === 0) return [];
        await pause(clock, Math.min(waitMs, UNASSIGNED_MS), request.signal);
      } else {
        const asks = held.map((each) => ({ ...each, bytesMax: request.bytesMax }));
        const options = { ...readOptions(request), waitMs: Math.min(waitMs, intervalMs) };
        const reads = this.#take(member, await read(context, asks, options));
        if (waitMs === 0 || !passed.pass(member, reads)) return reads;
        await clock.turn();
      }
      if (!request.signal.aborted) intervalMs = await this.#beat(poll, member.epoch);
    }
  }

  /** What was read of what the member holds; a position that its log has left behind is looked up again. */
  #take(member: PollingMember, answers: readonly ReadAnswer[]): PollRead[] {
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
  async #locate({ context, group, member, request }: Poll): Promise<void> {
    const unknown = member.held().filter(({ position }) => position === null);
    if (unknown.length === 0) return;
    const { topics } = this.#options.groups.fetchOffsets(context, group, {
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
      held.position =
        committed.offset >= 0
          ? committed.offset
          : await this.#begin(context, group, member, held, request.isolation);
    }
  }

  async #begin(
    context: Context,
    group: string,
    member: PollingMember,
    held: HeldPartition,
    isolation: Isolation,
  ): Promise<number> {
    const { topic, partition } = held;
    if (member.reset === "none") {
      throw new Refusal(
        "offset_out_of_range",
        `The group has committed nothing for ${topic}-${partition}, and the member wants no reset.`,
      );
    }
    const spec =
      member.reset === "earliest"
        ? ({ at: "earliest" } as const)
        : ({ at: "latest", isolation } as const);
    const { offset } = await this.#options.findOffset(context, topic, partition, spec);
    // The end moves: it is settled now what the member has not seen, also if it is forgotten here.
    if (member.reset === "latest") {
      const commit = [{ topic, partition, offset }];
      const none = { pollId: "", bytesMin: 0, bytesMax: 0, waitMs: 0, isolation };
      const request = { ...none, memberEpoch: member.epoch, commit, signal: neverAborted };
      await this.#commit({ context, group, member, request }, member.epoch);
    }
    return offset;
  }

  #isMember(context: Context, group: string, memberId: string): boolean {
    try {
      const { members } = this.#options.groups.describeConsumer(context, group);
      return members.some((each) => each.memberId === memberId);
    } catch (error) {
      if (error instanceof Refusal && error.code === "group_id_not_found") return false;
      throw error;
    }
  }

  /** A member that this node has not heard of: from what its group knows. @throws Refusal unknown_member_id. */
  #remember(context: Context, group: string, memberId: string): PollingMember {
    const known = this.#known(context, group, memberId);
    const terms = { reset: "earliest", sessionMs: null } as const;
    const member = new PollingMember(memberId, known.memberEpoch, terms);
    this.#assignKnown(member, known);
    return member;
  }

  /** The member as its group knows it. @throws Refusal unknown_member_id. */
  #known(context: Context, group: string, memberId: string): DescribedConsumer {
    const { members } = this.#options.groups.describeConsumer(context, group);
    const known = members.find((each) => each.memberId === memberId);
    if (known) return known;
    throw new Refusal(
      "unknown_member_id",
      `Member ${memberId} is not a member of group ${group}; join it first.`,
    );
  }

  #assignKnown(member: PollingMember, { assigned }: DescribedConsumer): void {
    const held = assigned.map(
      ({ topicId, partitions }) => [topicId, new Map(partitions.map((at) => [at, 0]))] as const,
    );
    member.assign(new Map(held), (id) => this.#nameOf(id));
  }

  #nameOf(topicId: string): string | null {
    return this.#options.image.topicById(topicId)?.name ?? null;
  }

  #seat(group: string, memberId: string): Seat {
    const key = seatKey(group, memberId);
    const seat = this.#seats.get(key) ?? { polls: new Sequence(), member: null, waiting: null };
    this.#seats.delete(key);
    this.#seats.set(key, seat);
    for (const [oldest, { waiting }] of this.#seats) {
      if (this.#seats.size <= MEMBERS_MAX) break;
      if (!waiting) this.#seats.delete(oldest);
    }
    return seat;
  }
}

const neverAborted = new AbortController().signal;

function seatKey(group: string, memberId: string): string {
  return JSON.stringify([group, memberId]);
}

function readOptions({ bytesMin, bytesMax, isolation, signal }: PollRequest) {
  return { bytesMin, bytesMax, isolation, signal };
}
