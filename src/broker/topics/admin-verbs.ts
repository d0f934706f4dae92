/**
 * The verbs of administration that only some doors have: partitions added to a topic by hand.
 */
import type { Context } from "../verbs.ts";

export interface AdminVerbs {
  /** Grows a topic to `count` partitions, which must be more than it has. */
  addPartitions(
    context: Context,
    topic: string,
    count: number,
    options: {
      /** Replicas of each new partition; null lets the cluster choose. */
      readonly assignments: readonly (readonly number[])[] | null;
      readonly validateOnly: boolean;
    },
  ): Promise<void>;
  /** Refuses replicas that no partition could have. */
  checkReplicas(context: Context, replicas: readonly number[]): void;
}
