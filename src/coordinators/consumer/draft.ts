/**
 * A consumer group while one step works on it: events are applied and noted, timers and effects gathered. The state that it
 * came from stays as it is.
 */
import { without } from "../../lib/collections.ts";
import {
  applyEvent,
  type ConsumerEffect,
  type ConsumerEvent,
  type ConsumerGroup,
  type ConsumerMember,
  type ConsumerTimeout,
  draftOf,
  type MemberFacts,
  type MemberProgress,
  type MutableConsumerGroup,
  newConsumerGroup,
  type SoftState,
} from "./state.ts";
import { consumerRecord } from "./records.ts";
import type { GroupEnv } from "../groups/group.ts";
import type { CoordinatorRecord, TimerChange } from "../step.ts";

export class ConsumerDraft {
  readonly env: GroupEnv;
  readonly records: CoordinatorRecord[] = [];
  readonly timers: TimerChange<ConsumerTimeout>[] = [];
  readonly effects: ConsumerEffect[] = [];
  #group: ConsumerGroup;
  #draft: MutableConsumerGroup | null;

  /** Null: a group that is to be made. */
  constructor(id: string, group: ConsumerGroup | null, env: GroupEnv) {
    this.env = env;
    this.#draft = group ? null : newConsumerGroup(id);
    this.#group = group ?? newConsumerGroup(id);
    if (this.#draft) this.#group = this.#draft;
  }

  get group(): ConsumerGroup {
    return this.#group;
  }

  emit(event: ConsumerEvent): void {
    applyEvent(this.#change(), event);
    this.records.push(consumerRecord(this.#group.id, event));
  }

  setSoft(soft: Partial<SoftState>): void {
    const draft = this.#change();
    draft.soft = { ...draft.soft, ...soft };
  }

  #change(): MutableConsumerGroup {
    if (!this.#draft) {
      this.#draft = draftOf(this.#group);
      this.#group = this.#draft;
    }
    return this.#draft;
  }

  setFacts(memberId: string, facts: MemberFacts): void {
    this.emit({ type: "member", memberId, facts: factsOf(facts) });
  }

  setProgress(memberId: string, progress: MemberProgress): void {
    this.emit({ type: "progress", memberId, progress: progressOf(progress) });
  }

  /** Kafka's order of tombstones: a replay never meets a member without its rest. */
  removeMember(memberId: string): void {
    this.emit({ type: "progress-gone", memberId });
    this.emit({ type: "target-gone", memberId });
    this.emit({ type: "member-gone", memberId });
    const { rejoining } = this.#group.soft;
    if (rejoining.has(memberId)) this.setSoft({ rejoining: without(rejoining, memberId) });
  }

  setTimer(name: TimerName, memberId: string, afterMs: number, input: ConsumerTimeout): void {
    this.timers.push({ name: timerName(name, memberId), afterMs, input });
  }

  cancelTimer(name: TimerName, memberId: string): void {
    this.timers.push({ name: timerName(name, memberId), afterMs: null });
  }

  cancelTimers(memberId: string): void {
    for (const name of timerNames) this.cancelTimer(name, memberId);
  }
}

const timerNames = ["session", "rebalance", "rejoin", "sync"] as const;
type TimerName = (typeof timerNames)[number];

function timerName(name: TimerName, memberId: string): string {
  return `consumer-${name} ${memberId}`;
}

/** The member's facts without the rest of it. */
function factsOf(member: MemberFacts): MemberFacts {
  const { instanceId, rackId, clientId, clientHost, topicNames, topicRegex } = member;
  const { rebalanceTimeoutMs, assignor, classic } = member;
  return {
    instanceId,
    rackId,
    clientId,
    clientHost,
    topicNames,
    topicRegex,
    rebalanceTimeoutMs,
    assignor,
    classic,
  };
}

/** The member's progress without the rest of it. */
export function progressOf({
  epoch,
  previousEpoch,
  state,
  assigned,
  revoking,
}: MemberProgress | ConsumerMember): MemberProgress {
  return { epoch, previousEpoch, state, assigned, revoking };
}
