/**
 * The cursor of a tail: where a reader stands in every partition it follows, as one opaque text. It is stable over
 * versions and nodes, since it names topics by id and places by offset.
 *
 * - The bytes are cut in threes, so that each part is base64url text of its own and moving one partition rewrites twelve
 *   characters: head = version (1), topics (2); topic = id (16), hash of its name (3), partitions (2, the top bit: the
 *   whole topic is followed); partition = index (2), next offset (7). All big-endian.
 * - The name's hash tells a topic that was deleted and made anew under its name from one that is simply gone.
 * - Only the one spelling that `cursorText` writes is taken: anything else is refused as invalid_cursor.
 */
import { assert } from "../../lib/assert.ts";
import { Refusal } from "../../lib/refusal.ts";

const VERSION = 1;
const HEAD_BYTES = 3;
const TOPIC_BYTES = 21;
const ID_BYTES = 16;
const PLACE_BYTES = 9;
const WHOLE = 0x8000;
const INDEX_MAX = 0xffff;

/** Partitions of one tail, over all its topics. */
export const PLACES_MAX = 256;
/** Topics of one cursor: each has a partition at least. */
const TOPICS_MAX = PLACES_MAX;
const TEXT_LENGTH_MAX = textLength(
  HEAD_BYTES + TOPICS_MAX * TOPIC_BYTES + PLACES_MAX * PLACE_BYTES,
);

export interface CursorPlace {
  readonly partition: number;
  /** The offset to be read next. */
  readonly next: number;
}

export interface CursorTopic {
  readonly id: string;
  readonly nameHash: number;
  /** Partitions that are added later belong to it too. */
  readonly whole: boolean;
  /** Ascending by partition. */
  readonly places: readonly CursorPlace[];
}

export function cursorText(topics: readonly CursorTopic[]): string {
  const parts = [headText(topics.length)];
  for (const topic of topics) {
    parts.push(topicText(topic));
    for (const { partition, next } of topic.places) parts.push(placeText(partition, next));
  }
  return parts.join("");
}

/** The topics of a cursor that `cursorText` wrote, here or elsewhere. Throws invalid_cursor. */
export function parseCursor(text: string): CursorTopic[] {
  if (text.length > TEXT_LENGTH_MAX) throw invalid("is too long");
  if (!/^[\w-]+$/.test(text) || text.length % 4 !== 0) throw invalid("is not whole");
  const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== VERSION) throw invalid("is of a version that is unknown here");
  const count = view.getUint16(1);
  if (count === 0 || count > TOPICS_MAX) throw invalid("names no topics, or too many");
  const topics: CursorTopic[] = [];
  let at = HEAD_BYTES;
  let placesLeft = PLACES_MAX;
  for (let index = 0; index < count; index++) {
    const topic = readTopic(bytes, view, at, placesLeft);
    topics.push(topic);
    placesLeft -= topic.places.length;
    at += TOPIC_BYTES + topic.places.length * PLACE_BYTES;
  }
  if (at !== bytes.byteLength) throw invalid("has too many bytes");
  if (new Set(topics.map(({ id }) => id)).size !== count) throw invalid("names a topic twice");
  return topics;
}

function readTopic(bytes: Uint8Array, view: DataView, at: number, placesLeft: number): CursorTopic {
  if (at + TOPIC_BYTES > view.byteLength) throw invalid("is cut off");
  const id = base64url(bytes.subarray(at, at + ID_BYTES));
  const nameHash = view.getUint32(at + ID_BYTES - 1) & 0xffffff;
  const counted = view.getUint16(at + ID_BYTES + 3);
  const count = counted & ~WHOLE;
  if (count === 0 || count > placesLeft) throw invalid("names no partitions, or too many");
  if (at + TOPIC_BYTES + count * PLACE_BYTES > view.byteLength) throw invalid("is cut off");
  const places: CursorPlace[] = [];
  let last = -1;
  for (let index = 0; index < count; index++) {
    const place = at + TOPIC_BYTES + index * PLACE_BYTES;
    const partition = view.getUint16(place);
    const high = view.getUint32(place + 1) & 0xffffff;
    const next = high * 2 ** 32 + view.getUint32(place + 5);
    if (partition <= last) throw invalid("has partitions out of order");
    if (!Number.isSafeInteger(next)) throw invalid("holds an impossible offset");
    last = partition;
    places.push({ partition, next });
  }
  return { id, nameHash, whole: (counted & WHOLE) !== 0, places };
}

/** 24 bits of FNV-1a over the name's UTF-16 units: to tell names apart, not to guard anything. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++)
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return ((hash >>> 24) ^ hash) & 0xffffff;
}

/** A cursor that moves: one partition's part is rewritten, the rest is kept as text. */
export class CursorText {
  readonly #parts: string[];
  /** Where in `parts` each place stands, in the order of topics and their places. */
  readonly #partOf: number[] = [];
  readonly #partitions: number[] = [];
  #moving = -1;
  #before = "";
  #after = "";

  constructor(topics: readonly CursorTopic[]) {
    this.#parts = [headText(topics.length)];
    for (const topic of topics) {
      this.#parts.push(topicText(topic));
      for (const { partition, next } of topic.places) {
        this.#partOf.push(this.#parts.length);
        this.#partitions.push(partition);
        this.#parts.push(placeText(partition, next));
      }
    }
  }

  /** Moves the place at `index` and gives the whole cursor. */
  move(index: number, next: number): string {
    const part = this.#partOf[index];
    assert(part !== undefined, "a cursor moves at a place that it has");
    if (part !== this.#moving) {
      this.#before = this.#parts.slice(0, part).join("");
      this.#after = this.#parts.slice(part + 1).join("");
      this.#moving = part;
    }
    const text = placeText(this.#partitions[index] ?? 0, next);
    this.#parts[part] = text;
    return this.#before + text + this.#after;
  }

  toString(): string {
    return this.#parts.join("");
  }
}

function headText(topics: number): string {
  assert(topics > 0 && topics <= TOPICS_MAX, "a cursor has 1 to 256 topics");
  return base64url(Uint8Array.of(VERSION, topics >> 8, topics & 0xff));
}

function topicText({ id, nameHash, whole, places }: CursorTopic): string {
  assert(places.length > 0 && places.length <= PLACES_MAX, "a topic has 1 to 256 places");
  const bytes = new Uint8Array(TOPIC_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(ID_BYTES - 1, nameHash);
  bytes.setFromBase64(id, { alphabet: "base64url" });
  view.setUint16(ID_BYTES + 3, places.length | (whole ? WHOLE : 0));
  return base64url(bytes);
}

const placeBytes = new Uint8Array(PLACE_BYTES);
const placeView = new DataView(placeBytes.buffer);

function placeText(partition: number, next: number): string {
  assert(partition >= 0 && partition <= INDEX_MAX, "a partition's index fits a cursor");
  assert(Number.isSafeInteger(next) && next >= 0, "an offset is an exact integer");
  placeView.setUint32(1, Math.floor(next / 2 ** 32));
  placeView.setUint16(0, partition);
  placeView.setUint32(5, next >>> 0);
  return base64url(placeBytes);
}

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function textLength(bytes: number): number {
  return (bytes / 3) * 4;
}

function invalid(why: string): Refusal {
  return new Refusal(
    "invalid_cursor",
    `The cursor ${why}; send it exactly as an event gave it, or none to begin anew.`,
  );
}
