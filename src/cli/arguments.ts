/**
 * Arguments as people write them: spans of time, places in a log, numbers, `name=value`.
 */
import { InvalidArgumentError } from "commander";
import type { From } from "../client/client.ts";
import { isTopicName, TOPIC_NAME_RULE } from "../lib/topic-name.ts";

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `10m`, `2h`, `7d`, `1h30m` in milliseconds. */
export function durationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    throw new InvalidArgumentError("A span of time is such as 90s, 10m, 2h or 7d.");
  return parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * UNITS[unit as keyof typeof UNITS],
    0,
  );
}

/** How the texts of commands describe `@TIME`. */
export const TIME_WORDS = "@TIME (ISO 8601, epoch milliseconds, or a span ago: @-2h)";

/**
 * `start`, `end`, an offset, `+n` after the start, `-n` before the end, `@TIME`: epoch milliseconds, ISO 8601, or a span
 * ago (`@-10m`).
 */
export function offsetSpec(text: string, nowMs: number = Date.now()): From | { plus: number } {
  if (text === "start" || text === "earliest" || text === "beginning") return "earliest";
  if (text === "end" || text === "latest") return "latest";
  if (/^\d+$/.test(text)) return offset(text);
  if (/^\+\d+$/.test(text)) return { plus: offset(text) };
  if (/^-\d+$/.test(text)) return { tail: offset(text.slice(1)) };
  if (text.startsWith("@")) return timeSpec(text.slice(1), nowMs);
  throw new InvalidArgumentError(
    "A place is start, end, an offset, +n from the start, -n from the end, or @TIME.",
  );
}

function offset(text: string): number {
  const given = Number(text);
  if (Number.isSafeInteger(given)) return given;
  throw new InvalidArgumentError("No log has so many records.");
}

/** Epoch milliseconds; of a longer span the epoch's begin. */
export function spanAgo(spanMs: number, nowMs: number = Date.now()): number {
  return Math.max(0, nowMs - spanMs);
}

/** Date.parse makes a day of nearly any words with a number in them. */
const iso8601 = /^\d{4}-\d\d-\d\d/;

function timeSpec(text: string, nowMs: number): Date {
  const at = /^\d+$/.test(text)
    ? Number(text)
    : text.startsWith("-")
      ? spanAgo(durationMs(text.slice(1)), nowMs)
      : iso8601.test(text)
        ? Date.parse(text)
        : Number.NaN;
  // What no Date can hold, either.
  if (Number.isNaN(new Date(at).getTime()))
    throw new InvalidArgumentError(
      "A time is epoch milliseconds, ISO 8601, or a span ago (@-10m).",
    );
  return new Date(at);
}

/** @throws InvalidArgumentError for what no topic can be called. */
export function topicName(text: string): string {
  if (isTopicName(text)) return text;
  const comma = text.includes(",") ? " Several topics are not joined by commas." : "";
  throw new InvalidArgumentError(`${TOPIC_NAME_RULE}${comma}`);
}

/** The same, gathered over arguments. */
export function topicNames(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, topicName(text)];
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new InvalidArgumentError("It must be a whole number, 0 or more.");
  return Number(text);
}

/** A whole number that may be negative, as Kafka's tools take them. */
export function integer(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

/** `name=value`, gathered in order over repeated options: a name may come twice. */
export function pair(
  text: string,
  before: readonly (readonly [name: string, value: string])[] = [],
): readonly (readonly [name: string, value: string])[] {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It is written name=value.");
  return [...before, [text.slice(0, at), text.slice(at + 1)]];
}

/** `name=value`, gathered over repeated options. */
export function assignment(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It is written name=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
