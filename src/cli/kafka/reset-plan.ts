/**
 * Reset plans: offsets as rows of CSV that kafka-consumer-groups.sh writes (`--export`) and takes again (`--from-file`).
 *
 * - A row is `topic,partition,offset` where one group is named, `group,topic,partition,offset` where several are.
 * - Kafka's rows hold no quotes: no name of a topic needs any. A group whose name does is quoted as CSV does.
 */
import { ToolError } from "./connect.ts";
import type { NewOffset } from "./group-resets.ts";

/** One row as cells: of a quoted cell the quotes go, and what stands doubled stands once. */
const CELL = /(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/gy;

/** The rows of a plan, one a line, and the empty line behind them that Kafka's tool prints. */
export function planText(
  plan: readonly (NewOffset & { readonly group: string })[],
  isOneGroup: boolean,
): string {
  const rows = plan.map(({ group, topic, partition, offset }) => {
    const place = `${topic},${partition},${offset}`;
    return isOneGroup ? `${place}\n` : `${quoted(group)},${place}\n`;
  });
  return `${rows.join("")}\n`;
}

/** A plan's offsets by group; rows without a group are of `group`. Throws ToolError for what is no row of a plan. */
export function planOf(
  text: string,
  group: string | undefined,
): ReadonlyMap<string, readonly NewOffset[]> {
  const plan = new Map<string, NewOffset[]>();
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const found = cells(line);
    const [owner, topic, partition, offset] =
      found.length === 3 && group !== undefined ? [group, ...found] : found;
    const isRow =
      found.length <= 4 &&
      owner !== undefined &&
      topic !== undefined &&
      /^\d{1,9}$/.test(partition ?? "") &&
      /^\d{1,15}$/.test(offset ?? "");
    if (!isRow)
      throw new ToolError(
        `line ${at + 1} of the plan is "${line}", not ${group === undefined ? "group,topic,partition,offset" : "topic,partition,offset"}, as --export writes it`,
      );
    const rows = plan.get(owner) ?? [];
    rows.push({ topic, partition: Number(partition), offset: Number(offset) });
    plan.set(owner, rows);
  }
  return plan;
}

function cells(line: string): readonly string[] {
  return [...line.matchAll(CELL)].map(
    ([, inQuotes, bare = ""]) => inQuotes?.replaceAll('""', '"') ?? bare.trim(),
  );
}

function quoted(name: string): string {
  return /[",\s]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
