/**
 * What a handler is given beside its request.
 */
import type { Broker, Context } from "../broker/verbs.ts";

export interface Call {
  readonly broker: Broker;
  readonly context: Context;
  /** The version of the request, and of its answer. */
  readonly version: number;
}
