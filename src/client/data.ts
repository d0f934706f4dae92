/**
 * Keys, values and header values between the program and the wire (`"text" | {json} | {b64} | null`).
 *
 * A topic's values are read in one of four ways:
 * - `auto`: what the log holds as UTF-8 is a string, else bytes. Written: a string as it is, bytes as they are, anything
 *   else as JSON.
 * - `json`: JSON in and out. `text`: strings. `bytes`: `Uint8Array`, exactly.
 *
 * base64 is done by hand: `Uint8Array.fromBase64` is not in Node 20 and older browsers.
 */

import { badAnswer } from "./errors.ts";

/** A key, value or header value as the API carries it. */
export type WireData = string | { readonly json: unknown } | { readonly b64: string } | null;

/** Text or bytes, whichever the log holds. */
export type TextOrBytes = string | Uint8Array;

export type Format = "auto" | "json" | "text" | "bytes";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** @throws TypeError for what cannot be carried: undefined, a function, or other than text or bytes where those are due. */
export function encodeValue(value: unknown, format: Format): WireData {
  if (value === null) return null;
  if (format === "json") return encodeJson(value);
  if (value instanceof Uint8Array) return { b64: toBase64(value) };
  if (typeof value === "string") return value;
  if (format === "auto") return encodeJson(value);
  throw new TypeError(`A value of this topic must be ${format}, not ${typeof value}.`);
}

export function encodeText(value: TextOrBytes | null): WireData {
  if (value === null || typeof value === "string") return value;
  return { b64: toBase64(value) };
}

function encodeJson(value: unknown): WireData {
  if (value === undefined || typeof value === "function" || typeof value === "symbol")
    throw new TypeError(`JSON cannot carry ${typeof value}; a tombstone is null.`);
  return { json: value };
}

/** @throws SyntaxError or TypeError where the bytes are not of the format. */
export function decodeValue(data: WireData, format: Format): unknown {
  if (data === null) return null;
  switch (format) {
    case "auto":
      return decodeText(data);
    case "bytes":
      return bytesOf(data);
    case "text":
      return textOf(data);
    case "json":
      return typeof data === "object" && "json" in data ? data.json : JSON.parse(textOf(data));
    default:
      return format satisfies never;
  }
}

/** UTF-8 as a string, anything else as bytes. */
export function decodeText(data: WireData): TextOrBytes | null {
  if (data === null || typeof data === "string") return data;
  if ("json" in data) return JSON.stringify(data.json);
  const bytes = fromBase64(data.b64);
  try {
    return decoder.decode(bytes);
  } catch {
    return bytes;
  }
}

function textOf(data: Exclude<WireData, null>): string {
  if (typeof data === "string") return data;
  return "json" in data ? JSON.stringify(data.json) : decoder.decode(fromBase64(data.b64));
}

function bytesOf(data: Exclude<WireData, null>): Uint8Array {
  if (typeof data === "object" && "b64" in data) return fromBase64(data.b64);
  return encoder.encode(textOf(data));
}

/** `String.fromCharCode` takes its arguments from the stack: a bounded run at a time. */
const RUN = 8_192;

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += RUN)
    binary += String.fromCharCode(...bytes.subarray(at, at + RUN));
  return btoa(binary);
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = binaryOf(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

function binaryOf(text: string): string {
  try {
    return atob(text);
  } catch (cause) {
    throw badAnswer("The answer is not base64.", 200, cause);
  }
}
