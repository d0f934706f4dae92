/**
 * Records as they go out in JSON, written as text: the fetch, the tail and the chunks of a page all say a record alike.
 *
 * - `auto`: what is valid UTF-8 is a string, else `{"b64"}`. `text`: a string, with U+FFFD for what is not UTF-8. `b64`:
 *   always `{"b64"}`.
 * - `json`: the value is put in as the JSON that it is; as with `auto` where it is none, and as a string where a number
 *   has digits that a double would change, or where it is too deep or too rich to be parsed well. Keys and header values stay as with `auto`.
 * - Large values are written piece by piece: as one string they would be several more as they are escaped and joined. Left out:
 *   JSON values that go out as they are, which have to be parsed whole.
 */
import { isUtf8 } from "node:buffer";
import type { LogRecord } from "../../records/record.ts";
import { jsonFault } from "../bodies/json-text.ts";

export const recordForms = ["auto", "text", "json", "b64"] as const;
export type RecordForm = (typeof recordForms)[number];

/** Where records come from, as the JSON members that all records of one batch share. */
export function placeText(topic: string, partition: number): string {
  return `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":`;
}

/** One record as JSON on one line; `place` is `placeText`'s. */
export function recordText(
  place: string,
  record: LogRecord,
  timestampType: "create" | "append",
  form: RecordForm,
): string {
  const { offset, timestampMs, key, value, headers } = record;
  const around = form === "json" ? "auto" : form;
  const headersText =
    headers.length === 0
      ? "[]"
      : `[${headers.map(({ name, value }) => `[${JSON.stringify(name)},${dataText(value, around)}]`).join(",")}]`;
  return (
    `${place}${offset},"timestamp":${timestampMs},"timestamp_type":"${timestampType}",` +
    `"key":${dataText(key, around)},"value":${dataText(value, form)},"headers":${headersText}}`
  );
}

/** Records from this size on are written in pieces. */
const LONG_BYTES = 64 * 1024;
/** What is written at a time; three bytes of it are four characters of base64. */
const PIECE_BYTES = 48 * 1024;

/** Whether a record is better written by `recordPieces`. */
export function isLong({ key, value, headers }: LogRecord): boolean {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.value?.length ?? 0;
  return bytes >= LONG_BYTES;
}

/** What `recordText` gives, in pieces. */
export function* recordPieces(
  place: string,
  record: LogRecord,
  timestampType: "create" | "append",
  form: RecordForm,
): Generator<string, void, undefined> {
  const { offset, timestampMs, key, value, headers } = record;
  const around = form === "json" ? "auto" : form;
  yield `${place}${offset},"timestamp":${timestampMs},"timestamp_type":"${timestampType}","key":`;
  yield* dataPieces(key, around);
  yield `,"value":`;
  yield* dataPieces(value, form);
  yield `,"headers":[`;
  for (const [at, header] of headers.entries()) {
    yield `${at > 0 ? "," : ""}[${JSON.stringify(header.name)},`;
    yield* dataPieces(header.value, around);
    yield "]";
  }
  yield "]}";
}

/** What `dataText` gives, in pieces. */
function* dataPieces(
  bytes: Uint8Array | null,
  form: RecordForm,
): Generator<string, void, undefined> {
  if (bytes === null || bytes.length <= PIECE_BYTES || form === "json") {
    yield dataText(bytes, form);
    return;
  }
  if (form === "b64" || (form === "auto" && !isUtf8(bytes))) {
    yield `{"b64":"`;
    for (const piece of piecesOf(bytes)) yield piece.toBase64();
    yield `"}`;
    return;
  }
  // Of its own: it keeps what a piece leaves of a character.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  yield `"`;
  for (const piece of piecesOf(bytes)) yield escaped(decoder.decode(piece, { stream: true }));
  yield `${escaped(decoder.decode())}"`;
}

function* piecesOf(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** As it stands within a string of JSON. */
function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossy = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes as the JSON text of their form. */
export function dataText(bytes: Uint8Array | null, form: RecordForm): string {
  if (bytes === null) return "null";
  if (form === "b64") return base64Text(bytes);
  if (form === "text") return JSON.stringify(lossy.decode(bytes));
  let text: string;
  try {
    text = strict.decode(bytes);
  } catch {
    return base64Text(bytes);
  }
  return form === "json" ? jsonText(text) : JSON.stringify(text);
}

function base64Text(bytes: Uint8Array): string {
  return `{"b64":"${bytes.toBase64()}"}`;
}

/** Commas in a value that goes out as the JSON it is; one with more goes out as a string. */
const VALUES_MAX = 100_000;

/** JSON as it is, unless it is none or would not survive a reader's parser. */
function jsonText(text: string): string {
  if (jsonFault(text, VALUES_MAX)) return JSON.stringify(text);
  try {
    JSON.parse(text);
  } catch {
    return JSON.stringify(text);
  }
  // Line breaks would end an event or an NDJSON line; in JSON they stand between values only.
  return text.replaceAll(/[\r\n]+/g, " ");
}
