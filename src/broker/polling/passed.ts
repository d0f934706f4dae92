/**
 * What one poll has read that is not to be shown (aborted transactions, markers): it waits on behind that, and its member's
 * positions move only with the answer.
 */
import type { HeldPartition, PollingMember } from "./member.ts";
import type { PollRead } from "./verbs.ts";
import { passedOver } from "../visibility.ts";

export class PassedOver {
  readonly #beyond = new Map<HeldPartition, number>();

  /** Where to read on in what the member holds, where that is known. */
  places(member: PollingMember) {
    return member.held().flatMap((held) => {
      const { topic, partition, position } = held;
      if (position === null) return [];
      const beyond = this.#beyond.get(held);
      // A position that was looked up anew stands for itself.
      const from = beyond === undefined || beyond < position ? position : beyond;
      return [{ topic, partition, from }];
    });
  }

  /** Passes over what was read if none of it is to be shown; else false, and nothing is passed. */
  pass(member: PollingMember, reads: readonly PollRead[]): boolean {
    const ends = reads.map(({ answer }) => passedOver(answer, answer.from));
    if (ends.includes(null)) return false;
    this.#beyond.clear();
    for (const [at, { answer }] of reads.entries()) {
      const held = member.holds(answer.topic, answer.partition);
      if (held) this.#beyond.set(held, ends[at] ?? answer.from);
    }
    return true;
  }
}
