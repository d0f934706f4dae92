/**
 * The image that stored metadata stands for: the newest snapshot, and the commands after it. Text that is not what was written, as
 * one flipped bit makes it, is metadata that was lost: the store tells by checksums, and what was stored before there were any is
 * taken by a strict schema, which is loaded for such alone.
 */
import { assert, present } from "../lib/assert.ts";
import { MetadataLost } from "../storage/files/folder-error.ts";
import type { MetadataEntry, StoredMetadata } from "../storage/metadata-store.ts";
import type { Command } from "./commands.ts";
import { type Effect, Image } from "./image.ts";

export interface LoadedImage {
  readonly image: Image;
  readonly epoch: number;
  readonly snapshotIndex: number;
  readonly snapshotObjects: number;
  /** The topics that were removed since the snapshot, by id. */
  readonly removed: ReadonlySet<string>;
  /** Some of it has no checksum. */
  readonly isUnchecked: boolean;
}

type Schema = typeof import("./stored-schema.ts");

/** Rejects with MetadataLost. */
export async function imageOf(stored: StoredMetadata): Promise<LoadedImage> {
  const { snapshot, entries, uncheckedTo } = stored;
  const isUnchecked = uncheckedTo > 0;
  const schema = isUnchecked ? await import("./stored-schema.ts") : null;
  const image = reading("a snapshot", () => restored(stored, schema));
  const snapshotIndex = snapshot?.index ?? 0;
  const snapshotObjects = objectsIn(image);
  const removed = new Set<string>();
  for (const effect of reading("a command", () => applyStored(image, stored, schema)))
    if (effect.type === "topic-removed") removed.add(effect.topic.id);
  const epoch = entries.at(-1)?.epoch ?? snapshot?.epoch ?? 0;
  return { image, epoch, snapshotIndex, snapshotObjects, removed, isUnchecked };
}

function restored({ snapshot, uncheckedTo }: StoredMetadata, schema: Schema | null): Image {
  if (!snapshot) return new Image();
  const stored = JSON.parse(snapshot.image);
  const isStrict = schema && snapshot.index <= uncheckedTo;
  const image = Image.restore(isStrict ? schema.strictImage(stored) : stored);
  assert(image.index === snapshot.index, "a snapshot's image is that of its index");
  return image;
}

export function objectsIn(image: Image): number {
  return image.topicCount + image.partitionCount + image.quotaCount;
}

/** Of what this process wrote, or what its checksum says was written. */
export function applyEntries(image: Image, entries: readonly MetadataEntry[]): Effect[] {
  return entries
    .map(({ index, command }) => image.apply(index, parseCommand(command)))
    .filter((effect) => effect !== null);
}

function applyStored(
  image: Image,
  { entries, uncheckedTo }: StoredMetadata,
  schema: Schema | null,
): Effect[] {
  if (schema)
    for (const { index, command } of entries)
      if (index <= uncheckedTo) schema.checkCommand(JSON.parse(command));
  return applyEntries(image, entries);
}

function parseCommand(text: string): Command {
  // The image refuses names and versions that it does not know; the rest was written by this program.
  return present(JSON.parse(text) as Command | null, "a stored command is an object");
}

function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw MetadataLost.of(`${what} cannot be read (${message})`);
  }
}
