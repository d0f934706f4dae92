/**
 * Declares one API of Kafka's protocol: key, versions, the fields of request and response, and the handler.
 *
 * - Only an API with a handler is advertised and served; a declaration alone serves the client side and the tests.
 * - Headers follow from flexibility: request header 2 and response header 1 in flexible versions, else 1 and 0. ApiVersions
 *   answers with header 0 always, since its reader may not know yet what the broker speaks (KIP-511).
 * - Handlers translate only; rules live in the rooms below.
 */
import { type Message, message } from "../wire/message.ts";
import type { Decoded, Encodable, Fields } from "../wire/schema.ts";
import { type VersionRange, holdsVersion, parseVersions } from "../wire/versions.ts";
import type { Call } from "./call.ts";

/** The key of ApiVersions, whose answers have a header of their own. */
export const API_VERSIONS_KEY = 18;

export interface Api<Req extends Fields = Fields, Res extends Fields = Fields> {
  readonly key: number;
  readonly name: string;
  /** The versions that are served. */
  readonly versions: VersionRange;
  /** The versions that ApiVersions tells; they differ where old clients need to see more. */
  readonly advertised: VersionRange;
  readonly request: Message<Req>;
  readonly response: Message<Res>;
  /** Answers a request; null for no answer at all (Produce with acks=0). A method, so that a list may hold any API. */
  handle?(this: void, request: Decoded<Req>, call: Call): Handled<Res>;
  /** The answer that tells this error, where the handler threw a Refusal or the storage failed: as Kafka's, per part of the request. */
  refuse?(this: void, request: Decoded<Req>, error: ErrorAnswer, version: number): Encodable<Res>;
}

type Handled<Res extends Fields> = Promise<Encodable<Res> | null> | Encodable<Res> | null;

/** What a whole request came to. */
export interface ErrorAnswer {
  readonly errorCode: number;
  readonly errorMessage: string;
}

export function defineApi<const Req extends Fields, const Res extends Fields>(options: {
  readonly key: number;
  /** Kafka's name without Request or Response. */
  readonly name: string;
  readonly versions: string;
  readonly advertised?: string;
  readonly flexible: string;
  readonly request: Req;
  readonly response: Res;
  handle?(this: void, request: Decoded<Req>, call: Call): Handled<Res>;
  refuse?(this: void, request: Decoded<Req>, error: ErrorAnswer, version: number): Encodable<Res>;
}): Api<Req, Res> {
  const versions = parseVersions(options.versions);
  const flexible = parseVersions(options.flexible);
  return {
    key: options.key,
    name: options.name,
    versions,
    advertised: options.advertised === undefined ? versions : parseVersions(options.advertised),
    request: message(options.request, versions, flexible),
    response: message(options.response, versions, flexible),
    ...(options.handle && { handle: options.handle }),
    ...(options.refuse && { refuse: options.refuse }),
  };
}

/** Whether requests of this version have tagged fields in their header. */
export function hasFlexibleRequestHeader(api: Api, version: number): boolean {
  return holdsVersion(api.request.flexible, version);
}

/** Whether answers of this version have tagged fields in their header. */
export function hasFlexibleResponseHeader(api: Api, version: number): boolean {
  return api.key !== API_VERSIONS_KEY && holdsVersion(api.response.flexible, version);
}
