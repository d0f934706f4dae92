/**
 * From a frame to its answer: the header, the API's decoder, its handler, its encoder.
 *
 * - An API or version that is not served, and bytes that are none of its messages, close the connection, as in Kafka; only
 *   ApiVersions of an unknown version is answered, in the layout of version 0.
 * - A long message is read and written in steps, and others get their turn in between.
 * - A Refusal that a handler lets through is told by the API's own `refuse`; so is a StorageFault. Anything else is a bug.
 */
import type { Context } from "../broker/verbs.ts";
import { paused, turnBetween } from "../lib/async.ts";
import type { Logger } from "../lib/logger.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Decoded, Encodable, Fields } from "../wire/schema.ts";
import { ELEMENTS_AT_ONCE } from "../wire/long-codec.ts";
import { LongMessage } from "../wire/long-message.ts";
import { Reader } from "../wire/reader.ts";
import { holdsVersion } from "../wire/versions.ts";
import { unsupportedApiVersions } from "./answers/api-versions.ts";
import { type Call, type Door, type Endpoint, HangUp, type NodeEndpoint } from "./call.ts";
import type { Exchange, Kind, Reply, Service } from "./exchange.ts";
import { type Api, API_VERSIONS_KEY } from "./define-api.ts";
import { encodeAnswer } from "./encode-answer.ts";
import { codeOf, messageOf } from "./error-codes.ts";
import {
  decodeRequest,
  decodeRequestInSteps,
  readRequestHeader,
  type RequestHeader,
} from "./frames.ts";

const PRODUCE_KEY = 0;
const FETCH_KEY = 1;
const JOIN_GROUP_KEY = 11;
const SYNC_GROUP_KEY = 14;
/**
 * What a request asks beyond 2^53 (a time or an offset of Java's Long.MAX_VALUE, as some do for the end of a log) means the same
 * as 2^53 - 1, which no log here reaches.
 */
const nearest = { nearest: true };
const atOnce = { ...nearest, elementsAtOnce: ELEMENTS_AT_ONCE };

/** Everything of a client that its requests do not say themselves. */
interface Client {
  readonly endpoint: Endpoint;
  readonly address: string;
}

/** Gives what the requests of one connection mean, by where they come in and from whom. */
export function dispatcher(
  door: Door,
  logger: Logger,
): (endpoint: Endpoint, address: string) => Service {
  const served = new Map(door.apis.filter((api) => api.handle).map((api) => [api.key, api]));
  return (endpoint, address) => serviceFor(door, served, { endpoint, address }, logger);
}

function serviceFor(
  door: Door,
  served: ReadonlyMap<number, Api>,
  client: Client,
  logger: Logger,
): Service {
  return {
    kindOf: ({ bytes }) => kindOf(bytes),
    begin(exchange) {
      const reader = new Reader(exchange.frame.bytes, atOnce);
      let header: RequestHeader;
      try {
        header = readRequestHeader(reader);
      } catch (error) {
        return hangUp(error);
      }
      const api = served.get(header.key);
      if (!api) return closing(`API ${header.key} is not served`);
      if (!holdsVersion(api.versions, header.version)) {
        if (api.key !== API_VERSIONS_KEY) {
          return closing(`version ${header.version} of ${api.name} is not served`);
        }
        return { type: "answer", pieces: unsupportedApiVersions(api, header.correlationId) };
      }
      return answer(api, header, reader, new RequestCall(door, client, header, exchange), logger);
    },
  };
}

/** By the API's key, which is all that the order of answers needs to know. */
function kindOf(bytes: Uint8Array): Kind {
  const key = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  if (key === PRODUCE_KEY) return "produce";
  if (key === FETCH_KEY) return "fetch";
  return key === JOIN_GROUP_KEY || key === SYNC_GROUP_KEY ? "group" : "other";
}

class RequestCall implements Call {
  readonly door: Door;
  readonly context: Context;
  readonly version: number;
  readonly #client: Client;
  readonly #exchange: Exchange;
  sent: (() => void) | null = null;
  reused: object | null = null;

  constructor(door: Door, client: Client, header: RequestHeader, exchange: Exchange) {
    this.door = door;
    this.version = header.version;
    this.context = {
      principal: "User:ANONYMOUS",
      clientId: header.clientId ?? "",
      host: client.address,
      listener: client.endpoint.name,
    };
    this.#client = client;
    this.#exchange = exchange;
  }

  get broker() {
    return this.door.broker;
  }

  get nodes(): readonly NodeEndpoint[] {
    const { host, port } = this.#client.endpoint;
    const ids = this.broker.cluster.nodes(this.context);
    return ids.map((nodeId) => ({ nodeId, host, port }));
  }

  get ownsFrame(): boolean {
    return this.#exchange.frame.owned;
  }

  get signal(): AbortSignal {
    return this.#exchange.signal;
  }

  holdNext(): () => void {
    return this.#exchange.holdNext();
  }

  reuse<T extends object>(answer: T): T {
    this.reused = answer;
    return answer;
  }

  onSent(done: () => void): void {
    this.sent = done;
  }
}

function answer<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  header: RequestHeader,
  reader: Reader,
  call: RequestCall,
  logger: Logger,
): Reply | Promise<Reply> {
  const { at } = reader;
  let request: Decoded<Req>;
  try {
    request = decodeRequest(api, reader, header.version);
  } catch (error) {
    if (!(error instanceof LongMessage)) return hangUp(error);
    const again = new Reader(reader.bytes, nearest);
    again.at = at;
    return answerLong(api, header, again, call, logger);
  }
  return handle(api, header, request, call, logger);
}

/** The request begins once it is read: those behind it wait for that, to keep their order. */
async function answerLong<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  header: RequestHeader,
  reader: Reader,
  call: RequestCall,
  logger: Logger,
): Promise<Reply> {
  const goOn = call.holdNext();
  let reply: Reply | Promise<Reply>;
  try {
    const steps = decodeRequestInSteps(api, reader, header.version);
    const request = await paused(steps, turnBetween(call.door.clock));
    reply = handle(api, header, request, call, logger);
  } catch (error) {
    reply = hangUp(error);
  }
  goOn();
  return reply;
}

function handle<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  header: RequestHeader,
  request: Decoded<Req>,
  call: RequestCall,
  logger: Logger,
): Reply | Promise<Reply> {
  const told = (error: unknown): Reply | Promise<Reply> => {
    call.sent?.();
    call.sent = null;
    if (error instanceof HangUp) return closing(error.message);
    const tell = { errorCode: codeOf(error), errorMessage: messageOf(error) };
    if (!(error instanceof Refusal)) logger.error("a request failed", { api: api.name, error });
    if (!api.refuse) return closing(`${api.name} failed: ${tell.errorMessage}`);
    return replyOf(api, header, api.refuse(request, tell, header.version), call);
  };
  try {
    const handled = api.handle?.(request, call) ?? null;
    if (!(handled instanceof Promise)) return replyOf(api, header, handled, call);
    return handled.then((value) => replyOf(api, header, value, call)).catch(told);
  } catch (error) {
    return told(error);
  }
}

function replyOf<Req extends Fields, Res extends Fields>(
  api: Api<Req, Res>,
  header: RequestHeader,
  value: Encodable<Res> | null,
  { sent, reused, door }: RequestCall,
): Reply | Promise<Reply> {
  if (value === null) return { type: "silence" };
  const pieces = encodeAnswer(api, header, value, value === reused, door.clock);
  if (pieces instanceof Promise) return pieces.then((ready) => answerOf(ready, sent));
  return answerOf(pieces, sent);
}

function answerOf(pieces: readonly Uint8Array[], sent: RequestCall["sent"]): Reply {
  return sent ? { type: "answer", pieces, sent } : { type: "answer", pieces };
}

/** The only Refusal of a decoder: the bytes are no message. */
function hangUp(error: unknown): Reply {
  if (error instanceof Refusal) return closing(error.message);
  throw error;
}

function closing(reason: string): Reply {
  return { type: "close", reason };
}
