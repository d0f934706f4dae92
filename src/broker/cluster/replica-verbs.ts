/**
 * The verbs on replicas: where they are kept, who leads, and moving them.
 */
import type { Context } from "../verbs.ts";

/** The folder that a node keeps its logs in. */
export interface LogDirectory {
  readonly path: string;
  /** How large its disk is and how much of it is free; null where that is not known. */
  space(): Promise<DiskSpace | null>;
}

export interface DiskSpace {
  readonly totalBytes: number;
  readonly usableBytes: number;
}

export interface LogDirectoryDescription {
  readonly path: string;
  readonly space: DiskSpace | null;
}

export interface ReplicaVerbs {
  /** This node's only one. */
  logDirectory(context: Context): Promise<LogDirectoryDescription>;
  /** Bytes of log kept of one partition; null where this node keeps none. */
  bytes(context: Context, topic: string, partition: number): number | null;
  /** Refuses unless the partition is kept in that folder, where it stays: a node has one. */
  moveTo(context: Context, path: string, topic: string, partition: number): void;
  /** Lets the preferred replica lead; refuses where it does (election_not_needed), or cannot. */
  electLeader(context: Context, topic: string, partition: number): void;
  /** Moves the partition to these replicas; null cancels a move. */
  reassign(
    context: Context,
    topic: string,
    partition: number,
    replicas: readonly number[] | null,
  ): void;
}
