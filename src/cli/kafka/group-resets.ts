/**
 * Where a group is to go on reading: the ways of Kafka's tools to say it, and the commit that does it.
 */
import { offsetCommit } from "../../kafka/apis/08-offset-commit.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check } from "../../kafka/client-error.ts";
import { UsageError } from "../../lib/setting.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import { exitCodes } from "../exit.ts";
import { ToolError } from "./connect.ts";
import { byPlace, committedOffsets, keyOf } from "./group-queries.ts";
import { EARLIEST, LATEST, offsetsAt, type Place } from "./offsets.ts";

export type Reset =
  | { readonly to: "earliest" | "latest" | "current" }
  | { readonly to: "offset"; readonly offset: number }
  | { readonly to: "after-start" | "before-end"; readonly count: number }
  | { readonly to: "shift"; readonly by: number }
  | { readonly to: "time"; readonly timestampMs: number }
  | { readonly to: "plan"; readonly offsets: ReadonlyMap<string, readonly NewOffset[]> };

export interface NewOffset extends Place {
  readonly offset: number;
}

/** The last version of OffsetCommit that names topics. */
const NAMES_VERSION = 9;

/** What `topic`, `topic:0,2` and so on name, of what there is. Throws UsageError, ToolError for what is not there. */
export async function placesNamed(
  client: KafkaClient,
  specs: readonly string[],
): Promise<readonly Place[]> {
  const wanted = specs.map((spec) => {
    const [, topic = "", numbers] = /^([^:]+)(?::([^:]+))?$/.exec(spec) ?? [];
    if (topic === "")
      throw new UsageError(`Invalid topic arg '${spec}', expected topic name and partitions`);
    const partitions = numbers?.split(",").map((text) => {
      if (/^\d{1,9}$/.test(text)) return Number(text);
      throw new UsageError(`Invalid partition '${text}' specified in topic arg '${spec}'`);
    });
    return { topic, partitions };
  });
  const topics = await client.topics(wanted.map(({ topic }) => topic));
  return wanted
    .flatMap(({ topic, partitions }) => {
      const there = topics.find(({ name }) => name === topic);
      if (!there) throw new ToolError(`Topic ${topic} does not exist.`, exitCodes.notFound);
      const all = there.partitions.map(({ partition }) => partition);
      const missing = partitions?.filter((partition) => !all.includes(partition)) ?? [];
      if (missing.length > 0)
        throw new ToolError(
          `The partitions "${missing.map((partition) => keyOf({ topic, partition })).join(",")}" do not exist`,
          exitCodes.notFound,
        );
      return (partitions ?? all).map((partition) => ({ topic, partition }));
    })
    .toSorted(byPlace);
}

/** Where each place goes; within what the log has, which `note` is told. Throws KafkaError. */
export async function newOffsets(
  client: KafkaClient,
  group: string,
  places: readonly Place[],
  reset: Reset,
  note: (text: string) => Promise<void> = async () => {},
): Promise<readonly NewOffset[]> {
  const [starts, ends] = await Promise.all([
    offsetsAt(client, places, EARLIEST),
    offsetsAt(client, places, LATEST),
  ]);
  const committed = await wasAt(client, group, reset);
  const timed =
    reset.to === "time" ? await offsetsAt(client, places, reset.timestampMs) : undefined;
  const outside: string[] = [];
  const found = places.map((place, at) => {
    const start = starts[at]?.offset ?? 0;
    const end = ends[at]?.offset ?? 0;
    const current = committed.get(keyOf(place));
    const timedAt = timed?.[at]?.offset ?? end;
    const wanted = target(reset, { group, start, end, current, timed: timedAt, place });
    const offset = Math.min(Math.max(wanted, start), end);
    if (wanted !== offset)
      outside.push(
        `WARN New offset (${wanted}) is ${wanted > end ? "higher than latest" : "lower than earliest"} offset for topic partition ${keyOf(place)}. Value will be set to ${offset}`,
      );
    return { ...place, offset };
  });
  for (const text of outside) await note(text);
  return found;
}

async function wasAt(
  client: KafkaClient,
  group: string,
  { to }: Reset,
): Promise<ReadonlyMap<string, number>> {
  if (to !== "shift" && to !== "current") return new Map();
  const committed = await committedOffsets(client, group);
  return new Map(committed.map((each) => [keyOf(each), each.committed]));
}

function target(
  reset: Reset,
  at: {
    readonly group: string;
    readonly start: number;
    readonly end: number;
    readonly current: number | undefined;
    readonly timed: number;
    readonly place: Place;
  },
): number {
  switch (reset.to) {
    case "earliest":
      return at.start;
    case "latest":
      return at.end;
    case "current":
      return at.current ?? at.end;
    case "offset":
      return reset.offset;
    case "after-start":
      return at.start + reset.count;
    case "before-end":
      return at.end - reset.count;
    case "time":
      return at.timed;
    case "plan":
      return planned(reset.offsets.get(at.group), at.place) ?? at.end;
    case "shift":
      if (at.current === undefined)
        throw new UsageError(
          `Cannot shift offset for partition ${keyOf(at.place)} since there is no current committed offset`,
        );
      return at.current + reset.by;
    default:
      return reset satisfies never;
  }
}

function planned(offsets: readonly NewOffset[] | undefined, place: Place): number | undefined {
  return offsets?.find((each) => keyOf(each) === keyOf(place))?.offset;
}

/** Commits them for a group without members. Throws KafkaError. */
export async function commitOffsets(
  client: KafkaClient,
  group: string,
  offsets: readonly NewOffset[],
  member: { readonly id: string; readonly generation: number } = { id: "", generation: -1 },
): Promise<void> {
  const topics = [...new Set(offsets.map(({ topic }) => topic))].map((name) => ({
    name,
    topicId: zeroUuid,
    partitions: offsets
      .filter(({ topic }) => topic === name)
      .map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedMetadata: "",
      })),
  }));
  const request = {
    groupId: group,
    generationIdOrMemberEpoch: member.generation,
    memberId: member.id,
    topics,
  };
  const judge = (answer: {
    topics: readonly { partitions: readonly { errorCode: number }[] }[];
  }) => {
    for (const { partitions } of answer.topics)
      for (const { errorCode } of partitions) check(errorCode);
  };
  await client.ask({ to: "group", key: group }, offsetCommit, request, judge, {
    versionMax: NAMES_VERSION,
  });
}

/** `P7DT1H30M` and such in milliseconds. */
export function isoDurationMs(text: string): number {
  const match =
    /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i.exec(text) ?? undefined;
  if (!match || text.length < 3) throw new ToolError(`"${text}" is no duration such as P1DT2H30M.`);
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = match.map((each) => Number(each ?? 0));
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}

/** `2026-11-21T12:00:00.000`, in UTC where it names no zone, as Kafka's tools take it. */
export function dateTimeMs(text: string): number {
  const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/.test(text) ? text : `${text}Z`;
  const timestampMs = Date.parse(zoned);
  if (Number.isNaN(timestampMs))
    throw new ToolError(`"${text}" is no time such as 2026-01-31T12:00:00.000.`);
  return timestampMs;
}
