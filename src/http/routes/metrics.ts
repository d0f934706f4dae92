/**
 * `/metrics` in Prometheus' text format, by the names that kafka_exporter and the JMX exporter gave, so that existing
 * dashboards work.
 */
import { family } from "../metrics/exposition.ts";
import { groupMetrics } from "../metrics/groups.ts";
import { logMetrics } from "../metrics/logs.ts";
import type { Reply } from "../answers/reply.ts";
import { defineRoute } from "../route.ts";
import { noQuery } from "../schema/shapes.ts";
import { topicMetrics } from "../metrics/topics.ts";

const UNTAKEN = "Bytes of large answers that their clients have not taken yet.";
const TAILS = "Bytes that tails hold and that their clients have not taken yet.";
const TYPE = "text/plain; version=0.0.4";

export const getMetrics = defineRoute({
  method: "GET",
  path: "/metrics",
  tag: "node",
  summary: "Metrics for Prometheus",
  query: noQuery,
  responses: { 200: { description: "The metrics.", content: { "text/plain": "binary" } } },
  async handle({ door, context }): Promise<Reply> {
    const { broker, limits, clock } = door;
    const turn = (): Promise<void> => clock.turn();
    const parts = [
      await logMetrics(broker, context, limits.metricPartitionsMax, turn),
      await groupMetrics(broker, context, limits, clock),
      family("kedge_http_untaken_bytes", "gauge", UNTAKEN, [
        { labels: "", value: door.untaken.bytes },
      ]),
      family("kedge_http_tail_bytes", "gauge", TAILS, [
        { labels: "", value: door.tails.room.bytes },
      ]),
      topicMetrics(broker.traffic.counts()),
      door.metrics.text(),
      (await door.probes.metrics?.()) ?? "",
    ];
    const body = `${parts.filter((part) => part !== "").join("\n")}\n`;
    return { status: 200, type: TYPE, body, headers: { "cache-control": "no-store" } };
  },
});
