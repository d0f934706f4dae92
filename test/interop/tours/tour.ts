/**
 * What the two tours in TypeScript share: how much they send, how they report.
 */

/** Records that each codec sends, one after the other. */
export const codecRecords = 60;
/** Different keys among them. */
export const keysInTour = 7;

/** Tells the suite that a step held. */
export function step(done: string): void {
  console.log(`ok ${done}`);
}

/** Ends the tour when something does not hold. */
export function check(holds: boolean, what: string): void {
  if (holds) return;
  console.error(`does not hold: ${what}`);
  process.exit(1);
}
