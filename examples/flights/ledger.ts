/**
 * What went by, key by key and in order: a count and a hash for each key, small enough to compare between processes.
 */
import { createHash, type Hash } from "node:crypto";

export type Summary = Readonly<Record<string, string>>;

export class Ledger {
  readonly #keys = new Map<string, { count: number; hash: Hash }>();
  count = 0;

  add(key: string, value: unknown): void {
    let entry = this.#keys.get(key);
    if (!entry) this.#keys.set(key, (entry = { count: 0, hash: createHash("sha256") }));
    entry.count += 1;
    entry.hash.update(JSON.stringify(value)).update("\n");
    this.count += 1;
  }

  summary(): Summary {
    const entries = [...this.#keys].map(([key, { count, hash }]) => {
      return [key, `${count} ${hash.copy().digest("hex")}`] as const;
    });
    return Object.fromEntries(entries);
  }
}

/** The keys whose records differ, in number, content or order. */
export function differences(wanted: Summary, found: Summary): string[] {
  const keys = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  return [...keys].filter((key) => wanted[key] !== found[key]);
}
