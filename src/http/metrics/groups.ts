/**
 * Groups as Prometheus metrics, with kafka_exporter's names: members, committed offsets and lag, and the lag in seconds.
 *
 * - Read when asked. At most so many partitions of groups are shown, so many of those that lag are looked into for their age,
 *   and what was left out is told.
 * - As kafka_exporter has it, every partition of a topic is shown of which a group committed anything; its committed offset is
 *   -1 where it has not. Otherwise than there, a partition that a member is assigned has a lag without a commit, too, as
 *   `GET …/lag` counts it (broker/groups/lag.ts); of one that nobody is assigned or committed it is -1, and no part of the sum.
 * - The lag in seconds is the age of the batch in which the first uncommitted record lies, 0 where nothing is behind.
 */
import type { FetchedTopic } from "../../broker/groups/committed-offsets.ts";
import { assignedPartitions, lagOf } from "../../broker/groups/lag.ts";
import type { GroupSummary } from "../../broker/groups/verbs.ts";
import type { Broker, Context, LogEnds } from "../../broker/verbs.ts";
import type { Clock } from "../../lib/clock.ts";
import { Refusal } from "../../lib/refusal.ts";
import { readBatchHeader } from "../../records/batch.ts";
import { family, label, type Sample } from "./exposition.ts";

export interface GroupMetricLimits {
  /** Groups, and partitions that groups committed, each. */
  readonly metricGroupPartitionsMax: number;
  /** Batches that are looked up for their age. */
  readonly metricLagReadsMax: number;
}

/** Samples made until others have their turn. */
const SAMPLES_PER_TURN = 500;
/** Batches read until others have their turn: those in memory are read without waiting. */
const READS_PER_TURN = 20;

export function groupMetrics(
  broker: Broker,
  context: Context,
  limits: GroupMetricLimits,
  clock: Clock,
): Promise<string> {
  return new GroupMetrics(broker, context, limits, clock).text();
}

/** A partition that a group is behind in. */
interface Behind {
  readonly labels: string;
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
}

class GroupMetrics {
  readonly #broker: Broker;
  readonly #context: Context;
  readonly #limits: GroupMetricLimits;
  readonly #clock: Clock;
  readonly #members: Sample[] = [];
  readonly #offsets: Sample[] = [];
  readonly #offsetSums: Sample[] = [];
  readonly #lags: Sample[] = [];
  readonly #lagSums: Sample[] = [];
  readonly #seconds: Sample[] = [];
  readonly #behind: Behind[] = [];
  /** By topic; several groups read the same. */
  readonly #ends = new Map<string, readonly LogEnds[]>();
  #groupsLeftOut = 0;
  #partitionsLeftOut = 0;
  #secondsLeftOut = 0;
  #untilTurn = SAMPLES_PER_TURN;

  constructor(broker: Broker, context: Context, limits: GroupMetricLimits, clock: Clock) {
    this.#broker = broker;
    this.#context = context;
    this.#limits = limits;
    this.#clock = clock;
  }

  async text(): Promise<string> {
    for (const { group, type, members } of this.#groups()) {
      await this.#made(1);
      if (this.#members.length >= this.#limits.metricGroupPartitionsMax) {
        this.#groupsLeftOut += 1;
        continue;
      }
      const labels = `consumergroup="${label(group)}"`;
      this.#members.push({ labels, value: members });
      const assigned = this.#assigned(group, type);
      for (const committed of this.#committed(group)) {
        const { topic } = committed;
        await this.#topic(labels, committed, assigned.get(topic ?? ""));
        assigned.delete(topic ?? "");
      }
      for (const [topic, partitions] of assigned)
        await this.#topic(labels, { topic, partitions: [] }, partitions);
    }
    await this.#age();
    return this.#families();
  }

  async #topic(
    group: string,
    { topic, partitions }: Pick<FetchedTopic, "topic" | "partitions">,
    assigned: ReadonlySet<number> = new Set(),
  ): Promise<void> {
    if (topic === null) return;
    const ends = this.#endsOf(topic);
    const count = Math.max(ends.length, partitions.length);
    if (this.#offsets.length + count > this.#limits.metricGroupPartitionsMax) {
      this.#partitionsLeftOut += count;
      return;
    }
    const known = new Map(partitions.map(({ partition, offset }) => [partition, offset]));
    for (const partition of ends.keys()) if (!known.has(partition)) known.set(partition, -1);
    const labels = `${group},topic="${label(topic)}"`;
    let [offsetSum, lagSum] = [0, 0];
    for (const [partition, offset] of [...known].toSorted(([one], [other]) => one - other)) {
      await this.#made(2);
      const one = `${labels},partition="${partition}"`;
      this.#offsets.push({ labels: one, value: offset });
      if (offset >= 0) offsetSum += offset;
      const end = ends[partition];
      if (!end) continue;
      const counts = offset >= 0 || assigned.has(partition);
      const committed = offset < 0 ? null : offset;
      const lag = counts ? lagOf(committed, end.logStart, end.highWatermark) : -1;
      this.#lags.push({ labels: one, value: lag });
      lagSum += Math.max(lag, 0);
      const from = Math.max(offset, end.logStart);
      if (counts && from < end.highWatermark) {
        this.#behind.push({ labels: one, topic, partition, from });
      } else if (counts) this.#seconds.push({ labels: one, value: 0 });
    }
    this.#offsetSums.push({ labels, value: offsetSum });
    this.#lagSums.push({ labels, value: lagSum });
  }

  /** None while their coordinator reads them back after a start. */
  #groups(): readonly GroupSummary[] {
    return orNone(() => this.#broker.groups.list(this.#context));
  }

  #committed(group: string): readonly FetchedTopic[] {
    const all = { topics: null, requireStable: false, memberId: null, memberEpoch: -1 };
    return orNone(() => this.#broker.groups.fetchOffsets(this.#context, group, all).topics);
  }

  /** By topic. */
  #assigned(group: string, type: GroupSummary["type"]): Map<string, Set<number>> {
    const { groups } = this.#broker;
    const all = orNone(() => assignedPartitions(groups, this.#context, { group, type }));
    const byTopic = new Map<string, Set<number>>();
    for (const { topic, partition } of all) {
      const known = byTopic.get(topic);
      if (known) known.add(partition);
      else byTopic.set(topic, new Set([partition]));
    }
    return byTopic;
  }

  #endsOf(topic: string): readonly LogEnds[] {
    const known = this.#ends.get(topic);
    if (known) return known;
    const ends = orNone(() => this.#broker.describeTopic(this.#context, topic).partitionList);
    this.#ends.set(topic, ends);
    return ends;
  }

  /** How long what is behind has been waiting. */
  async #age(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const times = new Map<string, number>();
    let reads = 0;
    for (const { labels, topic, partition, from } of this.#behind) {
      const key = `${from} ${partition} ${topic}`;
      if (!times.has(key)) {
        if (reads >= this.#limits.metricLagReadsMax) {
          this.#secondsLeftOut += 1;
          continue;
        }
        reads += 1;
        if (reads % READS_PER_TURN === 0) await this.#clock.turn();
        times.set(key, await this.#timeOf(topic, partition, from));
      }
      const timestampMs = times.get(key) ?? -1;
      if (timestampMs >= 0)
        this.#seconds.push({ labels, value: Math.max(nowMs - timestampMs, 0) / 1_000 });
    }
  }

  /** When the batch at `from` was made, or appended where the topic says so; -1 where nobody said. */
  async #timeOf(topic: string, partition: number, from: number): Promise<number> {
    const options = { bytesMin: 0, bytesMax: 1, waitMs: 0, isolation: "read_uncommitted" } as const;
    const requests = [{ topic, partition, from, bytesMax: 1 }];
    const [answer] = await this.#broker.read(this.#context, requests, options);
    for (const run of answer?.batches ?? []) {
      const { timestampType, baseTimestamp, maxTimestamp } = readBatchHeader(run);
      return timestampType === "append" ? maxTimestamp : baseTimestamp;
    }
    return -1;
  }

  async #made(samples: number): Promise<void> {
    this.#untilTurn -= samples;
    if (this.#untilTurn > 0) return;
    this.#untilTurn = SAMPLES_PER_TURN;
    await this.#clock.turn();
  }

  async #families(): Promise<string> {
    const gauges: readonly (readonly [name: string, help: string, samples: readonly Sample[]])[] = [
      ["members", "Members of the group.", this.#members],
      ["current_offset", "Offset that the group has committed.", this.#offsets],
      ["current_offset_sum", "The same over the topic's partitions.", this.#offsetSums],
      ["lag", "Offsets from the committed one to the partition's end.", this.#lags],
      ["lag_sum", "The same over the topic's partitions.", this.#lagSums],
      ["lag_seconds", "Age of the first record not committed yet, by its batch.", this.#seconds],
    ];
    const leftOut: readonly (readonly [name: string, help: string, value: number])[] = [
      ["groups", "Groups too many to show here.", this.#groupsLeftOut],
      ["group_partitions", "Partitions of groups too many to show here.", this.#partitionsLeftOut],
      ["lag_seconds", "Partitions whose age was not looked up.", this.#secondsLeftOut],
    ];
    const families: string[] = [];
    for (const [name, help, samples] of gauges) {
      await this.#clock.turn();
      families.push(family(`kafka_consumergroup_${name}`, "gauge", help, samples));
    }
    for (const [name, help, value] of leftOut) {
      families.push(
        family(`kedge_metrics_${name}_left_out`, "gauge", help, [{ labels: "", value }]),
      );
    }
    return families.join("\n");
  }
}

/** What is not there, or not yet. */
function orNone<T>(look: () => readonly T[]): readonly T[] {
  try {
    return look();
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}
