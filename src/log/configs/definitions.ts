/**
 * Topic configs, declared once as data: Kafka 4.3's names, types, defaults and rules, and one of our own.
 *
 * - Configs marked `effect: "none"` are accepted and shown for the sake of Kafka's tools and change nothing: our log has rows
 *   instead of segment files; there are no elections yet, no tiered storage, and no replication to be throttled.
 */

export type ConfigType = "boolean" | "int" | "long" | "double" | "string" | "list";

export interface ConfigDefinition {
  readonly name: string;
  readonly type: ConfigType;
  readonly default: string;
  /** Least and greatest allowed number. */
  readonly least?: number;
  readonly greatest?: number;
  /** A number in between that is not allowed. */
  readonly except?: number;
  /** The allowed words, for strings and lists. */
  readonly words?: readonly string[];
  /** What a list takes instead of words, and how to say it; `*` alone is everything. */
  readonly form?: { readonly each: RegExp; readonly said: string };
  /** A value that this program cannot do, and why. */
  readonly refused?: { readonly value: string; readonly why: string };
  /** The node-level config that gives the default (Kafka's `ServerTopicConfigSynonyms`); null: a topic alone has it. */
  readonly node: string | null;
  /** The node-level config is unset until somebody says it: Kafka takes the default from a coarser one, in hours. */
  readonly nodeUnset?: true;
  readonly effect: "full" | "none";
  readonly doc: string;
}

const LONG_MAX = "9223372036854775807";
/** Kafka's form of throttled replicas, whose numbers need not be those of partitions and nodes there are. */
const replicas = { each: /^\d+:\d+$/, said: "partition:node" };
/** The largest batch that every storage takes: a remote one refuses requests of 8 MiB. */
const MESSAGE_BYTES_MAX = 7 * 1024 * 1024;

export const topicConfigs: readonly ConfigDefinition[] = [
  {
    name: "cleanup.policy",
    type: "list",
    default: "delete",
    words: ["compact", "delete"],
    node: "log.cleanup.policy",
    effect: "full",
    doc: "What happens to old records: `delete` removes them by age and size; `compact` keeps them and asks every record for a key; empty keeps all.",
  },
  {
    name: "compression.gzip.level",
    type: "int",
    default: "-1",
    least: -1,
    greatest: 9,
    except: 0,
    node: "compression.gzip.level",
    effect: "none",
    doc: "The level for gzip when the broker compresses.",
  },
  {
    name: "compression.lz4.level",
    type: "int",
    default: "9",
    least: 1,
    greatest: 17,
    node: "compression.lz4.level",
    effect: "none",
    doc: "The level for lz4 when the broker compresses.",
  },
  {
    name: "compression.type",
    type: "string",
    default: "producer",
    words: ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"],
    node: "compression.type",
    effect: "full",
    doc: "The compression of batches in the log; `producer` keeps each batch as its producer made it.",
  },
  {
    name: "compression.zstd.level",
    type: "int",
    default: "3",
    least: -131072,
    greatest: 22,
    node: "compression.zstd.level",
    effect: "none",
    doc: "The level for zstd when the broker compresses.",
  },
  {
    name: "delete.retention.ms",
    type: "long",
    default: "86400000",
    least: 0,
    node: "log.cleaner.delete.retention.ms",
    effect: "full",
    doc: "How long compaction keeps a tombstone, so that readers can learn of the deletion.",
  },
  {
    name: "file.delete.delay.ms",
    type: "long",
    default: "60000",
    least: 0,
    node: "log.segment.delete.delay.ms",
    effect: "none",
    doc: "How long Kafka waits before it unlinks a segment file.",
  },
  {
    name: "flush.messages",
    type: "long",
    default: LONG_MAX,
    least: 1,
    node: "log.flush.interval.messages",
    effect: "none",
    doc: "After how many records Kafka syncs; here `kedge.durability` decides, and every commit is synced by default.",
  },
  {
    name: "flush.ms",
    type: "long",
    default: LONG_MAX,
    least: 0,
    node: "log.flush.interval.ms",
    nodeUnset: true,
    effect: "none",
    doc: "After how long Kafka syncs; here `kedge.durability` decides, and every commit is synced by default.",
  },
  {
    name: "follower.replication.throttled.replicas",
    type: "list",
    default: "",
    form: replicas,
    node: null,
    effect: "none",
    doc: "Which replicas' replication Kafka throttles on the follower's side.",
  },
  {
    name: "index.interval.bytes",
    type: "int",
    default: "4096",
    least: 0,
    node: "log.index.interval.bytes",
    effect: "none",
    doc: "How often Kafka adds an entry to a segment's offset index.",
  },
  {
    name: "kedge.durability",
    type: "string",
    default: "synced",
    words: ["synced", "relaxed"],
    node: "kedge.durability",
    effect: "full",
    doc: "`synced` acknowledges and shows a record once it is on the disk; `relaxed` once it is written, so that a power cut may lose it.",
  },
  {
    name: "leader.replication.throttled.replicas",
    type: "list",
    default: "",
    form: replicas,
    node: null,
    effect: "none",
    doc: "Which replicas' replication Kafka throttles on the leader's side.",
  },
  {
    name: "local.retention.bytes",
    type: "long",
    default: "-2",
    least: -2,
    node: "log.local.retention.bytes",
    effect: "none",
    doc: "How much of a log stays on the disk beside tiered storage, which is not in use here; -2: as `retention.bytes`.",
  },
  {
    name: "local.retention.ms",
    type: "long",
    default: "-2",
    least: -2,
    node: "log.local.retention.ms",
    effect: "none",
    doc: "How long a record stays on the disk beside tiered storage, which is not in use here; -2: as `retention.ms`.",
  },
  {
    name: "max.compaction.lag.ms",
    type: "long",
    default: LONG_MAX,
    least: 1,
    node: "log.cleaner.max.compaction.lag.ms",
    effect: "full",
    doc: "The longest that a record may stay uncompacted.",
  },
  {
    name: "max.message.bytes",
    type: "int",
    default: "1048588",
    least: 0,
    greatest: MESSAGE_BYTES_MAX,
    node: "message.max.bytes",
    effect: "full",
    doc: "The largest record batch, as compressed by its producer.",
  },
  {
    name: "message.timestamp.after.max.ms",
    type: "long",
    default: "3600000",
    least: 0,
    node: "log.message.timestamp.after.max.ms",
    effect: "full",
    doc: "How far a record's create time may lie in the future.",
  },
  {
    name: "message.timestamp.before.max.ms",
    type: "long",
    default: LONG_MAX,
    least: 0,
    node: "log.message.timestamp.before.max.ms",
    effect: "full",
    doc: "How far a record's create time may lie in the past.",
  },
  {
    name: "message.timestamp.type",
    type: "string",
    default: "CreateTime",
    words: ["CreateTime", "LogAppendTime"],
    node: "log.message.timestamp.type",
    effect: "full",
    doc: "Whether a record keeps the time its producer gave or gets the time it was appended.",
  },
  {
    name: "min.cleanable.dirty.ratio",
    type: "double",
    default: "0.5",
    least: 0,
    greatest: 1,
    node: "log.cleaner.min.cleanable.ratio",
    effect: "full",
    doc: "Which share of the log must be uncompacted before compaction is worth while.",
  },
  {
    name: "min.compaction.lag.ms",
    type: "long",
    default: "0",
    least: 0,
    node: "log.cleaner.min.compaction.lag.ms",
    effect: "full",
    doc: "How long a record stays uncompacted at least.",
  },
  {
    name: "min.insync.replicas",
    type: "int",
    default: "1",
    least: 1,
    node: "min.insync.replicas",
    effect: "full",
    doc: "How many replicas must be in sync for acks=all to be granted.",
  },
  {
    name: "preallocate",
    type: "boolean",
    default: "false",
    node: "log.preallocate",
    effect: "none",
    doc: "Whether Kafka allocates a segment file before it is filled.",
  },
  {
    name: "remote.log.copy.disable",
    type: "boolean",
    default: "false",
    node: null,
    effect: "none",
    doc: "Whether a log is no longer copied to tiered storage, which is not in use here.",
  },
  {
    name: "remote.log.delete.on.disable",
    type: "boolean",
    default: "false",
    node: null,
    effect: "none",
    doc: "Whether what is in tiered storage goes when that is turned off; it is not in use here.",
  },
  {
    name: "remote.storage.enable",
    type: "boolean",
    default: "false",
    refused: {
      value: "true",
      why: "Tiered storage is not in use on this node: a topic cannot be configured with remote log storage.",
    },
    node: null,
    effect: "none",
    doc: "Whether a log is copied to tiered storage, which is not in use here.",
  },
  {
    name: "retention.bytes",
    type: "long",
    default: "-1",
    least: -1,
    node: "log.retention.bytes",
    effect: "full",
    doc: "How much of a partition's log is kept at least before the oldest of it is deleted; -1 keeps all.",
  },
  {
    name: "retention.ms",
    type: "long",
    default: "604800000",
    least: -1,
    node: "log.retention.ms",
    nodeUnset: true,
    effect: "full",
    doc: "How old a record grows before it is deleted; -1 keeps it for ever.",
  },
  {
    name: "segment.bytes",
    type: "int",
    default: "1073741824",
    least: 1024 * 1024,
    node: "log.segment.bytes",
    effect: "full",
    doc: "How much of the newest log compaction leaves alone while it is younger than `segment.ms`; there are no segment files here.",
  },
  {
    name: "segment.index.bytes",
    type: "int",
    default: "10485760",
    least: 4,
    node: "log.index.size.max.bytes",
    effect: "none",
    doc: "The size of Kafka's segment indexes.",
  },
  {
    name: "segment.jitter.ms",
    type: "long",
    default: "0",
    least: 0,
    node: "log.roll.jitter.ms",
    nodeUnset: true,
    effect: "none",
    doc: "By how much Kafka spreads the rolling of segments.",
  },
  {
    name: "segment.ms",
    type: "long",
    default: "604800000",
    least: 1,
    node: "log.roll.ms",
    nodeUnset: true,
    effect: "full",
    doc: "From which age on compaction takes also the newest `segment.bytes` of a log, but never its newest row.",
  },
  {
    name: "unclean.leader.election.enable",
    type: "boolean",
    default: "false",
    node: "unclean.leader.election.enable",
    effect: "none",
    doc: "Whether a replica that is not in sync may lead, at the price of losing records.",
  },
];

/** False for those of our own: Kafka's tools are told of them only where they ask for them, or somebody has set them. */
export function isKafkas(name: string): boolean {
  return !name.startsWith("kedge.");
}
