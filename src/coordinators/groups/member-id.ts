/**
 * The ids that a coordinator gives to members: what they call themselves, and a UUID, as Kafka's read.
 */
import type { Random } from "../../lib/random.ts";

/** Longer client ids are cut: they are only there for people to read. */
const NAME_LENGTH_MAX = 200;

export function newMemberId(random: Random, clientId: string, instanceId: string | null): string {
  const bytes = random.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const uuid = bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return `${(instanceId ?? clientId).slice(0, NAME_LENGTH_MAX)}-${uuid}`;
}
