/**
 * What consumer groups ask of the outside: their patterns matched with the topics' names.
 *
 * - One group after the other, in slices, however many ask; what came of it is posted to the group, again and again while it
 *   does not take it (its shard is being read back).
 */
import type { Image } from "../../cluster/image.ts";
import { Sequence } from "../../lib/async.ts";
import type { Clock } from "../../lib/clock.ts";
import type { ConsumerEffect, RegexesResolved } from "./state.ts";
import { resolveTopicRegexes } from "./topic-regex.ts";

const RETRY_MS = 500;
const TRIES_MAX = 100;

export interface RegexMatcherOptions {
  readonly image: Pick<Image, "topics" | "topicsIndex">;
  readonly clock: Clock;
  /** False: not now. */
  readonly post: (groupId: string, input: RegexesResolved) => boolean;
}

/** Performs the effects of consumer groups. */
export function regexMatcher({
  image,
  clock,
  post,
}: RegexMatcherOptions): (groupId: string, effect: ConsumerEffect) => void {
  const sequence = new Sequence();
  const deliver = (groupId: string, input: RegexesResolved, tries: number): void => {
    if (post(groupId, input) || tries === 0) return;
    clock.after(RETRY_MS, () => deliver(groupId, input, tries - 1));
  };
  return (groupId, { patterns }) => {
    void sequence.run(async () => {
      const version = image.topicsIndex;
      const names = Array.from(image.topics(), ({ name }) => name);
      const matched = await resolveTopicRegexes(patterns, names, clock);
      deliver(groupId, { type: "regexes-resolved", matched, version }, TRIES_MAX);
    });
  };
}
