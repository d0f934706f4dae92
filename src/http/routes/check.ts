/**
 * Looking for damage: the stored records of a partition are read from the disk again, and every checksum is checked.
 *
 * One span an answer, paced, so that a node under load is not disturbed: whoever wants the whole log asks on from `next`.
 */
import type { InferOutput } from "valibot";
import { json } from "../answers/reply.ts";
import { defineRoute } from "../route.ts";
import { checkedLog, checkQuery } from "../schema/check.ts";
import { partitionParams } from "../schema/shapes.ts";

const BYTES_DEFAULT = 16 * 1024 * 1024;

export const checkLog = defineRoute({
  method: "GET",
  path: "/v1/topics/{topic}/partitions/{partition}/check",
  tag: "node",
  summary: "Look for damage on the disk",
  description:
    "Reads stored records from the disk again, from `from` (the log start) on, and checks their checksums. An answer covers " +
    "about `max_bytes` (16 MiB), or what two seconds allow: ask on from `next` until it is `end`. It works a quarter of the " +
    "time at most. `damaged` names the offsets that cannot be read.",
  params: partitionParams,
  query: checkQuery,
  responses: {
    200: { description: "What was found.", content: { "application/json": checkedLog } },
  },
  async handle({ door, context, params, query, request }) {
    const { topic, partition } = params;
    const checked = await door.broker.checkLog(context, topic, partition, {
      ...(query.from === undefined ? {} : { from: query.from }),
      bytesMax: query.max_bytes ?? BYTES_DEFAULT,
      signal: request.signal,
    });
    const answer = { topic, partition, ...checked, damaged: [...checked.damaged] };
    return json(answer satisfies InferOutput<typeof checkedLog>, 200, {
      "cache-control": "no-store",
    });
  },
});
