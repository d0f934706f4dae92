/**
 * A snapshot as JSON text, made piece by piece: of very many topics, settings or quotas it takes longer than others should wait.
 */
import type { ImageSnapshot } from "./image.ts";

/** Elements of a list that are written before others get their turn: a few milliseconds. */
const ELEMENTS_PER_TURN = 1_000;

/** `JSON.stringify` of the snapshot; nothing of it may change until this resolves. */
export async function snapshotText(
  snapshot: ImageSnapshot,
  turn: () => Promise<void>,
): Promise<string> {
  const members: string[] = [];
  for (const [name, value] of Object.entries(snapshot)) {
    const text = Array.isArray(value) ? await listText(value, turn) : JSON.stringify(value);
    members.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${members.join(",")}}`;
}

async function listText(list: readonly unknown[], turn: () => Promise<void>): Promise<string> {
  const pieces: string[] = [];
  for (let from = 0; from < list.length; from += ELEMENTS_PER_TURN) {
    if (from > 0) await turn();
    pieces.push(JSON.stringify(list.slice(from, from + ELEMENTS_PER_TURN)).slice(1, -1));
  }
  return `[${pieces.join(",")}]`;
}
