/**
 * Members of groups over HTTP: join by PUT, poll by POST, leave by DELETE; and the same in one call, as a stream.
 *
 * - A poll is heartbeat, commit and fetch in one. Its `poll_id`, sent again, gives the same records, so that a lost answer loses
 *   none. A member whose epoch is stale is fenced (409) and joins again.
 * - Two clients under one name: the one that joined last has it, the other's polls are refused (409 `fenced_instance_id`). They
 *   are told apart by `incarnation`, a text of the client's own; without one, the newer of two polls ends the older.
 */
import type { InferOutput } from "valibot";
import type { PollJoin } from "../../broker/polling/verbs.ts";
import type { Context } from "../../broker/verbs.ts";
import type { Connection } from "../../lib/platform.ts";
import { Refusal } from "../../lib/refusal.ts";
import { groupStream } from "../reading/group-stream.ts";
import { bytesRead, renderPages } from "../reading/polled.ts";
import { listed } from "../reading/records-text.ts";
import { problemOf } from "../answers/problem.ts";
import { LINES_TYPE } from "../producing/produce-stream.ts";
import { empty, json, jsonText } from "../answers/reply.ts";
import { defineRoute } from "../route.ts";
import {
  groupParams,
  joinBody,
  joined,
  memberParams,
  pollBody,
  polled,
  streamQuery,
} from "../schema/group.ts";
import { type Making, tooMany } from "../answers/untaken.ts";
import { recordOut } from "../schema/record.ts";
import { noQuery } from "../schema/shapes.ts";

const TAG = "groups";
const RECORDS_DEFAULT = 500;
const BYTES_DEFAULT = 1024 * 1024;
const SESSION_DEFAULT_MS = 45_000;
/** Past this a silent connection must be held open, or the runtime closes it as idle. */
const HOLD_PAST_MS = 1_000;

const live = { "cache-control": "no-store" };

export const joinGroup = defineRoute({
  method: "PUT",
  path: "/v1/groups/{group}/members/{member}",
  tag: TAG,
  summary: "Join a group",
  description:
    "The client chooses the member's id; asked again, the member goes on from what it committed. `topics`, or `topic_regex` " +
    "in RE2's syntax. A topic may be made later: `unknown_topics` names those that are not there yet, or are misspelt. Where nothing was committed it begins at `reset` (earliest). Kafka consumers may be in the same group.",
  params: memberParams,
  query: noQuery,
  body: joinBody,
  responses: { 200: { description: "A member.", content: { "application/json": joined } } },
  async handle({ door, context, params, body, connection }) {
    const { group, member } = params;
    const answer = await door.broker.polling.join(from(context, connection), group, member, {
      ...subscription(body.topics, body.topic_regex),
      instanceId: body.instance_id ?? null,
      incarnation: body.incarnation ?? null,
      assignor: body.assignor ?? null,
      reset: body.reset ?? "earliest",
      sessionMs: body.session_ms ?? null,
      rebalanceMs: body.rebalance_ms ?? null,
    });
    return json({
      member_epoch: answer.memberEpoch,
      assignment: [...answer.assignment].map(({ topic, partitions }) => ({
        topic,
        partitions: [...partitions],
      })),
      poll_by_ms: body.session_ms ?? SESSION_DEFAULT_MS,
      ...(answer.unknownTopics.length > 0 ? { unknown_topics: [...answer.unknownTopics] } : {}),
    } satisfies InferOutput<typeof joined>);
  },
});

/** Who looks at the group sees where its members are; a poll need not say it again. */
function from(context: Context, connection: Connection | null): Context {
  return connection ? { ...context, host: connection.address() } : context;
}

function subscription(
  topics: readonly string[] | undefined,
  regex: string | undefined,
  topicsName: "topics" | "topic" = "topics",
): Pick<PollJoin, "topicNames" | "topicRegex"> {
  if ((topics === undefined || topics.length === 0) && regex === undefined) {
    throw new Refusal(
      "invalid_request",
      `Name at least one topic in \`${topicsName}\`, or a \`topic_regex\`.`,
    );
  }
  return { topicNames: topics ?? [], topicRegex: regex ?? null };
}

export const pollGroup = defineRoute({
  method: "POST",
  path: "/v1/groups/{group}/members/{member}/poll",
  tag: TAG,
  summary: "Poll: heartbeat, commit and fetch in one",
  description:
    "Commits `commit`, gives up what was taken from the member, then answers with records of what it has, or after " +
    "`wait_ms`, or when its assignment changes. Send the answer's `next` as `commit` of the next poll, and the same `poll_id` " +
    "again when an answer was lost. Of two polls at once the older is refused (409 `fenced_instance_id`), and so is every poll " +
    "with another `incarnation` than that of the last join: another client took over the member's name, give up.",
  params: memberParams,
  query: noQuery,
  body: pollBody,
  responses: {
    200: {
      description: "Records, and what to commit after them.",
      content: { "application/json": polled },
    },
  },
  async handle(call) {
    const { door, context, params, body, request, connection } = call;
    const { group, member } = params;
    const { untaken } = door;
    const bytesMax = body.max_bytes ?? BYTES_DEFAULT;
    const waitMs = body.wait_ms ?? 0;
    if (waitMs > HOLD_PAST_MS) connection?.hold();
    const isolation = body.isolation ?? "read_committed";
    const makings: Making[] = [];
    try {
      const answer = await door.broker.polling.poll(
        context,
        group,
        member,
        {
          memberEpoch: body.member_epoch,
          incarnation: body.incarnation ?? null,
          pollId: body.poll_id,
          commit: body.commit ?? [],
          bytesMin: body.min_bytes ?? 1,
          bytesMax: untaken.fitting(bytesMax),
          waitMs,
          isolation,
          signal: request.signal,
        },
        async (reads) => {
          const held = bytesRead(reads);
          const making = held > 0 ? await untaken.beginHolding(bytesMax, held, call) : null;
          if (making) makings.push(making);
          const recordsMax = body.max_records ?? RECORDS_DEFAULT;
          const form = body.as ?? "auto";
          const bounds = { recordsMax, bytesMax: making?.bytes ?? bytesMax, opener: door.opener };
          const terms = { ...bounds, isolation, form };
          return renderPages(terms, door.broker.traffic, listed)(reads);
        },
      );
      const { unknownTopics } = answer;
      const unknown =
        unknownTopics.length > 0 ? `,"unknown_topics":${JSON.stringify(unknownTopics)}` : "";
      const before = `{"member_epoch":${answer.memberEpoch},"assignment":${JSON.stringify(answer.assignment)},"records":[`;
      const after = `],"next":${JSON.stringify(answer.next)}${unknown}}`;
      const reply = jsonText(answer.value.text.finish(before, after), 200, live);
      // Asked again by its id, the poll gives the same records.
      if (untaken.sizeToWaitFor(reply, makings[0]?.bytes ?? 0) > 0) throw tooMany();
      return reply;
    } catch (error) {
      throw joinFirst(error, group, member);
    } finally {
      for (const making of makings) untaken.end(making);
    }
  },
});

/** Who polls without being a member hears how to become one. */
function joinFirst(error: unknown, group: string, member: string): unknown {
  if (!(error instanceof Refusal)) return error;
  if (error.code !== "unknown_member_id" && error.code !== "group_id_not_found") return error;
  const path = `/v1/groups/${encodeURIComponent(group)}/members/${encodeURIComponent(member)}`;
  return new Refusal(
    error.code,
    `"${member}" is no member of group "${group}", or not any more; join first: PUT ${path} with {"topics":[...]}.`,
  );
}

export const leaveGroup = defineRoute({
  method: "DELETE",
  path: "/v1/groups/{group}/members/{member}",
  tag: TAG,
  summary: "Leave a group",
  params: memberParams,
  query: noQuery,
  responses: { 204: { description: "The member is gone." } },
  async handle({ door, context, params }) {
    await door.broker.polling.leave(context, params.group, params.member);
    return empty(204);
  },
});

export const streamGroup = defineRoute({
  method: "GET",
  path: "/v1/groups/{group}/stream",
  tag: TAG,
  summary: "Consume as a stream",
  description:
    "Joins, polls and commits in one call: one record a line, or server-sent events with `Accept: text/event-stream`. Records " +
    "are committed when the reader takes what comes after them. An empty line, or a comment, comes in silence. Without " +
    "`member` one is made, which leaves when the stream ends. Topics that are not there yet, or are misspelt, are in the header " +
    "`Kafka-Unknown-Topics`, and in an event `unknown_topics`. " +
    'A failure comes as a last line `{"error": {...}}`.',
  params: groupParams,
  query: streamQuery,
  responses: {
    200: {
      description: "Records for as long as the reader stays.",
      content: { [LINES_TYPE]: recordOut, "text/event-stream": recordOut },
      headers: {
        "Kafka-Unknown-Topics": "Topics that are not there, percent-encoded, with commas between.",
      },
    },
  },
  streams: true,
  async handle({ door, context, params, query, request, connection, id }) {
    const { topic, topic_regex: regex } = query;
    const topics = topic === undefined ? undefined : [topic].flat();
    const isEvents = (request.headers.get("accept") ?? "").includes("text/event-stream");
    const type = isEvents ? "text/event-stream" : LINES_TYPE;
    const headers = { ...live, "x-accel-buffering": "no" };
    const join: Omit<PollJoin, "incarnation"> = {
      ...subscription(topics, regex, "topic"),
      instanceId: null,
      assignor: null,
      reset: query.reset ?? "earliest",
      sessionMs: null,
      rebalanceMs: null,
    };
    if (request.method === "HEAD") return { status: 200, type, body: null, headers };
    const isolation = query.isolation ?? "read_committed";
    const { stream, unknownTopics } = await groupStream({
      door,
      context: from(context, connection),
      group: params.group,
      member: query.member ?? null,
      join,
      gone: request.signal,
      isEvents,
      terms: {
        recordsMax: query.max_records ?? RECORDS_DEFAULT,
        bytesMax: BYTES_DEFAULT,
        isolation,
        form: query.as ?? "auto",
        opener: door.opener,
      },
      problem: (error) => problemOf(error, id),
    });
    connection?.hold();
    const unknown = unknownTopics.map(encodeURIComponent).join(",");
    const told = unknown === "" ? {} : { "kafka-unknown-topics": unknown };
    return { status: 200, type, body: stream, headers: { ...headers, ...told } };
  },
});
