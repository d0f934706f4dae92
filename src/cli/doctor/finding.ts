/**
 * What an examination tells: a list of findings, each with what to do.
 */

export interface Finding {
  readonly state: "ok" | "note" | "wrong";
  readonly what: string;
  /** What is so, and what to do about it. */
  readonly detail: string;
}

/** Of many alike, so many are named. */
export const SHOWN_MAX = 20;

export const RESTORE = "restore a backup";
