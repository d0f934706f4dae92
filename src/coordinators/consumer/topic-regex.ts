/**
 * Topic names by regular expression, in RE2's syntax, as KIP-848 lets the broker resolve them.
 *
 * - `re2js` is a port of RE2: it matches in time linear in the text, whatever the pattern, and has no back-references. It is
 *   loaded at the first pattern. A name matches as a whole, as in Kafka.
 * - A pattern is at most PATTERN_LENGTH_MAX characters and compiles to at most PROGRAM_SIZE_MAX steps; past that, or if it
 *   is no RE2 pattern, it is refused with invalid_regular_expression.
 * - Resolving yields between slices of names. Internal topics match like any other, as Kafka has it.
 */
import type { Clock } from "../../lib/clock.ts";
import { Refusal } from "../../lib/refusal.ts";

const PATTERN_LENGTH_MAX = 4096;
const PROGRAM_SIZE_MAX = 5000;
const SLICE_MS = 5;
/** Names matched between two looks at the clock. */
const NAMES_PER_LOOK = 64;

/** A pattern that was compiled: says whether a topic name matches as a whole. */
export type TopicRegex = (name: string) => boolean;

/** Compiles a pattern; refuses one that is not RE2 or too large. */
export async function topicRegex(pattern: string): Promise<TopicRegex> {
  if (pattern.length > PATTERN_LENGTH_MAX) {
    throw invalid(pattern, `it is longer than ${PATTERN_LENGTH_MAX} characters`);
  }
  const { RE2JS } = await import("re2js");
  let compiled;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    throw invalid(pattern, error instanceof Error ? error.message : String(error));
  }
  if (compiled.programSize() > PROGRAM_SIZE_MAX) {
    throw invalid(pattern, `it compiles to more than ${PROGRAM_SIZE_MAX} steps`);
  }
  return (name) => compiled.testExact(name);
}

function invalid(pattern: string, why: string): Refusal {
  const shown = pattern.length > 64 ? `${pattern.slice(0, 64)}...` : pattern;
  return new Refusal(
    "invalid_regular_expression",
    `SubscribedTopicRegex \`${shown}\` is not a valid regular expression: ${why}.`,
  );
}

/**
 * The names each pattern matches, sorted. Yields every few milliseconds, so `names` is a copy. A pattern that is refused
 * matches nothing: it was checked when its member brought it.
 */
export async function resolveTopicRegexes(
  patterns: readonly string[],
  names: readonly string[],
  clock: Clock,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const resolved = new Map<string, readonly string[]>();
  let sliceEndMs = clock.monotonicMs() + SLICE_MS;
  for (const pattern of patterns) {
    const matches = await regexOrNothing(pattern);
    const matched: string[] = [];
    for (const [at, name] of names.entries()) {
      if (matches(name)) matched.push(name);
      if (at % NAMES_PER_LOOK === 0 && clock.monotonicMs() >= sliceEndMs) {
        await clock.turn();
        sliceEndMs = clock.monotonicMs() + SLICE_MS;
      }
    }
    resolved.set(pattern, matched.toSorted());
  }
  return resolved;
}

async function regexOrNothing(pattern: string): Promise<TopicRegex> {
  try {
    return await topicRegex(pattern);
  } catch (error) {
    if (error instanceof Refusal) return () => false;
    throw error;
  }
}
