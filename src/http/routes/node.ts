/**
 * The node about itself: who it is, and whether it is well.
 */
import type { InferOutput } from "valibot";
import { json, type Reply } from "../answers/reply.ts";
import { defineRoute } from "../route.ts";
import { noQuery } from "../schema/shapes.ts";
import { nodeDescription } from "../schema/topic.ts";

export const getNode = defineRoute({
  method: "GET",
  path: "/v1/node",
  tag: "node",
  summary: "Describe this node and its cluster",
  query: noQuery,
  responses: {
    200: { description: "The node.", content: { "application/json": nodeDescription } },
  },
  handle({ door, context }): Reply {
    const node = door.broker.describeNode(context);
    return json({
      cluster_id: node.clusterId,
      node_id: node.nodeId,
      controller_id: node.controllerId,
      version: node.version,
      topics: node.topics,
      partitions: node.partitions,
    } satisfies InferOutput<typeof nodeDescription>);
  },
});
