/**
 * The kept results, and the pages made of them: `results/latest.json` holds each bench's newest figures with the machine
 * and the commit they come from; the table in the README is made from it and from nothing else.
 */
import { mkdir } from "node:fs/promises";
import { arch, cpus, platform, totalmem } from "node:os";
import { join } from "node:path";
import type { Bench, Figure, Goal, Scale } from "./harness.ts";
import { root } from "./subjects.ts";

export interface Kept {
  readonly about: {
    readonly at: string;
    readonly commit: string;
    readonly scale: Scale["name"];
    readonly machine: string;
    readonly leftOut: readonly string[];
  };
  readonly figures: readonly Figure[];
}

export type Results = Readonly<Record<string, Kept>>;

const file = join(root, "test/bench/results/latest.json");

export async function readResults(): Promise<Results> {
  const kept = Bun.file(file);
  // Written by `keep` alone.
  return (await kept.exists()) ? ((await kept.json()) as Results) : {};
}

function git(...words: string[]): string {
  const { stdout, success } = Bun.spawnSync(["git", ...words], { cwd: root });
  return success ? stdout.toString().trim() : "unknown";
}

function machine(): string {
  const gib = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores, ${gib} GiB, ${platform()} ${arch()}, Bun ${Bun.version}`;
}

const rounded = (value: number): number => Number(value.toPrecision(4));

/** A bench's figures with what they were measured on. */
export function resultOf(
  scale: Scale,
  leftOut: readonly string[],
  figures: readonly Figure[],
): Kept {
  return {
    about: {
      at: new Date().toISOString(),
      commit: git("rev-parse", "--short", "HEAD"),
      scale: scale.name,
      machine: machine(),
      leftOut,
    },
    figures: figures.map((each) => ({
      ...each,
      value: rounded(each.value),
      low: rounded(each.low),
      high: rounded(each.high),
      more: Object.fromEntries(Object.entries(each.more).map(([key, n]) => [key, rounded(n)])),
    })),
  };
}

/** Files a bench's figures under its name, in place of those it had. */
export async function keep(name: string, kept: Kept): Promise<void> {
  await mkdir(join(file, ".."), { recursive: true });
  await Bun.write(file, resultsText({ ...(await readResults()), [name]: kept }));
}

/** A line a figure, so that a commit shows which ones moved. */
function resultsText(results: Results): string {
  const benches = Object.entries(results).map(([name, { about, figures }]) => {
    const lines = figures.map((each) => `    ${JSON.stringify(each)}`).join(",\n");
    return ` ${JSON.stringify(name)}: {\n  "about": ${JSON.stringify(about)},\n  "figures": [\n${lines}\n  ]\n }`;
  });
  return `{\n${benches.join(",\n")}\n}\n`;
}

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");
}

function shown(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

/** Every figure of one bench with its spread and its costs. */
export function figuresTable(kept: Kept): string {
  const extras = [...new Set(kept.figures.flatMap(({ more }) => Object.keys(more)))];
  const unit = kept.figures[0]?.unit ?? "";
  return table(
    ["case", "who", `${unit}, median`, "lowest to highest", ...extras],
    kept.figures.map((each) => [
      each.case,
      each.subject,
      shown(each.value),
      `${shown(each.low)} to ${shown(each.high)}`,
      ...extras.map((extra) => shown(each.more[extra] ?? Number.NaN)),
    ]),
  );
}

export interface Verdict {
  readonly goal: Goal;
  readonly ours: Figure;
  readonly theirs: Figure | null;
  /** What is compared of each: the figure itself, or one of what came with it. */
  readonly ourValue: number;
  readonly theirValue: number | null;
  /** The ratio ours to theirs, or our value where there is no peer. */
  readonly measured: number;
  readonly met: boolean;
}

/** Holds the goals of a bench against its figures; a goal whose figures are not there is left out. */
export function verdicts(bench: Bench, kept: Kept): Verdict[] {
  const find = (name: string, subject: string) =>
    kept.figures.find((each) => each.case === name && each.subject === subject);
  return bench.goals.flatMap((goal) => {
    const ours = find(goal.case, goal.subject);
    const theirs = goal.beside === null ? null : find(goal.besideCase ?? goal.case, goal.beside);
    if (!ours || theirs === undefined) return [];
    const ourValue = valueOf(ours, goal);
    const theirValue = theirs && valueOf(theirs, goal);
    const measured = theirValue === null ? ourValue : ourValue / theirValue;
    const met =
      measured >= (goal.least ?? 0) && measured <= (goal.most ?? Number.POSITIVE_INFINITY);
    return [{ goal, ours, theirs, ourValue, theirValue, measured, met }];
  });
}

function valueOf({ value, more }: Figure, { on }: Goal): number {
  return on === undefined ? value : (more[on] ?? Number.NaN);
}

/** What goals may be set on beside the figure itself. */
const unitsOf: Readonly<Record<string, string>> = {
  p99Ms: "ms p99",
  cpuMsPerMb: "ms CPU/MB",
};

function verdictRow(bench: Bench, verdict: Verdict): string[] {
  const { goal, ours, ourValue, theirValue, measured, met } = verdict;
  const besideCase = goal.besideCase === undefined ? "" : `, ${goal.besideCase}`;
  const unit = goal.on === undefined ? ours.unit : (unitsOf[goal.on] ?? goal.on);
  const factor = theirValue === null ? ` ${unit}` : "x";
  return [
    `${bench.name}, ${goal.case}`,
    `${goal.subject}: ${shown(ourValue)} ${unit}`,
    theirValue === null ? "" : `${goal.beside}${besideCase}: ${shown(theirValue)}`,
    `${shown(measured)}${factor}`,
    `${boundOf(goal, factor)}${met ? "" : " (missed)"}`,
  ];
}

function boundOf({ least, most }: Goal, unit: string): string {
  if (least !== undefined) return `at least ${least}${unit}`;
  return most === undefined ? "told" : `at most ${most}${unit}`;
}

/** The table of ratios, with what it was measured on. */
export function ratiosTable(benches: readonly Bench[], results: Results): string {
  const rows = benches.flatMap((bench) => {
    const kept = results[bench.name];
    return kept ? verdicts(bench, kept).map((verdict) => verdictRow(bench, verdict)) : [];
  });
  return table(["what", "kedge", "beside", "measured", "goal"], rows);
}

/** The whole page: ratios first, then each bench's figures. */
export function report(benches: readonly Bench[], results: Results): string {
  const parts = benches.flatMap((bench) => {
    const kept = results[bench.name];
    if (!kept) return [];
    const { at, commit, scale, machine, leftOut } = kept.about;
    return [
      `### ${bench.name}`,
      `${bench.about}. ${at.slice(0, 10)}, ${commit}, ${scale}; ${machine}.`,
      ...leftOut,
      figuresTable(kept),
    ];
  });
  return [ratiosTable(benches, results), ...parts].join("\n\n");
}
