/**
 * Errors on their way between threads: what an error is sent as, and what it is again on the other side.
 */
import { errorCode } from "../../lib/error-code.ts";
import { Bug } from "../../lib/assert.ts";
import { FolderIncomplete, FolderInUse, MetadataLost, NewerFormat } from "../files/folder-error.ts";
import type { Failure } from "./messages.ts";
import { asFault } from "../files/sqlite-error.ts";
import { type Change, Fenced, StorageFault } from "../storage.ts";

export function failureOf(error: unknown): Failure {
  if (error instanceof Fenced) return { type: "fenced", actual: error.actual };
  if (error instanceof FolderInUse)
    return { type: "in-use", directory: error.directory, holder: error.holder };
  if (error instanceof NewerFormat) return { type: "newer", message: error.message };
  if (error instanceof FolderIncomplete) return { type: "incomplete", message: error.message };
  if (error instanceof MetadataLost) return { type: "metadata-lost", message: error.message };
  if (error instanceof StorageFault || errorCode(error) !== "") {
    const { kind, message, outcome, next } = asFault(error, "none");
    return { type: "fault", kind, message, outcome, next };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { type: "bug", message };
}

/** The error that a failure was; `change` is what it was the answer to. */
export function errorOf(failure: Failure, change?: Change): Error {
  switch (failure.type) {
    case "fenced":
      if (!change) return new Bug("only a change can be fenced");
      return new Fenced(change.partition, change.guard, failure.actual);
    case "fault":
      return new StorageFault(failure.kind, failure.message, failure);
    case "in-use":
      return new FolderInUse(failure.directory, failure.holder);
    case "newer":
      return new NewerFormat(failure.message);
    case "incomplete":
      return new FolderIncomplete(failure.message);
    case "metadata-lost":
      return new MetadataLost(failure.message);
    case "bug":
      return new Bug(failure.message);
    default:
      return failure satisfies never;
  }
}
