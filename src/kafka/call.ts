/**
 * What a handler is given beside its request.
 */
import type { Broker, Context } from "../broker/verbs.ts";
import type { Clock } from "../lib/clock.ts";
import type { Deadlines } from "../lib/deadlines.ts";
import type { Api } from "./define-api.ts";
import type { FetchSessions } from "./answers/fetch-sessions.ts";
import type { KafkaLimits } from "./limits.ts";
import type { MetadataCache } from "./answers/metadata-cache.ts";
import type { UnsentAnswers } from "./unsent-answers.ts";

/** Where clients reach a listener. */
export interface Endpoint {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** A node as clients are told of it. */
export interface NodeEndpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** What all calls of a door share. */
export interface Door {
  readonly metadata: MetadataCache;
  /** Every API that is declared. */
  readonly apis: readonly Api[];
  readonly broker: Broker;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly limits: KafkaLimits;
  readonly autoCreateTopics: boolean;
  readonly sessions: FetchSessions;
  readonly unsent: UnsentAnswers;
}

export interface Call {
  readonly broker: Broker;
  readonly context: Context;
  /** The version of the request, and of its answer. */
  readonly version: number;
  readonly door: Door;
  /** Every node, at the address of the listener that the client came through. */
  readonly nodes: readonly NodeEndpoint[];
  /** True when the frame's buffer holds this request alone, so that records in it may be given away. */
  readonly ownsFrame: boolean;
  /** Aborted when the answer should come now: the client is gone, the node stops, or others wait behind a Fetch. */
  readonly signal: AbortSignal;
  /** Keeps requests that may run beside this one (Produce) from beginning until the function is called: it has not begun in full. */
  holdNext(): () => void;
  /** Says that this very answer will be given again: it is encoded once a version, and must not change any more. */
  reuse<T extends object>(answer: T): T;
  /** Calls `done` once the operating system has taken the answer, or nobody will take it any more. */
  onSent(done: () => void): void;
}

/** Thrown by a handler: there is no answer that would help, close this connection (Produce with acks=0 that failed). */
export class HangUp extends Error {
  override readonly name = "HangUp";
}
