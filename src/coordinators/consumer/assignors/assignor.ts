/**
 * What a server-side assignor of KIP-848 is given and gives back: plain data, the same answer for the same input.
 *
 * - An assignor sees subscriptions as topic ids that exist, and each member's target of before, so that it may keep it.
 * - Left out: client-side assignors (KIP-848 has none either) and racks.
 */

/** Topic id to partition indexes, ascending; a topic without partitions is not in it. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

export const noAssignment: Assignment = new Map();

export interface AssignorMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** Ids of the topics it is subscribed to; all of them exist. */
  readonly topicIds: readonly string[];
  /** Its target of before; may name topics and partitions that are gone. */
  readonly target: Assignment;
}

export interface AssignorInput {
  readonly members: readonly AssignorMember[];
  /** How many partitions each subscribed topic has. */
  readonly partitions: ReadonlyMap<string, number>;
}

/** Gives every partition of every subscribed topic to exactly one of its subscribers. */
export type Assignor = (input: AssignorInput) => ReadonlyMap<string, Assignment>;

/** Orders by UTF-16 units: the same on every machine, whatever its locale. */
export function byText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
