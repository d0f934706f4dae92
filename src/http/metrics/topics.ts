/**
 * What went in and out by topic, over both doors, under the names of Kafka's BrokerTopicMetrics.
 */
import type { TopicTraffic } from "../../broker/traffic.ts";
import { family, label } from "./exposition.ts";

const PREFIX = "kafka_server_brokertopicmetrics";

const counters: readonly (readonly [
  name: string,
  help: string,
  value: (of: TopicTraffic) => number,
])[] = [
  ["messagesin", "Records appended.", (of) => of.messagesIn],
  ["bytesin", "Bytes of records appended.", (of) => of.bytesIn],
  ["bytesout", "Bytes of log read.", (of) => of.bytesOut],
  ["totalproducerequests", "Appends asked for, by partition.", (of) => of.produceRequests],
  [
    "failedproducerequests",
    "Appends that failed, for another reason than a topic that is not there or a record too large.",
    (of) => of.failedProduceRequests,
  ],
  ["totalfetchrequests", "Reads answered, by partition.", (of) => of.fetchRequests],
];

export function topicMetrics(counts: readonly TopicTraffic[]): string {
  return counters
    .map(([name, help, value]) =>
      family(
        `${PREFIX}_${name}_total`,
        "counter",
        help,
        counts.map((of) => ({ labels: `topic="${label(of.topic)}"`, value: value(of) })),
      ),
    )
    .join("\n");
}
