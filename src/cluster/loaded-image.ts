/**
 * The image that stored metadata stands for: the newest snapshot, and the commands after it. Text that is not what was written, as
 * one flipped bit makes it, is metadata that was lost.
 */
import { assert, present } from "../lib/assert.ts";
import { MetadataLost } from "../storage/files/folder-error.ts";
import type { MetadataEntry, MetadataSnapshot } from "../storage/metadata-store.ts";
import type { Command } from "./commands.ts";
import { type Effect, Image } from "./image.ts";

export interface LoadedImage {
  readonly image: Image;
  readonly epoch: number;
  readonly snapshotIndex: number;
  readonly snapshotObjects: number;
  /** The topics that were removed since the snapshot, by id. */
  readonly removed: ReadonlySet<string>;
}

export interface StoredMetadata {
  readonly snapshot: MetadataSnapshot | null;
  readonly entries: readonly MetadataEntry[];
}

/** @throws MetadataLost */
export function imageOf({ snapshot, entries }: StoredMetadata): LoadedImage {
  const image = reading("a snapshot", () => restored(snapshot));
  const snapshotIndex = snapshot?.index ?? 0;
  const snapshotObjects = objectsIn(image);
  const removed = new Set<string>();
  for (const effect of reading("a command", () => applyEntries(image, entries)))
    if (effect.type === "topic-removed") removed.add(effect.topic.id);
  const epoch = entries.at(-1)?.epoch ?? snapshot?.epoch ?? 0;
  return { image, epoch, snapshotIndex, snapshotObjects, removed };
}

function restored(snapshot: MetadataSnapshot | null): Image {
  if (!snapshot) return new Image();
  const image = Image.restore(JSON.parse(snapshot.image));
  assert(image.index === snapshot.index, "a snapshot's image is that of its index");
  return image;
}

export function objectsIn(image: Image): number {
  return image.topicCount + image.partitionCount + image.quotaCount;
}

export function applyEntries(image: Image, entries: readonly MetadataEntry[]): Effect[] {
  return entries
    .map(({ index, command }) => image.apply(index, parseCommand(command)))
    .filter((effect) => effect !== null);
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
