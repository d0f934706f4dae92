/**
 * The first kind of error: a refusal. The request was understood and cannot be granted; nothing was changed by it.
 *
 * Any room may refuse by a name of this list; `broker/errors.ts` gives each name its Kafka code, HTTP status and sentence,
 * and each door says it in its own words. Faults (storage, network) and bugs (`assert`) are other kinds.
 */

/** Kafka's error names in lower case, and six of our own: offset_trimmed, offset_mismatch, log_damaged, storage_full, invalid_cursor, state_too_large. */
export type RefusalName =
  | "unknown_server_error"
  | "corrupt_message"
  | "invalid_record"
  | "invalid_timestamp"
  | "message_too_large"
  | "unsupported_compression_type"
  | "invalid_request"
  | "invalid_required_acks"
  | "unknown_topic_or_partition"
  | "topic_already_exists"
  | "invalid_topic_exception"
  | "invalid_partitions"
  | "invalid_replication_factor"
  | "invalid_config"
  | "offset_out_of_range"
  | "offset_trimmed"
  | "offset_mismatch"
  | "out_of_order_sequence_number"
  | "producer_fenced"
  | "not_leader_or_follower"
  | "not_enough_replicas"
  | "fenced_leader_epoch"
  | "unknown_leader_epoch"
  | "topic_authorization_failed"
  | "request_timed_out"
  | "policy_violation"
  | "throttling_quota_exceeded"
  | "coordinator_load_in_progress"
  | "coordinator_not_available"
  | "not_coordinator"
  | "offset_metadata_too_large"
  | "group_max_size_reached"
  | "illegal_generation"
  | "inconsistent_group_protocol"
  | "invalid_group_id"
  | "unknown_member_id"
  | "invalid_session_timeout"
  | "rebalance_in_progress"
  | "unsupported_version"
  | "invalid_replica_assignment"
  | "invalid_producer_epoch"
  | "invalid_txn_state"
  | "invalid_producer_id_mapping"
  | "invalid_transaction_timeout"
  | "concurrent_transactions"
  | "transaction_coordinator_fenced"
  | "transactional_id_authorization_failed"
  | "security_disabled"
  | "operation_not_attempted"
  | "log_dir_not_found"
  | "non_empty_group"
  | "group_id_not_found"
  | "fetch_session_id_not_found"
  | "invalid_fetch_session_epoch"
  | "fetch_session_topic_id_error"
  | "member_id_required"
  | "fenced_instance_id"
  | "eligible_leaders_not_available"
  | "election_not_needed"
  | "no_reassignment_in_progress"
  | "group_subscribed_to_topic"
  | "unstable_offset_commit"
  | "resource_not_found"
  | "duplicate_resource"
  | "broker_id_not_registered"
  | "transactional_id_not_found"
  | "unknown_topic_id"
  | "inconsistent_topic_id"
  | "fenced_member_epoch"
  | "unreleased_instance_id"
  | "unsupported_assignor"
  | "stale_member_epoch"
  | "transaction_abortable"
  | "invalid_regular_expression"
  | "invalid_update_version"
  | "kafka_storage_error"
  | "log_damaged"
  | "storage_full"
  | "invalid_cursor"
  | "state_too_large";

/** Machine-readable facts of one refusal, which a door may show: `{ latest: 123 }`. */
export type RefusalFacts = Readonly<Record<string, string | number | boolean | null>>;

/** What is wrong with one of the request's records, by its place there. */
export interface RefusedRecord {
  readonly index: number;
  readonly detail: string;
}

export class Refusal extends Error {
  readonly code: RefusalName;
  readonly facts: RefusalFacts;
  /** Which records it is for, where it is for some of many and that is known. */
  readonly records: readonly RefusedRecord[];

  /** `detail` says what is wrong with this request and what to do, in a sentence for a person. */
  constructor(
    code: RefusalName,
    detail: string,
    facts: RefusalFacts = {},
    records: readonly RefusedRecord[] = [],
  ) {
    super(detail);
    this.name = "Refusal";
    this.code = code;
    this.facts = facts;
    this.records = records;
  }
}
