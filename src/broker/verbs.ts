/**
 * The broker's verbs as both doors see them: what is asked, what is answered. No rule lives here.
 *
 * - A verb refuses with `Refusal`, fails with `StorageFault`, and never answers half: what it resolved is true.
 * - Every answer may carry `throttleMs`: how long the door should let this client wait before it reads on.
 * - Topics are named; a door that was given a topic id asks `topicById` first.
 */
import type { Acks } from "../log/appending/append-request.ts";
import type { Isolation, LogEnds } from "../log/reading/reader-watchers.ts";
import type { Idempotence } from "../log/receipts/receipts.ts";
import type { TransactionalAppend } from "../log/transactions/transactional-append.ts";
import type { AdminVerbs } from "./topics/admin-verbs.ts";
import type { LogCheck, LogCheckRequest } from "./log-check.ts";
import type { ConfigVerbs } from "./configs/verbs.ts";
import type { Refusal } from "../lib/refusal.ts";
import type { Together } from "../log/appending/together.ts";
import type { GroupVerbs } from "./groups/verbs.ts";
import type { PollVerbs } from "./polling/verbs.ts";
import type { NewRecord } from "../records/record.ts";
import type { TransactionVerbs } from "./transactions/verbs.ts";
import type { ProducerVerbs } from "./transactions/producers.ts";
import type { QuotaVerbs } from "./quotas/verbs.ts";
import type { ReplicaVerbs } from "./cluster/replica-verbs.ts";
import type { TrafficVerbs } from "./traffic.ts";

export type { Acks, Idempotence, Isolation, LogEnds, TransactionalAppend };

/** Who asks, from where: every verb takes it first. */
export interface Context {
  readonly principal: string;
  readonly clientId: string;
  readonly host: string;
  readonly listener: string;
}

export interface AppendRequest {
  readonly topic: string;
  readonly partition: number;
  readonly acks: Acks;
  /**
   * One raw v2 batch as a Kafka client made it, or records to be put into one. A batch with a producer id obeys the rules of
   * idempotent producers; one that was appended before is answered as it was then, with `duplicate`.
   */
  readonly payload:
    | {
        readonly type: "batch";
        readonly bytes: Uint8Array;
        /** The bytes are all that anybody needs of their buffer: it may be given away. */
        readonly ownsBuffer?: boolean;
      }
    | {
        readonly type: "records";
        readonly records: readonly NewRecord[];
        /** Part of this producer's transaction. */
        readonly transaction?: { readonly producerId: bigint; readonly producerEpoch: number };
      };
  /** What a transactional batch needs, and records with a `transaction`; on others it means nothing. */
  readonly transactional?: TransactionalAppend;
  /** Refuse with offset_mismatch unless the next offset is exactly this. */
  readonly expectOffset?: number;
  readonly idempotence?: Idempotence;
  /** The same for all that one request of the client brought: it is not to be refused for its own size. */
  readonly together?: Together;
}

export interface AppendAnswer {
  /** The first record's offset; the others follow without a gap. */
  readonly baseOffset: number;
  readonly count: number;
  /** The timestamp that the broker gave (log append time, or now for records without one); null where the client's stand. */
  readonly timestampMs: number | null;
  readonly logStart: number;
  /** True when an earlier, identical request made these records. */
  readonly duplicate: boolean;
  readonly throttleMs: number;
}

export interface ReadRequest {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly bytesMax: number;
  /** Refuse with fenced_leader_epoch or unknown_leader_epoch unless the partition is at this epoch. */
  readonly leaderEpoch?: number;
  /** The epoch of the record before `from`, of whoever asks whether its log is still a part of this one. */
  readonly lastEpoch?: number;
}

export interface ReadOptions {
  /** Answer once this much is there (over all partitions), or `waitMs` is over. */
  readonly bytesMin: number;
  /** Over all partitions; the first non-empty partition gives at least one whole batch whatever this says. */
  readonly bytesMax: number;
  /** The most that this one batch may have; a larger one is not read, and ends the wait. None: however large it is. */
  readonly firstBytesMax?: number;
  readonly waitMs: number;
  readonly isolation: Isolation;
  /** The client is gone: stop waiting. */
  readonly signal?: AbortSignal;
}

/** The producer's transactional batches from `first` up to its marker at `last` were aborted. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly first: number;
  readonly last: number;
}

export interface ReadAnswer extends LogEnds {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** The offset asked for; past the hole in which it lay when nothing readable lies behind the hole. */
  readonly from: number;
  /** Whole v2 batches, ascending, exactly as stored; the first may begin below `from`. */
  readonly batches: readonly Uint8Array[];
  /** Log position (bytes since the log's first record, trimmed ones too) of the first batch; equal on all replicas. */
  readonly position: number;
  /**
   * For read_committed: the aborted transactions that have records in the batches, which are not to be shown, and are left
   * in. Null for read_uncommitted.
   */
  readonly aborted: readonly AbortedTransaction[] | null;
  /** This partition's own refusal (offset_out_of_range, unknown_topic_or_partition, …); the others still answer. */
  readonly refusal: Refusal | null;
  /** Where the log of a reader that told its `lastEpoch` parts from this one; then there are no batches. */
  readonly diverging?: EpochEnd;
  readonly throttleMs: number;
  /** The size of the first batch, or of what is stored with it, where there is no room for it: ask again with as much. */
  readonly refusedBytes?: number;
  /** Says that nobody uses the batches any more: their memory is then used anew. Whoever is not sure does not call it. */
  readonly done?: () => void;
}

/** A place in a log that is not yet an offset. */
export type OffsetSpec =
  | { readonly at: "earliest" }
  | { readonly at: "latest"; readonly isolation: Isolation }
  | { readonly at: "max_timestamp"; readonly isolation?: Isolation }
  | { readonly at: "timestamp"; readonly timestampMs: number; readonly isolation?: Isolation };

export interface OffsetAnswer extends LogEnds {
  /** -1 when no record is at or past the timestamp, or with read_committed the one that is is not stable yet. */
  readonly offset: number;
  readonly timestampMs: number;
  /** The epoch in which the record there was written; -1 where there is none. */
  readonly leaderEpoch: number;
}

/** How far a leader epoch goes: the largest one known up to the one asked, and the offset at which the next begins. */
export interface EpochEnd {
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/** Where a partition is, as clients need it to find its leader. */
export interface PartitionPlace {
  readonly index: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

export interface TopicPlaces {
  readonly name: string;
  readonly id: string;
  readonly internal: boolean;
  readonly partitions: readonly PartitionPlace[];
}

/** A feature's levels (KIP-584): what this program knows, and what the cluster has settled on. */
export interface FeatureLevels {
  readonly name: string;
  readonly least: number;
  readonly greatest: number;
  /** 0: not in use. */
  readonly finalized: number;
}

/** A feature's new level; `down` may lower it, null is a direction that is not known. */
export interface FeatureChange {
  readonly name: string;
  readonly level: number;
  readonly direction: "up" | "down" | null;
}

/** The metadata log, and who has voted whom to write it. */
export interface QuorumDescription {
  readonly leader: number;
  readonly epoch: number;
  /** The next index of the log; everything below it stands. */
  readonly end: number;
  readonly voters: readonly { readonly nodeId: number; readonly directoryId: string }[];
}

/** What clients ask of the cluster before anything else. */
export interface ClusterVerbs {
  /** Grows with every change of what is told here. */
  version(context: Context): number;
  /** Ids of the nodes that serve. */
  nodes(context: Context): readonly number[];
  /** Null where there is no such topic. */
  topic(context: Context, name: string): TopicPlaces | null;
  topicById(context: Context, id: string): TopicPlaces | null;
  /** The name of the topic of this id, and how many partitions the topic of a name has: cheap, asked for each partition. */
  nameOf(context: Context, id: string): string | null;
  partitionsOf(context: Context, name: string): number;
  /** Every topic the principal may see. */
  topics(context: Context): Iterable<TopicPlaces>;
  features(context: Context): readonly FeatureLevels[];
  /** All changes stand or none; refuses (invalid_update_version) a level that cannot be. */
  updateFeatures(
    context: Context,
    changes: readonly FeatureChange[],
    validateOnly: boolean,
  ): Promise<void>;
  quorum(context: Context): QuorumDescription;
  /** Forgets a node that is gone for good; refuses one that serves, and one that is not known. */
  unregister(context: Context, nodeId: number): void;
}

export interface NewTopic {
  readonly name: string;
  /** -1: the node's default. */
  readonly partitions: number;
  /** -1: the cluster's default. */
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
  readonly validateOnly?: boolean;
}

export interface TopicChange {
  /** The new number of partitions, only ever more. */
  readonly partitions?: number;
  /** Values to set; null goes back to the default. */
  readonly configs?: Readonly<Record<string, string | null>>;
}

export interface TopicSummary {
  readonly name: string;
  readonly id: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly internal: boolean;
}

export interface PartitionDescription extends LogEnds {
  readonly index: number;
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
  /** Bytes of log kept. */
  readonly bytes: number;
}

export type ConfigSource = "topic" | "node" | "default";

export interface ConfigValue {
  readonly name: string;
  readonly value: string;
  readonly source: ConfigSource;
}

export interface TopicDescription extends TopicSummary {
  readonly partitionList: readonly PartitionDescription[];
  readonly configs: readonly ConfigValue[];
}

export interface NodeDescription {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly controllerId: number;
  readonly version: string;
  readonly topics: number;
  readonly partitions: number;
}

export interface Broker {
  createTopic(context: Context, topic: NewTopic): Promise<TopicDescription>;
  deleteTopic(context: Context, name: string): Promise<void>;
  alterTopic(context: Context, name: string, change: TopicChange): Promise<TopicDescription>;
  describeTopic(context: Context, name: string): TopicDescription;
  /** Every topic the principal may see, by name. */
  listTopics(context: Context): TopicSummary[];
  topicById(context: Context, id: string): TopicSummary;
  /** How many partitions the topic has: cheap, asked by each produce without a pinned partition. */
  partitionCount(context: Context, name: string): number;

  append(context: Context, request: AppendRequest): Promise<AppendAnswer>;
  /** One answer a request, in order. */
  read(
    context: Context,
    requests: readonly ReadRequest[],
    options: ReadOptions,
  ): Promise<ReadAnswer[]>;
  /**
   * Reads a span of a log from the disk again and tells what is damaged. @throws Refusal offset_out_of_range,
   * throttling_quota_exceeded.
   */
  checkLog(
    context: Context,
    topic: string,
    partition: number,
    request: LogCheckRequest,
  ): Promise<LogCheck>;
  findOffset(
    context: Context,
    topic: string,
    partition: number,
    spec: OffsetSpec,
    leaderEpoch?: number,
  ): Promise<OffsetAnswer>;
  /** @throws Refusal also where the partition is not at the epoch that the client believes in, `current`. */
  endOfEpoch(
    context: Context,
    topic: string,
    partition: number,
    leaderEpoch: number,
    current?: number,
  ): Promise<EpochEnd>;
  /**
   * Where a reader at `offset` goes on: there, or behind the offsets that the log skipped after a power cut or a restore. There
   * too for a partition that is not known.
   */
  pastSkipped(
    context: Context,
    topic: string,
    partition: number,
    offset: number,
  ): number | Promise<number>;
  /** Moves the log start up to `before` (-1: the high watermark) and gives the new one. */
  deleteRecords(
    context: Context,
    topic: string,
    partition: number,
    before: number,
  ): Promise<number>;

  describeNode(context: Context): NodeDescription;

  readonly cluster: ClusterVerbs;
  readonly admin: AdminVerbs;
  readonly configs: ConfigVerbs;
  readonly replicas: ReplicaVerbs;
  readonly quotas: QuotaVerbs;
  readonly producers: ProducerVerbs;
  readonly groups: GroupVerbs;
  /** Group members that poll, as HTTP's do. */
  readonly polling: PollVerbs;
  readonly transactions: TransactionVerbs;
  readonly traffic: TrafficVerbs;
}
