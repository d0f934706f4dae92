/**
 * From what went wrong to the code that Kafka's clients know. Refusals have theirs in `broker/errors.ts`; a storage fault is
 * KAFKA_STORAGE_ERROR, which clients try again; anything else is a bug and no answer.
 */
import { refusalKinds } from "../broker/errors.ts";
import { Refusal, type RefusalName } from "../lib/refusal.ts";
import { StorageFault } from "../storage/storage.ts";

/** No error. */
export const NONE = 0;

/** DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, which no verb refuses with: tokens are for listeners with security. */
export const TOKEN_REQUEST_NOT_ALLOWED = 64;

/** ILLEGAL_SASL_STATE, which no verb refuses with: on a listener without SASL there is nobody to ask who they are. */
export const ILLEGAL_SASL_STATE = 34;

export function codeFor(name: RefusalName): number {
  return refusalKinds[name].kafka;
}

/** The code of a refusal or a fault; throws anything else on. */
export function codeOf(error: unknown): number {
  if (error instanceof Refusal) return codeFor(error.code);
  if (error instanceof StorageFault) return codeFor("kafka_storage_error");
  throw error;
}

/** What to tell beside the code, for a person; the same errors as `codeOf`. */
export function messageOf(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  if (error instanceof StorageFault) return "The broker's storage failed.";
  throw error;
}
