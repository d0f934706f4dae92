/**
 * How the options of kafka-topics.sh go together: the rules of Kafka's tool, in its words.
 */
import { UsageError } from "../../lib/setting.ts";
import { ToolError } from "./connect.ts";
import { refuseWith, requireAll, type Given } from "./tool.ts";

const actions = ["alter", "create", "describe", "list", "delete"];
const reports = [
  "under-replicated-partitions",
  "under-min-isr-partitions",
  "at-min-isr-partitions",
  "unavailable-partitions",
];

/** The actions that each option goes with. */
const goesWith: Readonly<Record<string, readonly string[]>> = {
  partitions: ["alter", "create"],
  config: ["create"],
  "replication-factor": ["create"],
  "replica-assignment": ["alter", "create"],
  "if-exists": ["alter", "delete", "describe"],
  "if-not-exists": ["create"],
  "exclude-internal": ["list", "describe"],
  "topic-id": ["describe"],
  "topics-with-overrides": ["describe"],
  ...Object.fromEntries(reports.map((report) => [report, ["describe"]])),
};

/** Throws UsageError for what does not go together, or is missing. */
export function checkTopicOptions(given: Given): void {
  if (given.has("describe") && given.has("if-exists"))
    if (!given.has("topic") && !given.has("topic-id"))
      throw new UsageError("--topic or --topic-id is required to describe a topic");
  if (!given.has("list") && !given.has("describe")) requireAll(given, "topic");
  if (given.has("alter")) {
    if (given.has("config"))
      throw new UsageError(
        'Option "[config]" can\'t be used with option "[alter]" (To alter topic configurations, the kafka-configs tool can be used.)',
      );
    requireAll(given, "partitions");
  }
  for (const [option, fine] of Object.entries(goesWith))
    refuseWith(given, option, ...actions.filter((action) => !fine.includes(action)));
  if (given.has("create"))
    refuseWith(given, "replica-assignment", "partitions", "replication-factor");
  for (const report of reports) refuseWith(given, report, "topics-with-overrides");
}

/** `1:2,2:1`: the nodes of each partition's replicas, the first of which leads. Throws ToolError. */
export function assignmentOf(text: string): readonly (readonly number[])[] {
  if (!/^\d{1,9}(?::\d{1,9})*(?:,\d{1,9}(?::\d{1,9})*)*$/.test(text))
    throw new ToolError(
      `--replica-assignment takes node ids, ":" between the replicas of a partition and "," between partitions; not "${text}"`,
    );
  const assigned = text.split(",").map((nodes) => nodes.split(":").map(Number));
  for (const [partition, nodes] of assigned.entries()) {
    const twice = nodes.filter((node, at) => nodes.indexOf(node) < at);
    if (twice.length > 0)
      throw new ToolError(
        `Partition replica lists may not contain duplicate entries: ${[...new Set(twice)].join(",")}`,
      );
    if (nodes.length !== assigned[0]?.length)
      throw new ToolError(
        `Partition ${partition} has different replication factor: [${nodes.join(", ")}]`,
      );
  }
  return assigned;
}
