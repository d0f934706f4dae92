/** Groups in /metrics: the names and labels of kafka_exporter, bounds, and turns for others. The broker is a stand-in. */
import { describe, expect, test } from "bun:test";
import type { Broker } from "../../../../src/broker/verbs.ts";
import { groupMetrics } from "../../../../src/http/metrics/groups.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";
import { encodeBatch } from "../../../../src/records/batch-encode.ts";
import { somebody } from "../../../simulation/test-node.ts";

const NOW_MS = 1_700_000_000_000;

/** Each group has committed `offsets` by partition of the topic `t`, which has two, up to 10 and 5. */
function world(groups: Readonly<Record<string, readonly number[]>>) {
  const seen = { turns: 0, reads: 0 };
  const ends = { logStart: 2, lastStable: 0, epoch: 0 };
  const partition = { leader: 1, replicas: [1], inSyncReplicas: [1], bytes: 0, ...ends };
  const record = { key: null, value: null, headers: [], timestampMs: NOW_MS - 1_500 };
  const verbs = {
    groups: {
      list: () =>
        Object.keys(groups).map((group) => ({
          group,
          type: "consumer" as const,
          state: "Stable",
          protocolType: "consumer",
          members: 3,
        })),
      describeConsumer: (_context: unknown, group: string) => ({
        members:
          group === "idle"
            ? [{ memberId: "m", assigned: [{ topic: "t", partitions: [0, 1] }] }]
            : [],
      }),
      fetchOffsets: (_context: unknown, group: string) => ({
        group,
        topics: (groups[group] ?? []).map((offset, index) => ({
          topic: index === 0 ? "t" : "gone",
          topicId: null,
          partitions: [{ partition: 0, offset, leaderEpoch: -1, metadata: "", refusal: null }],
        })),
      }),
    },
    describeTopic(_context: unknown, name: string) {
      if (name !== "t") throw new Refusal("unknown_topic_or_partition", "gone");
      const partitionList = [10, 5].map((highWatermark, index) => ({
        ...partition,
        index,
        highWatermark,
      }));
      return { name, partitionList };
    },
    read: async () => {
      seen.reads += 1;
      return [
        {
          batches: [
            encodeBatch([record], {
              baseOffset: 2,
              codec: "none",
              leaderEpoch: 0,
              timestampType: "create",
            }),
          ],
        },
      ];
    },
  };
  const clock = {
    nowMs: () => NOW_MS,
    monotonicMs: () => 0,
    after: () => ({ cancel() {} }),
    turn: async () => {
      seen.turns += 1;
    },
  };
  const text = (limits = {}) =>
    groupMetrics(
      verbs as unknown as Broker,
      somebody,
      { metricGroupPartitionsMax: 10_000, metricLagReadsMax: 500, ...limits },
      clock,
    );
  return { seen, text };
}

describe("groups in /metrics", () => {
  test("have kafka_exporter's names and labels", async () => {
    const lines = (await world({ 'g"1': [7, 3] }).text()).split("\n");
    const group = 'consumergroup="g\\"1"';
    for (const line of [
      `kafka_consumergroup_members{${group}} 3`,
      `kafka_consumergroup_current_offset{${group},topic="t",partition="0"} 7`,
      `kafka_consumergroup_current_offset{${group},topic="t",partition="1"} -1`,
      `kafka_consumergroup_current_offset_sum{${group},topic="t"} 7`,
      `kafka_consumergroup_lag{${group},topic="t",partition="0"} 3`,
      `kafka_consumergroup_lag{${group},topic="t",partition="1"} -1`,
      `kafka_consumergroup_lag_sum{${group},topic="t"} 3`,
      `kafka_consumergroup_lag_seconds{${group},topic="t",partition="0"} 1.5`,
      `kafka_consumergroup_current_offset{${group},topic="gone",partition="0"} 3`,
      "kedge_metrics_groups_left_out 0",
    ])
      expect(lines).toContain(line);
    expect(lines.filter((line) => /lag.*"gone",/.test(line))).toEqual([]);
  });

  test("are behind in all that a member is assigned and never committed", async () => {
    const lines = (await world({ idle: [] }).text()).split("\n");
    const group = 'consumergroup="idle",topic="t"';
    for (const line of [
      `kafka_consumergroup_current_offset{${group},partition="1"} -1`,
      `kafka_consumergroup_lag{${group},partition="0"} 8`,
      `kafka_consumergroup_lag{${group},partition="1"} 3`,
      `kafka_consumergroup_lag_sum{${group}} 11`,
      `kafka_consumergroup_lag_seconds{${group},partition="1"} 1.5`,
    ])
      expect(lines).toContain(line);
  });

  test("are not behind where all was read", async () => {
    const text = await world({ g: [10] }).text();
    expect(text).toContain('lag_seconds{consumergroup="g",topic="t",partition="0"} 0\n');
  });

  test("are bounded, and what is left out is told", async () => {
    const groups = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`g${at}`, [2 + at]]));
    const few = world(groups);
    const text = await few.text({ metricGroupPartitionsMax: 6, metricLagReadsMax: 2 });
    expect(text).toContain("kedge_metrics_groups_left_out 3\n");
    expect(text).toContain("kedge_metrics_group_partitions_left_out 6\n");
    expect(text).toMatch(/kedge_metrics_lag_seconds_left_out 1$/);
    expect(few.seen.reads).toBe(2);
  });

  test("leave turns to others, also by the thousand", async () => {
    const groups = Object.fromEntries(Array.from({ length: 3_000 }, (_, at) => [`g${at}`, [7]]));
    const many = world(groups);
    await many.text();
    expect(many.seen.turns).toBeGreaterThan(20);
    expect(many.seen.reads).toBe(1);
  });
});
