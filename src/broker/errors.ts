/**
 * Every refusal, listed once: Kafka's code, the HTTP status, whether the same request may succeed later, and a sentence.
 * Codes are those of Kafka's `Errors` (kafka-clients 4.3); names of our own have the nearest Kafka code.
 */
import type { RefusalName } from "../lib/refusal.ts";

export interface RefusalKind {
  /** Kafka's error code. */
  readonly kafka: number;
  /** HTTP status. */
  readonly status: number;
  readonly retryable: boolean;
  /** What this kind of refusal means, for the title of a problem document. */
  readonly title: string;
}

export const refusalKinds: Readonly<Record<RefusalName, RefusalKind>> = {
  unknown_server_error: kind(-1, 400, false, "The server could not carry out what was asked."),
  corrupt_message: kind(2, 400, false, "The record batch is damaged or not a v2 batch."),
  invalid_record: kind(87, 400, false, "A record breaks a rule of its topic."),
  invalid_timestamp: kind(32, 400, false, "A record's timestamp is out of the allowed range."),
  message_too_large: kind(10, 413, false, "The records are larger than the topic takes."),
  unsupported_compression_type: kind(76, 415, false, "The batch's compression is not supported."),
  invalid_request: kind(42, 400, false, "The request is malformed."),
  invalid_required_acks: kind(21, 400, false, "acks must be all, 1 or 0."),
  unknown_topic_or_partition: kind(3, 404, false, "There is no such topic or partition."),
  topic_already_exists: kind(36, 409, false, "A topic of that name exists."),
  invalid_topic_exception: kind(17, 400, false, "The topic name is not allowed."),
  invalid_partitions: kind(37, 400, false, "The number of partitions is not allowed."),
  invalid_replication_factor: kind(38, 400, false, "The replication factor is not possible here."),
  invalid_config: kind(40, 400, false, "A config is unknown or its value is not allowed."),
  offset_out_of_range: kind(1, 416, false, "The offset is beyond the end of the log."),
  offset_trimmed: kind(1, 410, false, "The records at that offset were removed."),
  offset_mismatch: kind(45, 412, false, "The log's next offset is not the expected one."),
  out_of_order_sequence_number: kind(45, 409, false, "A request of this producer is missing."),
  producer_fenced: kind(90, 403, false, "A newer epoch of this producer is active."),
  not_leader_or_follower: kind(6, 503, true, "Another node leads this partition."),
  not_enough_replicas: kind(19, 503, true, "Fewer replicas are in sync than the topic asks for."),
  fenced_leader_epoch: kind(74, 409, true, "The leader epoch is older than the broker's."),
  unknown_leader_epoch: kind(75, 409, true, "The leader epoch is newer than the broker's."),
  topic_authorization_failed: kind(29, 403, false, "The principal may not do this to the topic."),
  request_timed_out: kind(7, 504, true, "The request took too long; its outcome is unknown."),
  policy_violation: kind(44, 403, false, "A limit or policy of this node forbids it."),
  throttling_quota_exceeded: kind(89, 429, true, "Too much at once; try again later."),
  coordinator_load_in_progress: kind(14, 503, true, "The coordinator is still reading its log."),
  coordinator_not_available: kind(15, 503, true, "The coordinator is not there at the moment."),
  not_coordinator: kind(16, 503, true, "Another node coordinates this group or transaction."),
  offset_metadata_too_large: kind(
    12,
    400,
    false,
    "The metadata of a committed offset is too long.",
  ),
  group_max_size_reached: kind(81, 409, false, "The group has as many members as it may."),
  illegal_generation: kind(22, 409, false, "The group has moved to another generation."),
  inconsistent_group_protocol: kind(
    23,
    409,
    false,
    "The group's members share none of the member's protocols.",
  ),
  invalid_group_id: kind(24, 400, false, "The group's name is not allowed."),
  unknown_member_id: kind(25, 404, false, "The group has no such member."),
  invalid_session_timeout: kind(
    26,
    400,
    false,
    "The session timeout is outside the allowed range.",
  ),
  rebalance_in_progress: kind(27, 409, true, "The group is rebalancing; join again."),
  unsupported_version: kind(35, 400, false, "This version of the request is not served."),
  invalid_replica_assignment: kind(39, 400, false, "The replicas named are not possible here."),
  invalid_producer_epoch: kind(47, 409, false, "A newer epoch of this producer is active."),
  invalid_txn_state: kind(48, 409, false, "The transaction is not in a state that allows this."),
  invalid_producer_id_mapping: kind(
    49,
    409,
    false,
    "The transactional id belongs to another producer id.",
  ),
  invalid_transaction_timeout: kind(
    50,
    400,
    false,
    "The transaction timeout is longer than the node allows.",
  ),
  concurrent_transactions: kind(51, 503, true, "The transaction before is still being completed."),
  transaction_coordinator_fenced: kind(
    52,
    409,
    false,
    "A newer coordinator of this transaction is active.",
  ),
  transactional_id_authorization_failed: kind(
    53,
    403,
    false,
    "The principal may not use this transactional id.",
  ),
  security_disabled: kind(54, 403, false, "Access rules are not in use on this node."),
  operation_not_attempted: kind(
    55,
    400,
    false,
    "The operation was not tried, since an earlier one failed.",
  ),
  log_dir_not_found: kind(57, 404, false, "The node has no such log directory."),
  non_empty_group: kind(68, 409, false, "The group still has members."),
  group_id_not_found: kind(69, 404, false, "There is no such group."),
  fetch_session_id_not_found: kind(70, 404, true, "The fetch session is not known here."),
  invalid_fetch_session_epoch: kind(71, 409, true, "The fetch session is at another epoch."),
  fetch_session_topic_id_error: kind(
    106,
    409,
    true,
    "The fetch session names its topics by name, or by id, and not by both.",
  ),
  member_id_required: kind(79, 400, true, "The member must join again with the id it was given."),
  fenced_instance_id: kind(82, 409, false, "Another member took over this instance id."),
  eligible_leaders_not_available: kind(83, 503, false, "No replica that could lead is there."),
  election_not_needed: kind(84, 409, false, "The partition is led by its preferred replica."),
  no_reassignment_in_progress: kind(
    85,
    409,
    false,
    "The partition's replicas are not being changed.",
  ),
  group_subscribed_to_topic: kind(86, 409, false, "The group is subscribed to the topic."),
  unstable_offset_commit: kind(88, 503, true, "A transaction on these offsets has not ended yet."),
  resource_not_found: kind(91, 404, false, "There is no such resource."),
  duplicate_resource: kind(92, 409, false, "The resource is named twice."),
  broker_id_not_registered: kind(102, 404, false, "There is no node of that id."),
  transactional_id_not_found: kind(105, 404, false, "There is no such transactional id."),
  unknown_topic_id: kind(100, 404, true, "There is no topic of that id."),
  inconsistent_topic_id: kind(103, 409, true, "The topic of that name has another id."),
  fenced_member_epoch: kind(110, 409, false, "The member's epoch is over; join again."),
  unreleased_instance_id: kind(111, 409, false, "Another member still holds this instance id."),
  unsupported_assignor: kind(112, 400, false, "The assignor is not one of this node's."),
  stale_member_epoch: kind(
    113,
    409,
    true,
    "The member has moved to another epoch; take up the new one.",
  ),
  transaction_abortable: kind(120, 409, false, "The transaction can only be aborted."),
  invalid_regular_expression: kind(128, 400, false, "The regular expression is not one of RE2's."),
  invalid_update_version: kind(95, 409, false, "The feature or resource was changed in between."),
  kafka_storage_error: kind(56, 503, true, "The storage failed."),
  log_damaged: kind(2, 500, false, "The stored log is damaged at that place."),
  storage_full: kind(56, 507, true, "The disk is full; reads go on, writes wait for space."),
  state_too_large: kind(-1, 413, false, "What is to be kept is larger than one record may be."),
  invalid_cursor: kind(42, 400, false, "The cursor is none of this API, or of other topics."),
};

function kind(kafka: number, status: number, retryable: boolean, title: string): RefusalKind {
  return { kafka, status, retryable, title };
}
