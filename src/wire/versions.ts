/**
 * Ranges of versions in Kafka's notation: `3`, `0-12`, `3+`, `none`.
 */
import { assert } from "../lib/assert.ts";

export interface VersionRange {
  readonly min: number;
  /** `Infinity` where the notation says `+`. */
  readonly max: number;
}

export const noVersions: VersionRange = { min: 0, max: -1 };

/** Reads a range; a text that is none is a bug in a declaration. */
export function parseVersions(text: string): VersionRange {
  if (text === "none") return noVersions;
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  assert(match, `"${text}" is a range of versions`);
  const min = Number(match[1]);
  if (match[2]) return { min, max: Infinity };
  return { min, max: match[3] === undefined ? min : Number(match[3]) };
}

export function holdsVersion(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max;
}
