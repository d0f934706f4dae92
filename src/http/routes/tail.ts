/**
 * `GET /v1/tail`: topics as server-sent events, live, from any place, resumable on any node.
 */
import { problemOf } from "../answers/problem.ts";
import type { Reply } from "../answers/reply.ts";
import { defineRoute } from "../route.ts";
import { tailEvents, tailQuery } from "../schema/tail.ts";
import { eventStream } from "../tail/event-stream.ts";
import { openFeed } from "../tail/open-feed.ts";

const headers = {
  "cache-control": "no-cache, no-store, no-transform",
  "x-accel-buffering": "no",
};

export const tail = defineRoute({
  method: "GET",
  path: "/v1/tail",
  tag: "tail",
  summary: "Follow topics as server-sent events",
  description:
    "Events: `record`, `batch` (with `events=batch`), `gap` where records were removed before this reader, `end` about " +
    "every minute. Each `id` is a cursor over all partitions (at most 256): an EventSource resumes by itself, others send " +
    "the last one as `Last-Event-ID` or `?cursor=`. `topic` may repeat; `topic=orders:0,3` follows some partitions. A " +
    "comment comes every 5 s of silence.",
  query: tailQuery,
  headers: { "Last-Event-ID": "The cursor of the last event; wins over `cursor`." },
  responses: {
    200: { description: "The events.", content: { "text/event-stream": tailEvents } },
  },
  streams: true,
  async handle(call): Promise<Reply> {
    const { door, request, connection, id, query } = call;
    const lastEventId = request.headers.get("last-event-id");
    const feed = await openFeed(call, {
      topics: query.topic,
      from: query.from,
      cursor: lastEventId ? lastEventId : query.cursor,
      as: query.as,
      events: query.events,
      isolation: query.isolation,
      key: query["filter.key"],
      keyBytes: query["filter.key_b64"],
    });
    const type = "text/event-stream";
    if (request.method === "HEAD") return { status: 200, type, body: null, headers };
    connection?.hold();
    const release = connection?.keep();
    const leave = door.tails.enter();
    const body = eventStream({
      feed,
      clock: door.clock,
      random: door.random,
      limits: door.tails.limits,
      stopping: door.tails.stopping,
      gone: request.signal,
      problem: (error) => problemOf(error, id),
      over() {
        leave();
        release?.();
      },
    });
    return { status: 200, type, body, headers };
  },
});
