/**
 * Groups as kafka-consumer-groups.sh prints them.
 */
import type { KafkaClient } from "../../kafka/client.ts";
import { UsageError } from "../../lib/setting.ts";
import {
  byPlace,
  type DescribedGroup,
  type GroupOffset,
  isConsumerGroup,
  type ListedGroup,
  offsetsOfGroup,
} from "./group-queries.ts";
import type { Place } from "./offsets.ts";

/** The least width of a column whose values vary. */
const WIDTH = 15;
const ASSIGNMENT_WIDTH = 20;
const INSTANCE_WIDTH = 17;
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
  checkFilter("state", state, states);
  checkFilter("types", type, ["Classic", "Consumer"]);
  const wanted = (filter: boolean | string | undefined, value: string) =>
    typeof filter !== "string" || namesIn(filter).includes(value.toLowerCase());
  const shown = groups.filter(
    (group) => isConsumerGroup(group) && wanted(state, group.state) && wanted(type, group.type),
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

const states = [
  "CompletingRebalance",
  "Dead",
  "Empty",
  "Reconciling",
  "PreparingRebalance",
  "Stable",
  "Assigning",
];

function namesIn(filter: string): readonly string[] {
  return filter
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
}

/** Throws UsageError for a filter of which nothing can be. */
function checkFilter(
  what: string,
  filter: boolean | string | undefined,
  valid: readonly string[],
): void {
  if (typeof filter !== "string" || filter === "") return;
  const known = valid.map((name) => name.toLowerCase());
  if (namesIn(filter).some((name) => !known.includes(name)))
    throw new UsageError(
      `Invalid ${what} list '${filter}'. Valid ${what === "state" ? "states" : what} are: ${valid.join(", ")}`,
    );
}

export async function offsetsText(
  client: KafkaClient,
  group: DescribedGroup,
  verbose: boolean,
): Promise<string> {
  const offsets = byMember(await offsetsOfGroup(client, group), group);
  if (offsets.length === 0) return "";
  const none = "-";
  const rows = offsets.map((each) => [
    group.group,
    each.topic,
    String(each.partition),
    ...(verbose ? [String(each.leaderEpoch ?? none)] : []),
    String(each.committed ?? none),
    String(each.end ?? none),
    String(each.lag ?? none),
    each.member?.memberId ?? none,
    each.member?.host ?? none,
    each.member?.clientId ?? none,
  ]);
  const head = [
    "GROUP",
    "TOPIC",
    "PARTITION",
    ...(verbose ? ["LEADER-EPOCH"] : []),
    "CURRENT-OFFSET",
    "LOG-END-OFFSET",
    "LAG",
    "CONSUMER-ID",
    "HOST",
    "CLIENT-ID",
  ];
  const widest = widestIn(rows);
  const numbers = verbose ? [WIDTH, WIDTH, WIDTH, WIDTH] : [WIDTH, WIDTH, WIDTH];
  const member = 3 + numbers.length;
  const ends = [widest(WIDTH, member), widest(WIDTH, member + 1), 0];
  return padded([head, ...rows], [widest(WIDTH, 0), widest(WIDTH, 1), 10, ...numbers, ...ends]);
}

/** Those of the member that has the most first, and last those of nobody. */
function byMember(
  offsets: readonly GroupOffset[],
  { members }: DescribedGroup,
): readonly GroupOffset[] {
  const ranked = members.toSorted((one, other) => other.assignment.length - one.assignment.length);
  const rankOf = ({ member }: GroupOffset) =>
    member === null
      ? ranked.length
      : ranked.findIndex(({ memberId }) => memberId === member.memberId);
  return offsets.toSorted((one, other) => rankOf(one) - rankOf(other) || byPlace(one, other));
}

function widestIn(rows: readonly (readonly string[])[]) {
  return (least: number, column: number) =>
    Math.max(least, ...rows.map((row) => row[column]?.length ?? 0));
}

export function membersText({ group, members, targetEpoch }: DescribedGroup, verbose: boolean) {
  const named = members.some(({ instanceId }) => instanceId !== null && instanceId !== "");
  // Members of both protocols: the group is on its way from the older to the newer.
  const mixed = new Set(members.map(({ protocol }) => protocol)).size > 1;
  const rows = members.map((member) => [
    group,
    member.memberId,
    ...(named ? [member.instanceId ?? ""] : []),
    member.host,
    member.clientId,
    String(member.assignment.length),
    ...(verbose
      ? [
          String(member.epoch ?? "-"),
          assignmentText(member.assignment),
          String(targetEpoch ?? "-"),
          assignmentText(member.target),
          ...(mixed ? [String(member.protocol === "consumer")] : []),
        ]
      : [""]),
  ]);
  const more = ["CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT"];
  const head = [
    "GROUP",
    "CONSUMER-ID",
    ...(named ? ["GROUP-INSTANCE-ID"] : []),
    "HOST",
    "CLIENT-ID",
    "#PARTITIONS",
    ...(verbose ? [...more, ...(mixed ? ["UPGRADED"] : [])] : [""]),
  ];
  const widest = widestIn(rows);
  const least = [WIDTH, WIDTH, ...(named ? [INSTANCE_WIDTH] : []), WIDTH, WIDTH, WIDTH];
  const wide = [WIDTH, ASSIGNMENT_WIDTH, WIDTH, ASSIGNMENT_WIDTH];
  const widths = [...least, ...(verbose ? [...wide, 0] : [0])].map((width, column) =>
    width === 0 ? 0 : widest(width, column),
  );
  return padded([head, ...rows], widths);
}

export function groupStateText(described: DescribedGroup, verbose: boolean): string {
  const { group, coordinator, assignor, state, members, epoch, targetEpoch } = described;
  const { host, port, id } = coordinator;
  const place = `${host}:${port}  (${id})`;
  const row = [
    group,
    place,
    assignor === "" ? "-" : assignor,
    state,
    ...(verbose ? [String(epoch ?? "-"), String(targetEpoch ?? "-")] : []),
    String(members.length),
  ];
  const head = [
    "GROUP",
    "COORDINATOR (ID)",
    "ASSIGNMENT-STRATEGY",
    "STATE",
    ...(verbose ? ["GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH"] : []),
    "#MEMBERS",
  ];
  const widths = [Math.max(WIDTH, group.length), Math.max(25, place.length), 20, 20];
  return padded([head, row], [...widths, ...(verbose ? [WIDTH, 25] : []), 0]);
}

/** `topic:0,1;other:2`. */
function assignmentText(places: readonly Place[]): string {
  if (places.length === 0) return "-";
  const byTopic = Map.groupBy(places, ({ topic }) => topic);
  return [...byTopic]
    .map(([topic, each]) => {
      const partitions = each.map(({ partition }) => partition);
      return `${topic}:${partitions.toSorted((one, other) => one - other).join(",")}`;
    })
    .toSorted()
    .join(";");
}
