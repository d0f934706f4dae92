/**
 * When a consumer group's patterns are matched with the topics, and what becomes of it.
 *
 * - All patterns of a group are matched together, outside of the step, so that one change of topics makes one rebalance: when
 *   a pattern is new, when topics have changed, and every `group.consumer.regex.refresh.interval.ms`; never twice within
 *   REFRESH_MIN_MS.
 * - A pattern that nobody uses any more is forgotten with its last member.
 */
import type { ConsumerDraft } from "./draft.ts";
import {
  type ConsumerGroup,
  type ConsumerMember,
  factsKey,
  type RegexesResolved,
  sameTexts,
} from "./state.ts";
import { bumpEpoch } from "./epoch.ts";

const REFRESH_MIN_MS = 10_000;
/** After this long an answer is no longer waited for. */
const RESOLVING_MAX_MS = 60_000;

/**
 * Notes that `member` (applied already) had the pattern `before`; says whether the group's topics have changed by it now.
 * Asks for the patterns to be matched where that is due.
 */
export function updateRegexes(
  draft: ConsumerDraft,
  member: ConsumerMember,
  before: string | null,
): "unchanged" | "changed" | "resolved" {
  const now = member.topicRegex;
  let status: "unchanged" | "changed" | "resolved" = "unchanged";
  if ((before ?? "") !== (now ?? "")) {
    status = !now || draft.group.regexes.has(now) ? "resolved" : "changed";
    if (before) forgetUnused(draft, before);
  }
  refreshIfDue(draft);
  return status;
}

/** Forgets what the pattern has matched, if no member uses it any more. */
export function forgetUnused(draft: ConsumerDraft, pattern: string): void {
  if (!draft.group.regexes.has(pattern)) return;
  for (const { topicRegex } of draft.group.members.values()) if (topicRegex === pattern) return;
  draft.emit({ type: "regex-gone", pattern });
}

const patternsByFacts = new WeakMap<object, ReadonlySet<string>>();

/** The patterns that members use; looked through once for as long as they stay the same. */
function patternsOf(group: ConsumerGroup): ReadonlySet<string> {
  const key = factsKey(group);
  const known = patternsByFacts.get(key);
  if (known) return known;
  const used = new Set<string>();
  for (const { topicRegex } of group.members.values()) if (topicRegex) used.add(topicRegex);
  patternsByFacts.set(key, used);
  return used;
}

function refreshIfDue(draft: ConsumerDraft): void {
  const { group, env } = draft;
  const patterns = patternsOf(group);
  if (patterns.size === 0 || env.nowMs < group.soft.resolvingUntilMs) return;
  let lastMs = -Infinity;
  let version = Infinity;
  let unresolved = false;
  for (const pattern of patterns) {
    const resolved = group.regexes.get(pattern);
    if (!resolved) unresolved = true;
    lastMs = Math.max(lastMs, resolved?.atMs ?? -Infinity);
    version = Math.min(version, resolved?.version ?? Infinity);
  }
  if (env.nowMs <= lastMs + REFRESH_MIN_MS) return;
  const stale = version < env.image.topicsIndex;
  if (!unresolved && !stale && env.nowMs <= lastMs + env.config.consumer.regexRefreshMs) return;
  draft.setSoft({ resolvingUntilMs: env.nowMs + RESOLVING_MAX_MS });
  draft.effects.push({ type: "resolve-regexes", patterns: [...patterns] });
}

/** Takes what the patterns have matched; another match is another group epoch. */
export function regexesResolved(draft: ConsumerDraft, input: RegexesResolved): void {
  draft.setSoft({ resolvingUntilMs: 0 });
  const used = patternsOf(draft.group);
  let changed = false;
  for (const [pattern, topicNames] of input.matched) {
    if (!used.has(pattern)) continue;
    const before = draft.group.regexes.get(pattern)?.topicNames ?? [];
    const same = sameTexts(before, topicNames);
    if (!same) changed = true;
    const resolved = {
      topicNames: same ? before : topicNames,
      version: input.version,
      atMs: draft.env.nowMs,
    };
    draft.emit({ type: "regex", pattern, resolved });
  }
  bumpEpoch(draft, changed ? "always" : "if-topics-changed");
}
