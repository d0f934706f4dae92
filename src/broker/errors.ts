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
  corrupt_message: kind(2, 400, false, "The record batch is damaged or not a v2 batch."),
  invalid_record: kind(87, 400, false, "A record breaks a rule of its topic."),
  invalid_timestamp: kind(32, 400, false, "A record's timestamp is out of the allowed range."),
  message_too_large: kind(10, 413, false, "The records are larger than the topic takes."),
  unsupported_compression_type: kind(76, 415, false, "The batch's compression is not supported."),
  unsupported_for_message_format: kind(43, 400, false, "The message format cannot do this."),
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
  not_controller: kind(41, 503, true, "Another node is the controller."),
  topic_authorization_failed: kind(29, 403, false, "The principal may not do this to the topic."),
  request_timed_out: kind(7, 504, true, "The request took too long; its outcome is unknown."),
  policy_violation: kind(44, 403, false, "A limit or policy of this node forbids it."),
  throttling_quota_exceeded: kind(89, 429, true, "Too much at once; try again later."),
  kafka_storage_error: kind(56, 503, true, "The storage failed."),
  storage_full: kind(56, 507, true, "The disk is full; reads go on, writes wait for space."),
  invalid_cursor: kind(42, 400, false, "The cursor was not made by this API."),
};

function kind(kafka: number, status: number, retryable: boolean, title: string): RefusalKind {
  return { kafka, status, retryable, title };
}
