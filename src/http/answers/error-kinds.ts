/**
 * The table of every problem that there is, and what to do about each: `/errors`. The `detail` of an answer knows more, since
 * it has seen the request; here stands what holds of all of a kind.
 */
import { refusalKinds } from "../../broker/errors.ts";
import { present } from "../../lib/assert.ts";
import type { RefusalName } from "../../lib/refusal.ts";
import { type HttpProblemKind, type HttpProblemName, httpProblemKinds } from "./problem.ts";

/** One row of the table of problems. */
export interface ErrorKind {
  readonly code: string;
  readonly status: number;
  readonly kafka_error: number | null;
  readonly retryable: boolean;
  readonly title: string;
  /** What to do. */
  readonly advice: string;
}

const LATER = "Send the same again after `Retry-After`.";
const MEND = "Mend what `detail` names, and send it again.";
const JOIN = "Join again (PUT …/members/MEMBER), and go on with the epoch that it answers.";
const REJOIN = "A Kafka client joins again by itself; let it go on.";
const CLIENT = "A Kafka client mends this by itself; let it go on.";
const PARTITION = "Look at the topic (GET /v1/topics/TOPIC), and name one of its partitions.";
const OVER =
  "Go on with `next.txn` of the answer to commit or abort; where another took over, begin anew or stop.";
const RIGHTS = "Use a name that is not the node's own.";
const CLUSTER = "Leave it: this node is alone, and replicas are not moved.";
const DISK =
  "Look at the node's log and its disk; send the same again, where it may be appended twice with an Idempotency-Key.";

const advice: Readonly<Record<RefusalName | HttpProblemName, string>> = {
  unknown_server_error: "Look for the request's id in the node's log, and report it.",
  corrupt_message: "Make the batch anew from its records; what travelled was not what was made.",
  invalid_record: "Mend the record that `detail` names: a compacted topic wants keys.",
  invalid_timestamp:
    "Send a timestamp in epoch milliseconds, or none; or change `message.timestamp.before.max.ms` or `.after.max.ms`.",
  message_too_large:
    "Send fewer or smaller records at once, or raise the topic's `max.message.bytes`.",
  unsupported_compression_type: "Compress with gzip, snappy, lz4 or zstd, or not at all.",
  invalid_request: MEND,
  invalid_required_acks: "Send `acks` as all, 1 or 0.",
  unknown_topic_or_partition: `Make the topic (POST /v1/topics, or \`create=true\`). ${PARTITION}`,
  topic_already_exists: "Use the topic that is there, or another name.",
  invalid_topic_exception: "Take 1 to 249 of a-z, A-Z, 0-9, `.`, `_` and `-`.",
  invalid_partitions: "Send a number of partitions within the limits; a topic never gets fewer.",
  invalid_replication_factor: "Send 1, or -1 for the node's default.",
  invalid_config: "Look at the topic's configs (GET /v1/topics/TOPIC) for names and values.",
  offset_out_of_range: "Go on from `latest`, or send `clamp=1`.",
  offset_trimmed: "Go on from `earliest`; the records before are gone.",
  offset_mismatch: "Read what was appended meanwhile, and decide anew with the actual offset.",
  out_of_order_sequence_number: "Send the missing request first: `expected` is its sequence.",
  producer_fenced: OVER,
  not_leader_or_follower: LATER,
  not_enough_replicas: `${LATER} Else lower \`min.insync.replicas\`.`,
  fenced_leader_epoch: CLIENT,
  unknown_leader_epoch: CLIENT,
  topic_authorization_failed: RIGHTS,
  request_timed_out:
    "Look whether it was done; send it again with the same Idempotency-Key or sequence.",
  policy_violation: "Keep within the limit that `detail` names.",
  throttling_quota_exceeded: `${LATER} Ask for less at once.`,
  coordinator_load_in_progress: LATER,
  coordinator_not_available: LATER,
  not_coordinator: LATER,
  offset_metadata_too_large:
    "Commit with shorter metadata, or raise `--offset-metadata-max-bytes`.",
  group_max_size_reached:
    "Use the members that are there, another group, or raise `--group-max-size`.",
  illegal_generation: REJOIN,
  inconsistent_group_protocol: "Give all members of the group an assignor in common.",
  invalid_group_id: "Send a group's name that is not empty.",
  unknown_member_id: JOIN,
  invalid_session_timeout: "Send a session timeout within the node's limits.",
  rebalance_in_progress: REJOIN,
  unsupported_version: "Use a version that the node offers (ApiVersions), or a newer node.",
  invalid_replica_assignment: "Name this node alone as replica.",
  invalid_producer_epoch: OVER,
  invalid_txn_state:
    "Ask what became of the transaction: `detail` says its state. Begin the next one.",
  invalid_producer_id_mapping: "Begin anew (POST /v1/txns).",
  invalid_transaction_timeout: "Send a shorter timeout, or raise `--transaction-max-timeout-ms`.",
  concurrent_transactions: LATER,
  transaction_coordinator_fenced: "Leave it: a newer coordinator writes the outcome.",
  transactional_id_authorization_failed: RIGHTS,
  security_disabled: "Guard the node by `--token-file`; there are no access rules.",
  operation_not_attempted: "Mend what the other parts of the request were refused for.",
  log_dir_not_found: "Ask for the node's folder as DescribeLogDirs names it.",
  non_empty_group: "Stop the group's members first.",
  group_id_not_found:
    "Look for its name in GET /v1/groups; a group begins when a member joins or offsets are committed.",
  fetch_session_id_not_found: CLIENT,
  invalid_fetch_session_epoch: CLIENT,
  fetch_session_topic_id_error: CLIENT,
  member_id_required: CLIENT,
  fenced_instance_id: "Stop this member: another with its name goes on.",
  eligible_leaders_not_available: CLUSTER,
  election_not_needed: CLUSTER,
  no_reassignment_in_progress: CLUSTER,
  group_subscribed_to_topic: "Stop the members that read the topic first.",
  unstable_offset_commit: LATER,
  resource_not_found: "Look for the name among those that there are.",
  duplicate_resource: "Name each resource once.",
  broker_id_not_registered: "Use the node's id, as GET /v1/node tells it.",
  transactional_id_not_found:
    "Look for it with `kedge txn list`; an id unused for long is forgotten.",
  unknown_topic_id: "Ask for the topic's id anew: it may have been deleted, and made again.",
  inconsistent_topic_id: "Ask for the topic's id anew: it was deleted, and made again.",
  fenced_member_epoch: JOIN,
  unreleased_instance_id:
    "Wait until the other member has left, or its session is over, then join again.",
  unsupported_assignor: "Ask for `uniform` or `range`, or for none.",
  stale_member_epoch: "Poll, and take up the epoch that it answers.",
  transaction_abortable: "Abort the transaction, and do it again.",
  invalid_regular_expression: "Write it as RE2 has it: without look-around and back-references.",
  invalid_update_version: "Read it anew, and change what is there now.",
  kafka_storage_error: DISK,
  log_damaged: "Go on behind the place that `detail` names; see `kedge doctor --data`.",
  storage_full: "Make room on the disk; send the same again after `Retry-After`.",
  state_too_large: "Keep less in it: fewer members, topics or shorter names.",
  invalid_cursor: "Send the cursor exactly as an event of this tail gave it, or none.",
  unauthenticated: "Send `Authorization: Bearer TOKEN`, the token of `--token-file`.",
  origin_refused: "Start the node with `--cors-origin` for that page's origin.",
  unknown_route: "See /docs or /openapi.json for what there is.",
  method_not_allowed: "Use a method that the header `Allow` names.",
  body_timed_out: "Send the same again, in smaller bodies over a slow line.",
  body_too_large: "Send less at once; lines (NDJSON) have no limit over all.",
  uri_too_long: "Ask for less at once.",
  unsupported_media_type: "Send a body of the types that `detail` names.",
  unknown_host: "Use a name that the node knows, or start it with `--host-name` for this one.",
  upgrade_required: "Open the path as a WebSocket.",
  request_header_fields_too_large: "Send less in headers: records with headers go as a JSON body.",
  too_many_bodies: LATER,
  node_stopping: "Send the same again, to the node once it is back.",
  bad_request: MEND,
};

const kinds = new Map<string, HttpProblemKind>(
  Object.entries({ ...refusalKinds, ...httpProblemKinds }),
);

/** Every kind of problem there is, by code. */
export const errorKinds: readonly ErrorKind[] = Object.entries(advice)
  .map(([code, words]) => ({ code, words, kind: present(kinds.get(code), "advice is of a kind") }))
  .map(({ code, words, kind: { status, kafka, retryable, title } }) => ({
    code,
    status,
    kafka_error: kafka,
    retryable,
    title,
    advice: words,
  }))
  .toSorted((a, b) => (a.code < b.code ? -1 : 1));
