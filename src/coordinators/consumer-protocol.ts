/**
 * The little that a coordinator reads of what consumers say to each other: which topics they are subscribed to.
 *
 * ```
 * version i16 | topics: count i32, each length i16 and UTF-8 | … (later versions only add behind it)
 * ```
 */
import type { ClassicMember } from "./classic-state.ts";

const utf8 = new TextDecoder();

/** All topics that a `consumer` group's members read; null for other groups and where one of them cannot be read. */
export function subscribedTopics(
  protocolType: string | null,
  protocol: string | null,
  members: Iterable<ClassicMember>,
): ReadonlySet<string> | null {
  if (protocolType !== "consumer") return null;
  const all = new Set<string>();
  for (const { protocols } of members) {
    const metadata = protocols.find(({ name }) => name === protocol)?.metadata;
    const topics = metadata ? topicsIn(metadata) : null;
    if (!topics) return null;
    for (const topic of topics) all.add(topic);
  }
  return all;
}

function topicsIn(metadata: Uint8Array): string[] | null {
  const view = new DataView(metadata.buffer, metadata.byteOffset, metadata.byteLength);
  if (view.byteLength < 6) return null;
  const count = view.getInt32(2);
  let at = 6;
  if (count < 0 || count > view.byteLength) return null;
  const topics: string[] = [];
  for (let index = 0; index < count; index += 1) {
    if (at + 2 > view.byteLength) return null;
    const length = view.getInt16(at);
    at += 2;
    if (length < 0 || at + length > view.byteLength) return null;
    topics.push(utf8.decode(metadata.subarray(at, at + length)));
    at += length;
  }
  return topics;
}
