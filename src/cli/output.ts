/**
 * Things found, shown: a table for a person at a terminal, a JSON object a line for a pipe.
 */
import { Option } from "commander";
import type { Sink } from "./io.ts";

export type ListFormat = "table" | "json" | "jsonl";

/** A column: its head, and its cell of a thing. */
export type Column<Thing> = readonly [head: string, cell: (thing: Thing) => string | number];

export function outputOption(choices: readonly string[] = ["table", "json", "jsonl"]): Option {
  return new Option("-o, --output <format>", "table on a terminal, jsonl in a pipe").choices(
    choices,
  );
}

export function formatFor<Format extends string>(
  asked: Format | undefined,
  stdout: Sink,
): Format | "table" | "jsonl" {
  return asked ?? (stdout.isTerminal ? "table" : "jsonl");
}

export async function showList<Thing>(
  things: readonly Thing[],
  columns: readonly Column<Thing>[],
  format: ListFormat,
  stdout: Sink,
): Promise<void> {
  if (format === "json") return stdout.write(`${jsonText(things, 2)}\n`);
  if (format === "jsonl")
    return stdout.write(things.map((thing) => `${jsonText(thing)}\n`).join(""));
  return stdout.write(table(things, columns));
}

/** JSON with the API's names, whatever the client calls them: what one script reads off both has one name. */
export function jsonText(thing: unknown, indent = 0): string {
  return JSON.stringify(thing, withWireNames, indent);
}

/** A replacer: `highWatermark` becomes `high_watermark`; Kafka's config names have no capitals, and stay. */
function withWireNames(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const wireName = (name: string) => name.replaceAll(/[A-Z]/g, (it) => `_${it.toLowerCase()}`);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [wireName(name), each]));
}

/** Numbers to the right, text to the left, two spaces between. */
export function table<Thing>(things: readonly Thing[], columns: readonly Column<Thing>[]): string {
  const rendered = columns.map(([head, cell]) => {
    const cells = things.map(cell);
    const texts = cells.map((value) => printable(String(value)));
    const width = Math.max(head.length, ...texts.map((text) => text.length));
    const isNumber = cells.length > 0 && cells.every((value) => typeof value === "number");
    return [head, ...texts].map((text) => (isNumber ? text.padStart(width) : text.padEnd(width)));
  });
  const rows = Array.from({ length: things.length + 1 }, (_, row) =>
    rendered.map((column) => column[row] ?? "").join("  "),
  );
  return rows.map((row) => `${row.trimEnd()}\n`).join("");
}

/** Control characters spelled out: what others wrote into a log must not steer this terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    const known = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
    return known ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
