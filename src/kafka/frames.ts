/**
 * Frames of Kafka's protocol, both ways round: a size, a header, a message.
 *
 * - The client id is an int16-length string in every version of the header; the tagged fields of headers carry nothing yet
 *   and are skipped.
 * - A reader that gives frames has cut off the size before.
 */
import type { Steps } from "../lib/async.ts";
import { malformed } from "../wire/malformed.ts";
import { Reader } from "../wire/reader.ts";
import type { Decoded, Encodable, Fields } from "../wire/schema.ts";
import { Writer } from "../wire/writer.ts";
import { type Api, hasFlexibleRequestHeader, hasFlexibleResponseHeader } from "./define-api.ts";

export interface RequestHeader {
  readonly key: number;
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** Reads a request's header but for its tagged fields, which only some versions have: see `skipHeaderTags`. */
export function readRequestHeader(reader: Reader): RequestHeader {
  const key = reader.int16();
  const version = reader.int16();
  const correlationId = reader.int32();
  const length = reader.int16();
  const clientId = length === -1 ? null : reader.text(length);
  return { key, version, correlationId, clientId };
}

/** Moves past the tagged fields of a header. */
function skipHeaderTags(reader: Reader): void {
  const count = reader.count(reader.uvarint(), 2);
  for (let index = 0; index < count; index += 1) {
    reader.uvarint();
    reader.take(reader.uvarint());
  }
}

/** Reads what follows a request's header. */
export function decodeRequest<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  reader: Reader,
  version: number,
): Decoded<Req> {
  if (hasFlexibleRequestHeader(api, version)) skipHeaderTags(reader);
  return api.request.decodeHead(reader, version);
}

/** The same of a long message. */
export function* decodeRequestInSteps<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  reader: Reader,
  version: number,
): Steps<Decoded<Req>> {
  if (hasFlexibleRequestHeader(api, version)) skipHeaderTags(reader);
  return yield* api.request.decodeInSteps(reader, version);
}

interface ResponseHeader {
  readonly version: number;
  readonly correlationId: number;
}

/**
 * A whole response frame, its size in front; large byte fields are chunks of their own. Throws `LongMessage` where it has more
 * elements than `elementsAtOnce`.
 */
export function encodeResponse<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  header: ResponseHeader,
  value: Encodable<Res>,
  elementsAtOnce?: number,
): Uint8Array[] {
  const writer = responseFrame(api, header, elementsAtOnce);
  api.response.encode(writer, header.version, value);
  return writer.finishFrame();
}

/** The same of a long message. */
export function* encodeResponseInSteps<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  header: ResponseHeader,
  value: Encodable<Res>,
): Steps<Uint8Array[]> {
  const writer = responseFrame(api, header);
  yield* api.response.encodeInSteps(writer, header.version, value);
  return writer.finishFrame();
}

/** A whole request frame, its size in front. */
export function encodeRequest<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  header: Omit<RequestHeader, "key">,
  value: Encodable<Req>,
): Uint8Array[] {
  const writer = frame();
  writer.int16(api.key);
  writer.int16(header.version);
  writer.int32(header.correlationId);
  if (header.clientId === null) writer.int16(-1);
  else writer.string(header.clientId);
  if (hasFlexibleRequestHeader(api, header.version)) writer.uvarint(0);
  api.request.encode(writer, header.version, value);
  return writer.finishFrame();
}

/** Reads a response frame (without its size), which must answer the request of that correlation id. */
export function decodeResponse<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  header: { readonly version: number; readonly correlationId: number },
  bytes: Uint8Array,
): Decoded<Res> {
  const reader = new Reader(bytes);
  const correlationId = reader.int32();
  if (correlationId !== header.correlationId)
    throw malformed(`The answer is to request ${correlationId}, not ${header.correlationId}.`);
  if (hasFlexibleResponseHeader(api, header.version)) skipHeaderTags(reader);
  return api.response.decode(reader, header.version);
}

function responseFrame(
  api: Api,
  { version, correlationId }: ResponseHeader,
  elementsAtOnce?: number,
): Writer {
  const writer = frame(elementsAtOnce);
  writer.int32(correlationId);
  if (hasFlexibleResponseHeader(api, version)) writer.uvarint(0);
  return writer;
}

function frame(elementsAtOnce?: number): Writer {
  const writer = new Writer(undefined, elementsAtOnce);
  writer.int32(0);
  return writer;
}
