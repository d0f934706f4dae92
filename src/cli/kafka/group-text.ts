/**
 * Groups as kafka-consumer-groups.sh prints them.
 */
import type { KafkaClient } from "../../kafka/client.ts";
import { type DescribedGroup, type ListedGroup, offsetsOfGroup } from "./group-queries.ts";
import type { Place } from "./offsets.ts";

/** The least width of a column whose values vary. */
const WIDTH = 15;
const ASSIGNMENT_WIDTH = 20;
/** What a list adds to its widest name, and the width of its other columns. */
const LISTED_MORE = 10;
const LISTED_WIDTH = 20;

/** A blank line, then rows whose cells are filled up to the widths, one space between them; 0 is as it is. */
export function padded(rows: readonly (readonly string[])[], widths: readonly number[]): string {
  const lines = rows.map((cells) =>
    cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" "),
  );
  return `\n${lines.map((line) => `${line}\n`).join("")}`;
}

export function listText(
  groups: readonly ListedGroup[],
  { state, type }: { readonly state?: boolean | string; readonly type?: boolean | string },
): string {
  const wanted = (filter: boolean | string | undefined, value: string) =>
    typeof filter !== "string" || filter.toLowerCase().split(",").includes(value.toLowerCase());
  const shown = groups.filter(
    (group) =>
      ["", "consumer"].includes(group.protocolType) &&
      wanted(state, group.state) &&
      wanted(type, group.type),
  );
  if (state === undefined && type === undefined)
    return shown.map(({ group }) => `${group}\n`).join("");
  const rows = [
    ["GROUP", ...(type === undefined ? [] : ["TYPE"]), ...(state === undefined ? [] : ["STATE"])],
    ...shown.map((group) => [
      group.group,
      ...(type === undefined ? [] : [group.type]),
      ...(state === undefined ? [] : [group.state]),
    ]),
  ];
  const width = LISTED_MORE + Math.max(WIDTH, ...shown.map(({ group }) => group.length));
  return padded(rows, [width, LISTED_WIDTH, LISTED_WIDTH]).slice(1);
}

export async function offsetsText(client: KafkaClient, group: DescribedGroup): Promise<string> {
  const offsets = await offsetsOfGroup(client, group);
  if (offsets.length === 0) return "";
  const none = "-";
  const rows = offsets.map(({ topic, partition, committed, end, lag, member }) => [
    group.group,
    topic,
    String(partition),
    String(committed ?? none),
    String(end ?? none),
    String(lag ?? none),
    member?.memberId ?? none,
    member?.host ?? none,
    member?.clientId ?? none,
  ]);
  const head = [
    "GROUP",
    "TOPIC",
    "PARTITION",
    "CURRENT-OFFSET",
    "LOG-END-OFFSET",
    "LAG",
    "CONSUMER-ID",
    "HOST",
    "CLIENT-ID",
  ];
  const widest = (column: number) =>
    Math.max(WIDTH, ...rows.map((row) => row[column]?.length ?? 0));
  return padded([head, ...rows], [widest(0), widest(1), 10, 15, 15, 15, widest(6), widest(7), 0]);
}

export function membersText({ group, members }: DescribedGroup, verbose: boolean): string {
  // Epochs and targets are the newer protocol's.
  const more = ["CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT"];
  const rows = members.map((member) => [
    group,
    member.memberId,
    member.host,
    member.clientId,
    String(member.assignment.length),
    ...(verbose ? ["-", assignmentText(member.assignment), "-", "-"] : [""]),
  ]);
  const head = [
    "GROUP",
    "CONSUMER-ID",
    "HOST",
    "CLIENT-ID",
    "#PARTITIONS",
    ...(verbose ? more : [""]),
  ];
  const widest = (least: number, column: number) =>
    Math.max(least, ...rows.map((row) => row[column]?.length ?? 0));
  const widths = [0, 1, 2, 3].map((column) => widest(WIDTH, column));
  const wide = verbose ? [WIDTH, widest(ASSIGNMENT_WIDTH, 6), WIDTH, ASSIGNMENT_WIDTH] : [];
  return padded([head, ...rows], [...widths, WIDTH, ...wide]);
}

export function groupStateText({
  group,
  coordinator,
  assignor,
  state,
  members,
}: DescribedGroup): string {
  const { host, port, id } = coordinator;
  const place = `${host}:${port}  (${id})`;
  const row = [group, place, assignor === "" ? "-" : assignor, state, String(members.length)];
  const head = ["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS"];
  const width = Math.max(WIDTH, group.length);
  return padded([head, row], [width, Math.max(25, place.length), 20, 20, 0]);
}

/** `topic:0,1;other:2`. */
function assignmentText(places: readonly Place[]): string {
  if (places.length === 0) return "-";
  const byTopic = Map.groupBy(places, ({ topic }) => topic);
  return [...byTopic]
    .map(([topic, each]) => `${topic}:${each.map(({ partition }) => partition).join(",")}`)
    .join(";");
}
