/**
 * A member of a classic consumer group, as the Java consumer is one: joins, is given partitions by `range`, beats, commits.
 *
 * - The member that the coordinator makes leader gives out the partitions: each topic's in contiguous runs, by member id.
 * - A heartbeat or a commit tells when the group is being put together anew: whoever reads commits, and joins again.
 *
 * Left out: static members, cooperative rebalancing, the newer protocol (KIP-848).
 */
import { topicsWanted, writeSubscription } from "../../coordinators/classic/consumer-protocol.ts";
import { joinGroup } from "../../kafka/apis/11-join-group.ts";
import { heartbeat } from "../../kafka/apis/12-heartbeat.ts";
import { leaveGroup } from "../../kafka/apis/13-leave-group.ts";
import { syncGroup } from "../../kafka/apis/14-sync-group.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check, KafkaError } from "../../kafka/client-error.ts";
import { assignmentOf, placesAssigned } from "./assignments.ts";
import { commitOffsets, type NewOffset } from "./group-resets.ts";
import type { Place } from "./offsets.ts";

const SESSION_MS = 45_000;
const REBALANCE_MS = 300_000;
const PROTOCOL = { protocolType: "consumer", protocolName: "range" } as const;
const MEMBER_ID_REQUIRED = 79;
/** Codes that say: join again. */
const REJOIN = new Set([22, 25, 27, 82]);

export class Membership {
  readonly #client: KafkaClient;
  readonly #group: string;
  #topics: readonly string[];
  #memberId = "";
  #generation = -1;

  constructor(client: KafkaClient, group: string, topics: readonly string[]) {
    this.#client = client;
    this.#group = group;
    this.#topics = topics;
  }

  /** Joins the group, again where it must, and gives the partitions of this member. Throws KafkaError. */
  async join(): Promise<readonly Place[]> {
    for (;;) {
      try {
        return await this.#joinOnce();
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        if (!REJOIN.has(error.code) && error.code !== MEMBER_ID_REQUIRED) throw error;
      }
    }
  }

  /** Wants these topics from the next join on; true where they are others than before. */
  wants(topics: readonly string[]): boolean {
    if (topics.join(" ") === this.#topics.join(" ")) return false;
    this.#topics = topics;
    return true;
  }

  /** Tells the coordinator that this member lives; true when the group is to be joined again. Throws KafkaError. */
  async beat(): Promise<boolean> {
    const request = {
      groupId: this.#group,
      generationId: this.#generation,
      memberId: this.#memberId,
    };
    return this.#rejoins(() =>
      this.#client.ask(this.#target, heartbeat, request, ({ errorCode }) => check(errorCode)),
    );
  }

  /** Commits where this member has read to; true when the group is to be joined again. Throws KafkaError. */
  async commit(offsets: readonly NewOffset[]): Promise<boolean> {
    if (offsets.length === 0) return false;
    const member = { id: this.#memberId, generation: this.#generation };
    return this.#rejoins(() => commitOffsets(this.#client, this.#group, offsets, member));
  }

  async leave(): Promise<void> {
    const member = { memberId: this.#memberId, groupInstanceId: null };
    const request = { groupId: this.#group, memberId: "", members: [member] };
    // Who cannot leave is missed soon.
    await this.#client.ask(this.#target, leaveGroup, request, () => {}).catch(() => {});
  }

  get #target() {
    return { to: "group", key: this.#group } as const;
  }

  async #rejoins(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return false;
    } catch (error) {
      if (error instanceof KafkaError && REJOIN.has(error.code)) return true;
      throw error;
    }
  }

  async #joinOnce(): Promise<readonly Place[]> {
    const protocols = [{ name: PROTOCOL.protocolName, metadata: writeSubscription(this.#topics) }];
    const joined = await this.#client.ask(
      this.#target,
      joinGroup,
      {
        groupId: this.#group,
        sessionTimeoutMs: SESSION_MS,
        rebalanceTimeoutMs: REBALANCE_MS,
        memberId: this.#memberId,
        protocolType: PROTOCOL.protocolType,
        protocols,
      },
      ({ errorCode, memberId }) => {
        if (errorCode === MEMBER_ID_REQUIRED) this.#memberId = memberId;
        else if (REJOIN.has(errorCode)) this.#memberId = "";
        check(errorCode);
      },
      { waitMs: REBALANCE_MS },
    );
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    const isLeader = joined.leader === joined.memberId;
    const assignments = isLeader ? await this.#assign(joined.members) : [];
    const request = {
      groupId: this.#group,
      generationId: this.#generation,
      memberId: this.#memberId,
      ...PROTOCOL,
      assignments,
    };
    const synced = await this.#client.ask(
      this.#target,
      syncGroup,
      request,
      ({ errorCode }) => check(errorCode),
      { waitMs: REBALANCE_MS },
    );
    return placesAssigned(synced.assignment);
  }

  async #assign(members: readonly { readonly memberId: string; readonly metadata: Uint8Array }[]) {
    const wants = members.map(({ memberId, metadata }) => ({
      memberId,
      topics: topicsWanted(metadata) ?? [],
    }));
    const topics = await this.#client.topics([...new Set(wants.flatMap((each) => each.topics))]);
    const given = new Map<string, Place[]>(wants.map(({ memberId }) => [memberId, []]));
    for (const { name, partitions } of topics) {
      const takers = wants
        .filter((each) => each.topics.includes(name))
        .map(({ memberId }) => memberId)
        .toSorted();
      for (const [at, { partition }] of partitions.entries()) {
        const taker = takers[takerOf(at, partitions.length, takers.length)];
        if (taker !== undefined) given.get(taker)?.push({ topic: name, partition });
      }
    }
    return [...given].map(([memberId, places]) => ({
      memberId,
      assignment: assignmentOf(places),
    }));
  }
}

/** Which of the takers gets the partition: runs as even as they can be, the first ones longer. */
function takerOf(partition: number, partitions: number, takers: number): number {
  const shorter = Math.floor(partitions / takers);
  const longer = partitions % takers;
  const inLonger = longer * (shorter + 1);
  if (partition < inLonger) return Math.floor(partition / (shorter + 1));
  return longer + Math.floor((partition - inLonger) / Math.max(shorter, 1));
}
