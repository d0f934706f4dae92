/**
 * From a time to an offset, and where a log begins and ends.
 */
import type { InferOutput } from "valibot";
import type { OffsetSpec } from "../../broker/verbs.ts";
import { Refusal } from "../../lib/refusal.ts";
import { json } from "../answers/reply.ts";
import { defineRoute } from "../route.ts";
import { foundOffset, offsetsQuery } from "../schema/fetch.ts";
import { partitionParams } from "../schema/shapes.ts";

export const findOffset = defineRoute({
  method: "GET",
  path: "/v1/topics/{topic}/partitions/{partition}/offsets",
  tag: "fetch",
  summary: "Find an offset",
  description:
    "`at=ts:<ISO 8601 or ms>`: the first record at or past that time, null when there is none. `max_timestamp`: the record " +
    "with the latest time. `earliest`, `latest`: the ends of the log. With `isolation=read_committed` (default) a record past " +
    "the last stable offset is not found yet.",
  params: partitionParams,
  query: offsetsQuery,
  responses: {
    200: { description: "The offset.", content: { "application/json": foundOffset } },
  },
  async handle({ door, context, params, query }) {
    const { topic, partition } = params;
    const isolation = query.isolation ?? "read_committed";
    const { at } = query;
    if (at.at === "offset" || at.at === "tail")
      throw new Refusal("invalid_request", "query.at: must name a time or an end.");
    const spec: OffsetSpec = at.at === "earliest" ? at : { ...at, isolation };
    const found = await door.broker.findOffset(context, topic, partition, spec);
    return json(
      {
        offset: found.offset < 0 ? null : found.offset,
        timestamp: found.timestampMs < 0 ? null : found.timestampMs,
        log_start: found.logStart,
        high_watermark: found.highWatermark,
        last_stable: found.lastStable,
        epoch: found.epoch,
      } satisfies InferOutput<typeof foundOffset>,
      200,
      { "cache-control": "no-store" },
    );
  },
});
